"""The training loop: MMEngine's, but it resumes at the right clip instead of replaying the data."""

from collections.abc import Sequence

from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import DataLoader

from photoreal.datasets.samplers import ClipSampler
from photoreal.errors import ConfigError


@LOOPS.register_module()
class ClipTrainLoop(IterBasedTrainLoop):
    """Train for ``max_iters`` iterations on clips by index.

    The sampler must be a :class:`~photoreal.datasets.ClipSampler`: iteration i takes the clips that it takes in a
    run that was never interrupted, and decodes none before them.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, max_iters: int, val_begin: int = 1,
                 val_interval: int = 1000, dynamic_intervals: Sequence[tuple[int, int]] | None = None) -> None:
        # Not IterBasedTrainLoop's constructor: it has workers decode clips from the first on, which nobody takes.
        super(IterBasedTrainLoop, self).__init__(runner, dataloader)
        self._max_iters, self._max_epochs, self._iter, self._epoch = max_iters, 1, 0, 0
        self.val_begin, self.val_interval, self.stop_training = val_begin, val_interval, False
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(val_interval, dynamic_intervals)
        if not isinstance(self.dataloader.sampler, ClipSampler):
            raise ConfigError(f'train_dataloader.sampler is a {type(self.dataloader.sampler).__name__}: ClipTrainLoop '
                              "needs dict(type='ClipSampler')")

    def run(self):
        """Train from the current iteration to the last, validating on the way."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.dataloader.sampler.start = self._iter * self.dataloader.batch_size * self.dataloader.sampler.world_size
        batches = iter(self.dataloader)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
            if self.runner.val_loop is not None and self._iter >= self.val_begin and due:
                self.runner.val_loop.run()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model
