"""Copies of a run's checkpoints in object storage, or wherever else fsspec reaches, from which a run can go on."""

import logging
import os
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from photoreal.datasets.writers import atomic_path
from photoreal.engine.agreement import done_by
from photoreal.engine.checkpoint import BEST, LATEST, point_at, read_meta
from photoreal.engine.saving import best_files, best_name, numbered_name
from photoreal.errors import CheckpointError, StorageError
from photoreal.storage import exists, explained, fetch, open_storage, upload

_METRICS = 'metrics.json'
_NAMES = (_METRICS, BEST, LATEST)  # in this order: what belongs to a checkpoint is there when it is
_SNAPSHOT = '.mirror'  # a folder in the work dir
File = tuple[str, int]  # its path, and when it was written


@HOOKS.register_module()
class MirrorHook(Hook):
    """Copy each checkpoint, when it is written, to ``<url>/latest.pth`` or ``<url>/best.pth``; metrics.json with it.

    The run itself stays in its work_dir, and does not wait: of what is written while a copy is under way the newest is
    copied next. What cannot be copied is said in the log, and the next checkpoint is tried. At its end, and when it is
    stopped by a signal, the run waits for the newest copy.

    ``--resume`` without a path goes on from ``<url>/latest.pth`` where that is newer than what lies in the work dir.
    Of several metrics that have a best checkpoint, the first one's is copied.

    Args:
        url: Where to: ``s3://bucket/street`` (needs s3fs), ``gs://bucket/street`` (gcsfs), or any other of fsspec's. A
            folder for this run alone.

    Raises:
        ConfigError: fsspec does not know such a URL, or lacks the package for it.
    """

    priority = 'LOWEST'  # after what writes checkpoints

    def __init__(self, url: str) -> None:
        self.url = url.rstrip('/')
        with explained(url):
            open_storage(url)
        self._thread = ThreadPoolExecutor(1, 'mirror')
        self._running: Future | None = None
        self._tried: dict[str, File] = {}
        self._copied: dict[str, File] = {}  # the thread's, while it runs

    def before_run(self, runner: Runner) -> None:
        """Put what a run that goes on from its copy had beside its checkpoint where the other hooks look for it."""
        done_by(0, partial(self._restore, runner))

    def _restore(self, runner: Runner) -> None:
        folder = Path(runner.work_dir)
        shutil.rmtree(folder / _SNAPSHOT, ignore_errors=True)  # of a process that was killed
        if runner.cfg.get('resume') and str(runner.cfg.load_from).rstrip('/') in (self.url, copy_of(self.url)):
            restore(self.url, folder)
            self._tried = self._copied = _found(folder)

    @master_only
    def before_train(self, runner: Runner) -> None:
        if not runner.iter:
            self._running = self._thread.submit(self._look, runner.logger)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict[str, float] | None = None) -> None:
        self._copy_new(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._copy_new(runner)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Wait for a copy of the newest; what could not be copied before is tried once more."""
        self._wait()
        self._tried = self._copied
        self._copy_new(runner)
        self._wait()
        lacking = [name for name in _NAMES if self._tried.get(name) != self._copied.get(name)]
        if lacking:
            runner.logger.error(f'{self.url} lacks the newest {", ".join(lacking)}, for the reason above; copy it by '
                                f'hand from {runner.work_dir}')

    @master_only
    def _copy_new(self, runner: Runner) -> None:
        """Start to copy what has been written since, unless a copy is under way."""
        if self._running is not None and not self._running.done():
            return
        self._wait()
        folder = Path(runner.work_dir)
        new = {name: file for name, file in _found(folder).items() if self._tried.get(name) != file}
        if new:
            for name in new:
                _link(folder / name, folder / _SNAPSHOT / name)
            self._tried = {**self._tried, **new}
            self._running = self._thread.submit(self._copy, folder / _SNAPSHOT, new, runner.logger)

    def _wait(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _copy(self, snapshot: Path, new: dict[str, File], logger: logging.Logger) -> None:
        start, copied, failed = time.monotonic(), [], {}
        for name, file in new.items():
            try:
                upload(snapshot / name, f'{self.url}/{name}')
                self._copied = {**self._copied, name: file}
                copied.append(name)
            except StorageError as error:
                failed[name] = str(error)
        shutil.rmtree(snapshot)
        if copied:
            logger.info(f'copied {", ".join(copied)} to {self.url} in {time.monotonic() - start:.1f} s')
        if failed:
            logger.warning(f'not copied, and the run goes on: {", ".join(failed)}: {next(iter(failed.values()))}')

    def _look(self, logger: logging.Logger) -> None:
        """At the start, so that what is wrong is told then, and not when the first checkpoint is copied."""
        try:
            if exists(copy_of(self.url)):
                logger.warning(f'{copy_of(self.url)} is of another run, or another start of this one, and will be '
                               'replaced; to go on from it: --resume')
        except StorageError as error:
            logger.warning(f'no checkpoint can be copied now, and the run goes on: {error}')


def copy_of(url: str) -> str:
    """The URL of the newest checkpoint in a mirror."""
    return f'{url.rstrip("/")}/{LATEST}'


def mirror_of(cfg: Config) -> str | None:
    """The URL of a config's MirrorHook."""
    for section in ('default_hooks', 'custom_hooks'):
        hooks = cfg.get(section) or []
        for hook in hooks.values() if isinstance(hooks, dict) else hooks:
            if hook is not None and hook.get('type') in ('MirrorHook', MirrorHook):
                return hook['url']
    return None


def restore(url: str, folder: Path) -> None:
    """Put a mirror's checkpoint and what belongs to it into a work dir, in place of what is there.

    Raises:
        StorageError: It cannot be reached.
        CheckpointError: The checkpoint cannot be read.
    """
    latest = fetch(copy_of(url))
    path = folder / numbered_name(read_meta(latest)['iter'])
    _link(latest, path)
    point_at(folder / LATEST, path)
    if exists(f'{url}/{_METRICS}'):
        _link(fetch(f'{url}/{_METRICS}'), folder / _METRICS)
    if exists(f'{url}/{BEST}'):
        _restore_best(f'{url}/{BEST}', folder)


def _restore_best(url: str, folder: Path) -> None:
    best = fetch(url)
    try:
        meta = read_meta(best)
        metric, name = meta['metric'], best_name(meta['metric'], meta['iter'])
    except (CheckpointError, KeyError) as error:  # a run can do without
        print_log(f'passed over: {url}: it is no best checkpoint of a run ({error})', 'current', logging.WARNING)
        return
    for stale in best_files(folder, metric):
        stale.unlink()
    _link(best, folder / name)
    point_at(folder / BEST, folder / name)


def _found(folder: Path) -> dict[str, File]:
    """Name -> the file it stands for, and when that was written, of what is there to be copied."""
    paths = {name: (folder / name).resolve() for name in _NAMES}
    return {name: (str(path), path.stat().st_mtime_ns) for name, path in paths.items() if path.is_file()}


def _link(source: Path, target: Path) -> None:
    """Give a file another name, under which it stays when the run deletes or replaces the first."""
    with atomic_path(target) as temporary:
        try:
            os.link(source.resolve(), temporary)
        except OSError:  # another disk, or one that has no links
            shutil.copyfile(source, temporary)
