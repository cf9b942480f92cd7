"""A process is killed, interrupted or out of disk at any moment: what lies there decodes, and is not much shorter."""

import random
import re
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests import tiny
from tests.datasets.films import RATE, scene

SECONDS = 2  # of the film that may be lost
COUNT = 20 * RATE
MOMENTS = 7  # of each kind


@pytest.fixture(scope='module')
def frames() -> np.ndarray:
    return scene(COUNT, 48, 64)


def feed(process, frames: np.ndarray, until: Callable[[int], bool]) -> int:
    """Give frames to a process that reads them from a pipe, until it is enough; how many it has taken."""
    given = 0
    try:
        for frame in frames:
            process.stdin.write(frame.tobytes())
            process.stdin.flush()
            given += 1
            if until(given):
                break
    except BrokenPipeError:
        pass
    return given


def count_frames(path: Path) -> int:
    """Frames of which each decodes."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert not any(frame.is_corrupt for frame in frames)
    return len(frames)


def start(bundle: Path, out: Path, **environment: str):
    return tiny.start_process('tools/infer.py', bundle, '-', '--size', '64x48', '--out', out, '--dtype', 'fp32',
                              **environment)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_process_is_stopped_at_any_moment(tmp_path, tiny_bundle, frames, number):
    """All frames are there that the process had read, but for the last two seconds of the film."""
    rng = random.Random(number)
    for moment in range(MOMENTS):
        out = tmp_path / f'{moment}.mp4'
        process = start(tiny_bundle, out)
        last = rng.randrange(3 * RATE, COUNT)
        feed(process, frames, lambda given, last=last: given >= last)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(60)
        _, err = process.communicate(timeout=120)
        if number == signal.SIGKILL:
            assert not out.exists()
            found = count_frames(tmp_path / f'{moment}.partial.mp4')
            # Frames wait in the pipe itself, in the process until they are predicted, and in the encoder.
            assert last - waiting(frames) - SECONDS * RATE <= found <= last
        else:
            assert process.returncode == 130, err
            done = int(re.search(rb'interrupted; (\d+) frames were done and are in', err)[1])
            assert count_frames(out) == done >= last - waiting(frames)
            assert not list(tmp_path.glob(f'{moment}.partial*'))


def waiting(frames: np.ndarray) -> int:
    """Frames that a pipe holds, and those that wait between reading and writing."""
    return (1 << 16) // frames[0].nbytes + 1 + 30


@pytest.mark.slow
def test_a_disk_fills_at_any_moment(tmp_path, tiny_bundle):
    """Files cannot become larger than a limit, which is as a full disk; all that was written before stays."""
    rng, noise = random.Random(0), np.random.default_rng(0)
    frames = noise.integers(0, 256, (COUNT // 2, 48, 64, 3), dtype=np.uint8)
    process = start(tiny_bundle, tmp_path / 'whole.mp4')
    feed(process, frames, lambda given: False)
    process.communicate(timeout=120)
    whole = (tmp_path / 'whole.mp4').stat().st_size
    for moment in range(MOMENTS - 1):
        out, limit = tmp_path / f'{moment}.mp4', rng.randrange(whole // 10, whole * 9 // 10)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            process = start(tiny_bundle, out, TMPDIR=str(tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        given = feed(process, frames, lambda given: False)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1 and b'File too large' in err and b'Traceback' not in err, err
        done = int(re.search(rb'(\d+) frames were done', err)[1])
        partial = tmp_path / f'{moment}.partial.mp4'
        assert not out.exists()
        if partial.exists():
            assert done - SECONDS * RATE <= count_frames(partial) <= done <= given
        else:
            assert done <= SECONDS * RATE
