"""The folder of a run: it holds one run, and one program at a time writes to it."""

import errno
import logging
import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from mmengine.config import Config
from mmengine.logging import print_log

from photoreal.engine.agreement import done_by, gather, wait_for_all
from photoreal.engine.checkpoint import BEST, LATEST
from photoreal.engine.mirror import copy_of, mirror_of
from photoreal.engine.provenance import FILE, last_start
from photoreal.engine.resume import numbered_checkpoints
from photoreal.errors import ConfigError, StorageError
from photoreal.metrics.base import DOMAINS
from photoreal.storage import exists, is_url

Earlier = Literal['keep', 'continue', 'replace']
LOCK = '.lock'
_LOGS = re.compile(r'\d{8}_\d{6}')  # MMEngine's name for the folder of one start's log
_METRICS = 'metrics.json'
_OF_TEST = (_METRICS, 'frames.json', 'report.html')
_NO_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC,
             errno.EDQUOT, errno.ENAMETOOLONG)


@contextmanager
def sole_use(folder: str | os.PathLike) -> Iterator[None]:
    """Keep other programs out of a folder; it is made, and removed again where nothing was put into it.

    The lock is one of the kernel (``flock``), so it goes with the process, however that ends. NFS passes it on to other
    machines, unless it is mounted with ``nolock`` or ``local_lock``. Where a file system has no locks, a warning says
    so.

    Args:
        folder: The same in all processes of this program; the main one takes the lock.

    Raises:
        ConfigError: Another program is at work there, or the folder cannot be made or written to.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)
    done_by(0, partial(_take, lock, folder))
    try:
        yield
    finally:
        if lock.is_locked:
            if os.name == 'posix':
                # While it is still held: whoever has opened it by now then finds that it has no name.
                (folder / LOCK).unlink(missing_ok=True)
            lock.release()
            _remove_empty(made)


def _take(lock: FileLock, folder: Path) -> None:
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if os.name == 'posix':  # elsewhere what is locked cannot be written to
            path.write_text(f'process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}',
                            encoding='utf-8')
    except Timeout as error:
        raise ConfigError(f'{folder} is in use by another run ({_holder(path)}): wait for its end, stop it, or choose '
                          'another folder') from error
    except OSError as error:
        lock.release()
        if error.errno in _NO_PLACE:
            raise ConfigError(f'{folder} cannot be written to: {error.strerror}; choose another folder') from error
        print_log(f'{folder} is on a file system without locks ({error.strerror}): nothing keeps a second run out of '
                  'it', level=logging.WARNING)


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8') or 'which is just starting'
    except OSError:  # it has ended by now, or this is Windows
        return 'its process is not known'


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of some folders, the innermost first, that hold nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def check_free(cfg: Config, earlier: Earlier) -> None:
    """Check that a start of a training destroys no other run, in its work dir or its mirror.

    Args:
        cfg: The config, with ``work_dir`` set, ``load_from`` and ``resume`` as they will be used.
        earlier: What to do with a run that is there: 'keep' it, 'continue' it, or 'replace' it.

    Raises:
        ConfigError: The work dir holds a run that is to be kept, or would lose what the new one starts from.
    """
    folder = Path(cfg.work_dir)
    start = cfg.get('load_from')
    if earlier == 'replace':
        if start and not is_url(start) and _within(Path(start), folder):
            raise ConfigError(f'load_from={start} is of the run in {folder}, which is to be replaced: copy it to '
                              'another place, or choose another --work-dir')
        return
    held = next(filter(None, gather(held_run(folder))), None)
    if cfg.get('resume') and start:
        if any(gather(has_checkpoint(folder))) and not _is_own(start, cfg):
            raise ConfigError(f'{folder} holds {held}, and {start} is of another one: --resume alone goes on with the '
                              'run in the work dir; to go on from another, choose another --work-dir')
    elif held and earlier != 'continue':
        raise ConfigError(f'{folder} holds {held} already: go on with it by --resume, choose another --work-dir, or '
                          'replace it by --overwrite')
    elif any(gather(bool(numbered_checkpoints(folder)))):
        raise ConfigError(f'{folder} has been given a checkpoint just now: start again, and the run goes on from it')
    elif earlier == 'keep' and (url := mirror_of(cfg)) and done_by(0, partial(_is_taken, copy_of(url))):
        raise ConfigError(f'{copy_of(url)} is of an earlier run: go on with it by --resume, choose another URL for '
                          'MirrorHook, or replace it by --overwrite')


def check_same_config(cfg: Config) -> None:
    """Check that the run in a work dir that nobody has named is one of this config, and not of another of its name.

    Raises:
        ConfigError: It was started with another file, which still exists elsewhere.
    """
    folder, start = Path(cfg.work_dir), last_start(Path(cfg.work_dir)) or {}
    own, other = Path(cfg.filename).resolve(), Path(start.get('folder', ''), start.get('config') or cfg.filename)
    if other.is_file() and other.resolve() not in (own, folder.resolve() / own.name):
        raise ConfigError(f'{folder} holds a run of {other}, and not of {cfg.filename}: choose another --work-dir, or '
                          f'name this one to go on with it: --work-dir {folder}')


def _is_taken(url: str) -> bool:
    try:
        return exists(url)
    except StorageError:
        return False  # the hook warns of it; a run can do without its mirror


def held_run(folder: Path) -> str | None:
    """A run that a folder holds, in words; None: there is none, or it ended before its first iteration was logged."""
    files = _files(folder)
    if not files and not any(folder.glob('*/vis_data/scalars.json')):
        return None
    newest = max(numbered_checkpoints(folder), default=None)
    config = (last_start(folder) or {}).get('config')
    return ('a run' + (f' of {config}' if config else '')
            + (f', up to iteration {newest},' if newest is not None else ''))


def _files(folder: Path) -> list[Path]:
    """What a run writes that another one would replace or go on with."""
    own = [*numbered_checkpoints(folder).values(), *folder.glob('best_*_iter_*.pth'),
           *(folder / name for name in (LATEST, BEST, _METRICS))]
    return [path for path in own if path.is_symlink() or path.is_file()]


def has_checkpoint(folder: Path) -> bool:
    """Whether a run has saved something in a folder."""
    return any(path.suffix == '.pth' for path in _files(folder))


def _is_own(start: str, cfg: Config) -> bool:
    """Whether a checkpoint is of the run in the work dir, or in its mirror."""
    if is_url(start):
        url = mirror_of(cfg)
        return url is not None and start.startswith(url.rstrip('/'))
    return _within(Path(start), Path(cfg.work_dir))


def _within(path: Path, folder: Path) -> bool:
    return folder.resolve() in (path.resolve(), path.resolve().parent, path.parent.resolve())


def remove_run(folder: str | os.PathLike) -> None:
    """Remove a run from a work dir, with its logs; what else lies there stays. To be called by all processes, of which
    each may have such a folder on a disk of its own.
    """
    folder = Path(folder)
    for path in [*_files(folder), folder / FILE]:
        path.unlink(missing_ok=True)
    for logs in folder.glob('*/vis_data'):
        if _LOGS.fullmatch(logs.parent.name):
            shutil.rmtree(logs.parent, ignore_errors=True)  # another process may be at it, too
    wait_for_all()


def check_test_folder(folder: str | os.PathLike) -> None:
    """Check that what a test writes destroys nothing, and mixes with nothing, that another program has made.

    Raises:
        ConfigError: The folder is a run's work dir, or holds predictions that no test has written.
    """
    folder = Path(folder)
    if any(gather(has_checkpoint(folder) or any(folder.glob('*/vis_data/scalars.json')))):
        raise ConfigError(f'{folder} is the work dir of a run, and a test would write over its metrics.json: choose '
                          'another --out, such as a folder in it')
    tested = any((folder / name).exists() for name in ('log', *_OF_TEST))
    foreign = None if tested else next(iter(_predictions(folder)), None)
    foreign = next(filter(None, gather(foreign)), None)
    if foreign:
        raise ConfigError(f'{folder} holds {foreign}, which no test has written: choose another --out')


def _predictions(folder: Path) -> list[Path]:
    patterns = [f'{domain}/{pattern}' for domain in DOMAINS for pattern in ('*/*.png', '*.mp4')]
    return [path for pattern in patterns for path in folder.glob(pattern)]


def remove_test(folder: str | os.PathLike) -> None:
    """Remove what a test has written, but for its logs; what else lies there stays. As :func:`remove_run`."""
    folder = Path(folder)
    for path in [*_predictions(folder), *(folder / name for name in _OF_TEST)]:
        path.unlink(missing_ok=True)
    _remove_empty(path for domain in DOMAINS for path in folder.glob(f'{domain}/*') if path.is_dir())
    wait_for_all()
