"""What a user is told when the processes that load data fail."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from photoreal.engine.workers import workers_explained
from photoreal.errors import DataError
from tests import tiny


class Killed:
    """A dataset whose process ends by a signal."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), self.number)
        return index


@pytest.mark.parametrize(('number', 'told'), [
    (signal.SIGBUS, r'^/dev/shm is too small \(\d.*--shm-size=8g.*emptyDir'),
    (signal.SIGKILL, '^a data worker was killed .*for want of memory'),
    (signal.SIGSEGV, r'^a data worker has died \(Segmentation fault\)')])
def test_dead_worker(number: int, told: str) -> None:
    with pytest.raises(DataError, match=f'{told}.*, or load in the main process: --cfg-options '
                                        'train_dataloader.num_workers=0 val_dataloader.num_workers=0$'), \
            workers_explained(('train', 'val')):
        list(DataLoader(Killed(number), num_workers=1))


def test_other_errors_pass() -> None:
    for error in (RuntimeError('CUDA error: out of memory'), RuntimeError('out of resource: shared memory'),
                  OSError(28, 'No space left on device', 'run/a.log')):
        with pytest.raises(type(error)) as raised, workers_explained(('train',)):
            raise error
        assert raised.value is error


@pytest.mark.slow
@pytest.mark.parametrize('size', ['4k', '64k'])
def test_training_with_little_shared_memory(size: str, tiny_config: Path, tmp_path: Path) -> None:
    """Too little for the locks of the queues, and for the batches."""
    command = ['unshare', '--map-root-user', '--mount', 'sh', '-c',
               f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"', 'sh']
    if shutil.which('unshare') is None or subprocess.run([*command, 'true'], capture_output=True).returncode:
        pytest.skip('needs Linux, and the right to make a namespace')
    ended = subprocess.run(
        [*command, sys.executable, 'tools/train.py', tiny_config, '--work-dir', tmp_path / 'run', '--cfg-options',
         'train_dataloader.num_workers=2', 'train_dataloader.batch_size=8'], cwd=tiny.ROOT, capture_output=True,
        text=True, timeout=120)
    assert ended.returncode == 1
    error, = [line for line in ended.stderr.splitlines() if line.startswith('error: ')]
    assert error.startswith('error: /dev/shm is too small (0.') and '--shm-size' in error and 'num_workers=0' in error
    assert 'Traceback' not in ended.stderr
