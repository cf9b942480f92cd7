"""Which checkpoints a run makes, and which it keeps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from photoreal.engine.agreement import gather
from photoreal.engine.checkpoint import BEST, LATEST, point_at, read_meta
from photoreal.errors import CheckpointError, ConfigError


@HOOKS.register_module()
class RunCheckpointHook(Hook):
    """Save ``iter_<n>.pth`` every ``interval`` iterations, after the last one, and where a run is stopped.

    A file is deleted only when the one that takes its place is whole: a save that fails, or a kill at any moment,
    leaves what there was. ``latest.pth`` and ``best.pth`` point at the newest one and at the best one.

    Args:
        interval: Iterations between two.
        max_keep_ckpts: How many of the newest stay; -1: all.
        save_best: Metrics of the validation, such as ``real/psnr``: of each the best weights are kept besides, as
            ``best_<metric>_iter_<n>.pth``; ``best.pth`` goes by the first.
        rule: Whether more or less of them is better; None: what the metric itself says.

    Raises:
        ConfigError: An argument is out of range.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 1000, max_keep_ckpts: int = -1, save_best: str | Sequence[str] | None = None,
                 rule: Literal['greater', 'less'] | None = None) -> None:
        if interval < 1 or (max_keep_ckpts < 1 and max_keep_ckpts != -1) or rule not in ('greater', 'less', None):
            raise ConfigError(f"RunCheckpointHook: interval={interval}, max_keep_ckpts={max_keep_ckpts}, rule={rule!r}"
                              "; expected 1 or more, 1 or more or -1, and 'greater', 'less' or None")
        self.interval, self.max_keep_ckpts, self.rule = interval, max_keep_ckpts, rule
        self.save_best = [save_best] if isinstance(save_best, str) else list(save_best or ())
        self._saved = 0  # iteration of the newest

    def before_train(self, runner: Runner) -> None:
        """Adopt what the run has left behind before it was resumed, and clean up after kills."""
        self.folder = Path(runner.work_dir)
        self._saved = runner.iter
        if is_main_process():
            for half in self.folder.glob('.*.tmp.pth'):
                half.unlink()
            if (self.folder / numbered_name(runner.iter)).is_file():  # a kill may have come before its link was made
                point_at(self.folder / LATEST, self.folder / numbered_name(runner.iter))
            self._prune(runner)
        own = {metric: self._best_score(metric, runner.iter) for metric in self.save_best}
        self.scores = max(gather(own), key=lambda scores: [score is not None for score in scores.values()])

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self._save(runner, runner.iter + 1)

    def after_train(self, runner: Runner) -> None:
        """Save the iteration after which the run was stopped."""
        if self._saved != runner.iter:
            self._save(runner, runner.iter)

    def _save(self, runner: Runner, iteration: int) -> None:
        hub = runner.message_hub
        kept = [n for n in hub.runtime_info.get('kept_checkpoints', []) if n != iteration]
        hub.update_info('kept_checkpoints', [*kept, iteration])
        runner.logger.info(f'Saving {self.folder / numbered_name(iteration)}')
        runner.save_checkpoint(str(self.folder), numbered_name(iteration), meta={'iter': iteration}, link=LATEST)
        self._saved = iteration
        self._prune(runner)

    def _prune(self, runner: Runner) -> None:
        """Delete what is beyond ``max_keep_ckpts``."""
        kept = runner.message_hub.runtime_info.get('kept_checkpoints', [])
        if self.max_keep_ckpts == -1 or len(kept) <= self.max_keep_ckpts:
            return
        for iteration in kept[:-self.max_keep_ckpts]:
            if is_main_process():
                (self.folder / numbered_name(iteration)).unlink(missing_ok=True)
        runner.message_hub.update_info('kept_checkpoints', kept[-self.max_keep_ckpts:])

    # The best ones ----------------------------------------------------------------------------------------------

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        for metric in self.save_best:
            score = (metrics or {}).get(metric)
            if score is None:
                raise ConfigError(f"default_hooks.checkpoint.save_best='{metric}': the validation has measured "
                                  f'{", ".join(sorted(metrics or ())) or "nothing"}; choose one of these, or None')
            if self._is_better(runner, metric, float(score), self.scores[metric]):
                self.scores[metric] = float(score)
                self._save_best(runner, metric)

    def _is_better(self, runner: Runner, metric: str, score: float, best: float | None) -> bool:
        if best is None or score != score:  # not a number is never better
            return score == score
        greater = self.rule == 'greater' if self.rule else _is_more_better(runner, metric)
        return score > best if greater else score < best

    def _save_best(self, runner: Runner, metric: str) -> None:
        name = best_name(metric, runner.iter)
        runner.save_checkpoint(
            str(self.folder), name, save_optimizer=False, save_param_scheduler=False,
            meta={'iter': runner.iter, 'metric': metric, 'score': self.scores[metric]},
            link=BEST if metric == self.save_best[0] else None)
        runner.logger.info(f'The best {metric} so far, {self.scores[metric]:.4f}: saved {name}')
        if is_main_process():
            for path in best_files(self.folder, metric):
                if path.name != name:
                    path.unlink()

    def _best_score(self, metric: str, iteration: int) -> float | None:
        """The score of the best so far; what the run had reached after the checkpoint it goes on from is not known."""
        for path in best_files(self.folder, metric):
            try:
                meta = read_meta(path)
            except CheckpointError:
                continue  # damaged: the next validation makes another
            if meta.get('metric') == metric and meta.get('iter', iteration + 1) <= iteration:
                return meta['score']
        return None


def numbered_name(iteration: int) -> str:
    """The name of a checkpoint from which a run can go on."""
    return f'iter_{iteration}.pth'


def best_name(metric: str, iteration: int) -> str:
    """The name of the best weights by a metric."""
    return f'{_stem(metric)}_{numbered_name(iteration)}'


def best_files(folder: Path, metric: str) -> list[Path]:
    """The best weights by a metric in a work dir: one file, but for a moment, or after a kill."""
    return sorted(folder.glob(f'{_stem(metric)}_iter_*.pth'))


def _stem(metric: str) -> str:
    return f'best_{metric}'.replace('/', '_')


def _is_more_better(runner: Runner, name: str) -> bool:
    owners = [metric for metric in runner.val_loop.evaluator.metrics if name.startswith(f'{metric.prefix}/')]
    if not owners or not all(hasattr(metric, 'higher_is_better') for metric in owners):
        raise ConfigError(f"default_hooks.checkpoint: '{name}' does not tell whether more of it is better; set "
                          "default_hooks.checkpoint.rule to 'greater' or 'less'")
    return any(name.removeprefix(f'{metric.prefix}/') in metric.higher_is_better for metric in owners)
