"""Copies of a run's checkpoints in object storage, or wherever else fsspec reaches."""

from pathlib import Path
from typing import Any

import fsspec
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from photoreal.engine.checkpoint import BEST, LATEST
from photoreal.errors import ConfigError


@HOOKS.register_module()
class MirrorHook(Hook):
    """Copy each checkpoint, when it is written, to ``<url>/latest.pth`` or ``<url>/best.pth``; metrics.json with it.

    The run itself stays in its work_dir. Training waits for the copy.

    Args:
        url: Where to: ``s3://bucket/street`` (needs s3fs), ``gs://bucket/street`` (gcsfs), or any other of fsspec's.
        storage_options: What its file system is given, such as ``dict(endpoint_url='http://minio:9000')`` for s3.

    Raises:
        ConfigError: fsspec does not know such a URL, or lacks the package for it.
    """

    priority = 'LOWEST'  # after what writes checkpoints

    def __init__(self, url: str, storage_options: dict[str, Any] | None = None) -> None:
        try:
            self.storage, self.root = fsspec.core.url_to_fs(url, **(storage_options or {}))
        except (ImportError, ValueError) as error:
            raise ConfigError(f'MirrorHook: url={url!r}: {error}; expected a URL that fsspec knows, such as '
                              "'s3://bucket/run' with s3fs installed") from error
        self._copied: dict[str, tuple[Path, int]] = {}  # name -> the file and when it was written

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict[str, float] | None = None) -> None:
        self._copy_new(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._copy_new(runner)

    def after_train(self, runner: Runner) -> None:
        self._copy_new(runner)

    @master_only
    def _copy_new(self, runner: Runner) -> None:
        folder = Path(runner.work_dir)
        for name in (LATEST, BEST, 'metrics.json'):
            path = (folder / name).resolve()
            if not path.is_file():
                continue
            found = path, path.stat().st_mtime_ns
            if self._copied.get(name) != found:
                self.storage.makedirs(self.root, exist_ok=True)
                self.storage.put_file(str(path), f'{self.root}/{name}')
                self._copied[name] = found
