"""What to do where the processes that load data have failed for want of memory, or of anything else a system gives."""

import errno
import os
import re
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from photoreal.errors import DataError

_SHARED_MEMORY = '/dev/shm'
_NO_SHARED_MEMORY = re.compile(r'workers are out of shared memory|unable to \w+ .*(?:shared memory|</torch_)')
_DIED = re.compile(r'DataLoader worker \(pid.*?\) (?:is killed by signal: (?P<signal>[^.]+)\.|exited unexpectedly)')


@contextmanager
def workers_explained(phases: Sequence[str]) -> Iterator[None]:
    """Within, what PyTorch says of data workers that failed becomes an error that says what to do.

    Args:
        phases: Whose workers they may be.

    Raises:
        DataError: Workers failed for a reason that is not in the data.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        reason = _reason(error)
        if reason is None:
            raise
        _lay_to_rest(error)
        without = ' '.join(f'{phase}_dataloader.num_workers=0' for phase in phases)
        raise DataError(f'{reason}, or load in the main process: --cfg-options {without}') from error


def _lay_to_rest(error: Exception) -> None:
    """Have a half-made iterator of PyTorch's go without a traceback: its destructor counts on all of it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        unfinished = frame.f_locals.get('self')
        if type(unfinished).__name__ == '_MultiProcessingDataLoaderIter' and not hasattr(unfinished, '_shutdown'):
            unfinished._shutdown = True


def _reason(error: RuntimeError | OSError) -> str | None:
    """What failed, and a way out; None: it was not the workers."""
    text, number = '\n'.join(_causes(error)), error.errno if _is_of_a_start(error) else None
    died = max(_DIED.finditer(text), key=lambda found: found['signal'] or '', default=None)
    if 'Too many open files' in text or 'items of ancdata' in text:
        return 'the data workers need more open files than this shell allows: raise the limit with `ulimit -n 65536`'
    if _NO_SHARED_MEMORY.search(text) or died and died['signal'] == 'Bus error' or _is_room_for_locks_missing(error):
        return (f'/dev/shm is too small ({_room()}): batches of the data workers pass through it. Start the container '
                'with --shm-size=8g or --ipc=host (in Kubernetes with an emptyDir of medium Memory, mounted there)')
    if died and died['signal'] == 'Killed' or number == errno.ENOMEM:
        return ('a data worker was killed or could not be started, most likely for want of memory: give the machine or '
                'the container more, use fewer workers')
    if number == errno.EAGAIN:
        return 'no more processes can be started here: raise the limit with `ulimit -u`, use fewer data workers'
    if died:
        how = f' ({died["signal"]})' if died['signal'] else ''
        return f'a data worker has died{how}: see above whether it said why, update the packages that read the data'
    return None


def _causes(error: BaseException | None) -> Iterator[str]:
    """The signal that ended a worker is told by the cause of what PyTorch raises, or by itself."""
    while error is not None:
        yield str(error)
        error = error.__cause__


def _is_of_a_start(error: Exception) -> bool:
    """Whether the system refused to start a process."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, OSError) and bool(frames) and 'multiprocessing' in frames[-1].filename


def _is_room_for_locks_missing(error: Exception) -> bool:
    """The locks of the workers' queues lie in shared memory, too; for them no file is named."""
    return getattr(error, 'errno', None) == errno.ENOSPC and error.filename is None and \
        os.path.isdir(_SHARED_MEMORY) and shutil.disk_usage(_SHARED_MEMORY).free < os.sysconf('SC_PAGE_SIZE')


def _room() -> str:
    if not os.path.isdir(_SHARED_MEMORY):
        return 'there is none'
    usage = shutil.disk_usage(_SHARED_MEMORY)
    return f'{usage.total / 1e6:.1f} MB, {usage.free / 1e6:.1f} MB free'
