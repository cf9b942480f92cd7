"""A process is killed, interrupted or out of disk at any moment: what lies there decodes, and is not much shorter."""

import random
import re
import signal
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.datasets.films import RATE, scene
from tests.inference.warm import WarmProcess

SECONDS = 2  # of the film that may be lost
COUNT = 8 * RATE
MOMENTS = 20  # of each kind


@pytest.fixture(scope='module')
def frames() -> np.ndarray:
    return scene(COUNT, 48, 64)


def start(bundle: Path, out: Path, limit: int | None = None) -> WarmProcess:
    arguments = [bundle, '-', '--size', '64x48', '--out', out, '--device', 'cpu', '--dtype', 'fp32']
    return WarmProcess(out.with_suffix('.log'), arguments, limit)


def feed(process: WarmProcess, frames: np.ndarray) -> int:
    """Give frames to a process, as long as it takes them; how many it has taken."""
    for given, frame in enumerate(frames):
        try:
            process.give(frame.tobytes())
        except BrokenPipeError:
            return given
    return len(frames)


def waiting(frames: np.ndarray) -> int:
    """Frames that a pipe holds, and those that wait between reading and writing."""
    return (1 << 16) // frames[0].nbytes + 1 + 30


def count_frames(path: Path) -> int:
    """Frames of which each decodes."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert not any(frame.is_corrupt for frame in frames)
    return len(frames)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_process_is_stopped_at_any_moment(tmp_path, tiny_bundle, frames, number):
    """All frames are there that the process had read, but for the last two seconds of the film."""
    rng = random.Random(number)
    for moment in range(MOMENTS):
        out = tmp_path / f'{moment}.mp4'
        process = start(tiny_bundle, out)
        last = rng.randrange(3 * RATE, COUNT)
        assert feed(process, frames[:last]) == last
        time.sleep(rng.uniform(0, 0.2))
        process.signal(number)
        code, said = process.wait()
        if number == signal.SIGKILL:
            assert code == -number and not out.exists()
            found = count_frames(tmp_path / f'{moment}.partial.mp4')
            # Frames wait in the pipe itself, in the process until they are predicted, and in the encoder.
            assert last - waiting(frames) - SECONDS * RATE <= found <= last
        else:
            assert code == 130, said
            done = int(re.search(r'interrupted; (\d+) frames were done and are in', said)[1])
            assert count_frames(out) == done >= last - waiting(frames)
            assert not list(tmp_path.glob(f'{moment}.partial*'))


@pytest.mark.slow
def test_a_disk_fills_at_any_moment(tmp_path, tiny_bundle):
    """Files cannot become larger than a limit, which is as a full disk; all that was written before stays."""
    rng, noise = random.Random(0), np.random.default_rng(0)
    frames = noise.integers(0, 256, (COUNT, 48, 64, 3), dtype=np.uint8)
    process = start(tiny_bundle, tmp_path / 'whole.mp4')
    feed(process, frames)
    assert process.wait()[0] == 0
    whole = (tmp_path / 'whole.mp4').stat().st_size
    for moment in range(MOMENTS):
        out = tmp_path / f'{moment}.mp4'
        process = start(tiny_bundle, out, rng.randrange(whole // 10, whole * 9 // 10))
        given = feed(process, frames)
        code, said = process.wait()
        assert code == 1 and 'File too large' in said and 'Traceback' not in said, said
        done = int(re.search(r'(\d+) frames were done', said)[1])
        partial = tmp_path / f'{moment}.partial.mp4'
        assert not out.exists()
        if partial.exists():
            assert done - SECONDS * RATE <= count_frames(partial) <= done <= given
        else:
            assert done <= SECONDS * RATE
