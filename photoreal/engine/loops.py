"""The training loop: MMEngine's, but it resumes at the right clip instead of replaying data, and stops when told."""

import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.utils import calc_dynamic_intervals
from torch import nn
from torch.utils.data import DataLoader

from photoreal.datasets.samplers import ClipSampler, clip_indices
from photoreal.engine.checkpoint import HISTORY
from photoreal.engine.resume import random_states_kept
from photoreal.engine.stopping import StopRequest, workers_spared
from photoreal.errors import ConfigError


@LOOPS.register_module()
class ClipTrainLoop(IterBasedTrainLoop):
    """Train for ``max_iters`` iterations on clips by index.

    The sampler must be a :class:`~photoreal.datasets.ClipSampler`: iteration i takes the clips that it takes in a
    run that was never interrupted, and decodes none before them.

    SIGTERM, SIGUSR1 and Ctrl-C end the run after the current iteration, on all processes after the same one; hooks that
    save see ``stop_training`` in their ``after_train``. A validation ends at once where there is one process, and is
    made up for when the run is resumed.
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
        self.stopped_by = 0  # the signal that ended the run

    def run(self) -> nn.Module:
        """Train from the current iteration to the last, validating on the way, unless a signal comes."""
        # Of a player that makes no step yet: its learning rate goes on all the same, by the iteration.
        warnings.filterwarnings('ignore', message='Detected call of `scheduler.step')
        loaders = [loop.dataloader for loop in (self, self.runner.val_loop) if loop is not None]
        with workers_spared(loaders), StopRequest() as stop:
            self._run(stop)
        self.stopped_by = stop.signal
        return self.runner.model

    def _run(self, stop: StopRequest) -> None:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.dataloader.sampler.start = self._first_clip()
        batches = iter(self.dataloader)
        self.runner.restore_random_states()
        self._decide_current_val_interval()
        if self._iter >= self._max_iters:
            self.runner.logger.warning(f'the run is done: it has reached iteration {self._iter}, and '
                                       f'train_cfg.max_iters={self._max_iters}; raise that to train on')
        if self._is_validation_due() and self.runner.message_hub.runtime_info.get('validated') != self._iter:
            self._validate(stop)  # the run was stopped between the checkpoint and this
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            self.stop_training |= bool(stop.agreed())
            if self._is_validation_due() and not self.stop_training:
                self._validate(stop)
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')

    def run_iter(self, data_batch: dict[str, Any]) -> None:
        """One iteration; what the step returns to be logged comes from the device in one go."""
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=data_batch)
        outputs = self.runner.model.train_step(data_batch, optim_wrapper=self.runner.optim_wrapper)
        outputs = dict(zip(outputs, torch.stack([value.float() for value in outputs.values()]).tolist()))
        self.runner.call_hook('after_train_iter', batch_idx=self._iter, data_batch=data_batch, outputs=outputs)
        for history in self.runner.message_hub.log_scalars.values():
            history.max_length = HISTORY  # MMEngine copies all of it for every new value
        self._iter += 1

    def _first_clip(self) -> int:
        """The number of the first clip of this iteration, over all processes."""
        return self._iter * self.dataloader.batch_size * self.dataloader.sampler.world_size

    def clips(self) -> list[int | tuple[int, int]]:
        """What the dataset is asked for the clips by that this process has in the current iteration."""
        sampler, size = self.dataloader.sampler, self.dataloader.batch_size
        numbers = islice(clip_indices(self._first_clip(), sampler.rank, sampler.world_size), size)
        return [sampler.item(number) for number in numbers]

    def _is_validation_due(self) -> bool:
        due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        return self.runner.val_loop is not None and self._iter >= max(self.val_begin, 1) and due

    def _validate(self, stop: StopRequest) -> None:
        """Validate, without a trace in the training that comes after it."""
        validate = self.runner.val_loop.run
        with random_states_kept():
            if self.dataloader.sampler.world_size == 1:
                stop.until_signal(validate)
            else:
                validate()
        self.stop_training |= bool(stop.agreed())
