"""The lines of a run's log: training by iterations and by time, a validation as one table."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import dump
from mmengine.hooks import LoggerHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from photoreal.engine.agreement import greatest
from photoreal.engine.validation_table import ValidationTable
from photoreal.errors import ConfigError
from photoreal.progress import duration
from photoreal.structures import FrameResult


@HOOKS.register_module()
class RunLoggerHook(LoggerHook):
    """Write losses and metrics to the console, the log file and the trackers.

    A line of training comes every ``interval`` iterations, after the last one, and whenever nothing was said for
    ``seconds``. A validation shows how far it is now and then, and at its end one table of the metrics that matter;
    all of them go to the trackers and, by :class:`~photoreal.engine.hooks.MetricsJsonHook`, into ``metrics.json``.

    Args:
        interval: Iterations from one line of the log to the next.
        seconds: The longest silence; iterations and frames that take longer themselves are not interrupted.
        log_metric_by_epoch: Counts metrics by epoch. photoreal counts iterations, so False.

    Raises:
        ConfigError: ``seconds`` is not above 0.
    """

    def __init__(self, interval: int = 50, seconds: float = 30.0, log_metric_by_epoch: bool = False) -> None:
        super().__init__(interval=interval, log_metric_by_epoch=log_metric_by_epoch)
        if seconds <= 0:
            raise ConfigError(f'RunLoggerHook: seconds={seconds}; expected more than 0')
        self.seconds = seconds
        self._told = self._started = time.monotonic()

    def before_train(self, runner: Runner) -> None:
        self._told = time.monotonic()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        # All processes must log the same iterations: the peak of their GPUs' memory is gathered for it.
        overdue = greatest(time.monotonic() - self._told >= self.seconds)
        if not overdue and (batch_idx + 1) % self.interval and batch_idx + 1 != runner.max_iters:
            return
        tag, line = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
        runner.logger.info(line)
        runner.visualizer.add_scalars(tag, step=runner.iter + 1, file_path=self.json_log_path)
        self._told = time.monotonic()

    def before_val_epoch(self, runner: Runner) -> None:
        self._told = self._started = time.monotonic()

    def before_test_epoch(self, runner: Runner) -> None:
        self.before_val_epoch(runner)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: Sequence[FrameResult] | None = None) -> None:
        self._tell_progress(runner, 'validation', batch_idx + 1, len(runner.val_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                        outputs: Sequence[FrameResult] | None = None) -> None:
        self._tell_progress(runner, 'test', batch_idx + 1, len(runner.test_dataloader))

    def _tell_progress(self, runner: Runner, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total:
            if what == 'test' or now - self._started >= self.seconds:
                runner.logger.info(f'{what}: all {total} frames are predicted; now the metrics over all of them')
        elif now - self._told >= self.seconds:
            self._told = now
            left = (now - self._started) * (total - done) / done
            runner.logger.info(f'{what}: {done} of {total} frames, about {duration(left)} left')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        tag, _ = runner.log_processor.get_log_after_epoch(runner, len(runner.val_dataloader), 'val')
        step = runner.epoch if self.log_metric_by_epoch else runner.iter
        runner.visualizer.add_scalars(tag, step=step, file_path=self.json_log_path)
        self._show(runner, f'validation after iteration {runner.iter}', metrics or {}, runner.val_evaluator.metrics)
        self._told = time.monotonic()

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        tag, _ = runner.log_processor.get_log_after_epoch(runner, len(runner.test_dataloader), 'test',
                                                          with_non_scalar=True)
        # Who tests prints a table with a row for each video.
        self._show(runner, 'test', metrics or {}, runner.test_evaluator.metrics, console=False)
        dump(self._process_tags(tag), os.path.join(runner.log_dir, self.json_log_path))

    def _show(self, runner: Runner, what: str, values: dict[str, float], metrics: Sequence[Any],
              console: bool = True) -> None:
        table = ValidationTable.of(values, metrics)
        title = f'{what}, in {duration(time.monotonic() - self._started)}'
        title += ' (in brackets: of the input as it is)' if table.has_input else ''
        rich = console and sys.stdout.isatty()
        runner.logger.info(f'{title}\n{table.plain()}', extra={'file_only': rich or not console})
        if rich and is_main_process():
            table.print_rich(title)
