"""A run that is killed at any moment, and then run again, gives what an uninterrupted run gives."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from photoreal.testing.modality import street_frames
from tests.datasets.helpers import pictures, write_folder
from tests.prepare.helpers import files, run

TOOL = Path(__file__).resolve().parents[2] / 'tools/prepare_data.py'


def start(sources: list[Path], out: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, str(TOOL), *map(str, sources), '--out', str(out), '--split', 'val', '--domain', 'real',
               '--modalities', 'blur', 'edges', *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)


def entries(folder: Path) -> set[str]:
    """What lies in a folder, if there is one; what is renamed or removed meanwhile is no error."""
    return {os.path.join(path, name) for path, folders, names in os.walk(folder) for name in folders + names}


def kill_at_random(process: subprocess.Popen, out: Path, rng: random.Random, longest: float) -> bool:
    """Kill the tool a while after its work began; whether that was before the end."""
    home = out / 'val/real'
    known = entries(home)
    while process.poll() is None and entries(home) <= known:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, longest))
    unfinished = process.poll() is None
    process.kill()
    process.communicate()
    return unfinished


def check_kills(tmp_path: Path, kills: int, frames: int, size: tuple[int, int], longest: float, workers: int) -> None:
    sources = [write_folder(tmp_path / name, street_frames(np.random.default_rng(i), frames, *size))
               for i, name in enumerate('ab')]
    rng = random.Random(5)
    out = tmp_path / 'out'
    interrupted = [kill_at_random(start(sources, out, '--workers', str(workers)), out, rng, longest)
                   for _ in range(kills)]
    assert any(interrupted), 'every run was over before it was killed: the test shows nothing'
    last = start(sources, out, '--workers', str(workers))
    _, said = last.communicate()
    assert last.returncode == 0, said
    run(sources, tmp_path / 'whole', {'blur': {'type': 'Blur'}, 'edges': {'type': 'Edges'}})
    assert files(out) == files(tmp_path / 'whole')


def test_killed_twice(tmp_path):
    check_kills(tmp_path, kills=2, frames=50, size=(120, 160), longest=0.1, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize('workers', [1, 2])
def test_killed_ten_times(tmp_path, workers):
    check_kills(tmp_path, kills=10, frames=130, size=(240, 320), longest=0.5, workers=workers)


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(tmp_path):
    sources = [write_folder(tmp_path / name, street_frames(np.random.default_rng(0), 150, 240, 320)) for name in 'ab']
    process = start(sources, tmp_path / 'out', '--workers', '2')
    while not list((tmp_path / 'out').rglob('*.png')):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while group_lives(process.pid):
        assert time.monotonic() < deadline, 'workers outlive their parent'
        time.sleep(0.05)


def group_lives(group: int) -> bool:
    """Whether a process of that group is left; killed ones that nobody has waited for are not counted."""
    for status in Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, own_group = status.read_text().rpartition(')')[2].split()[:3]
        except OSError:
            continue
        if int(own_group) == group and state != 'Z':
            return True
    return False


def test_leftovers_of_an_interrupted_run_are_used_or_cleared(tmp_path):
    clip = write_folder(tmp_path / 'clip', pictures(3))
    run([clip], tmp_path / 'whole')
    staging = tmp_path / 'out/val/real/.clip.preparing'
    run([clip], tmp_path / 'out')
    os.rename(tmp_path / 'out/val/real/clip', staging)
    (staging / 'frames/00001.png').unlink()
    (staging / 'frames/.00001.0a1b2c3d.tmp.png').write_bytes(b'half')
    kept = (staging / 'frames/00000.png').stat().st_mtime_ns
    run([clip], tmp_path / 'out')
    assert files(tmp_path / 'out') == files(tmp_path / 'whole')
    assert (tmp_path / 'out/val/real/clip/frames/00000.png').stat().st_mtime_ns == kept
    os.rename(tmp_path / 'out/val/real/clip', staging)  # of another making: nothing of it may be used
    run([clip], tmp_path / 'out', size=(6, 8))
    run([clip], tmp_path / 'small', size=(6, 8))
    assert files(tmp_path / 'out') == files(tmp_path / 'small')


def test_interrupted_while_modalities_got_their_names(tmp_path):
    clip = write_folder(tmp_path / 'clip', pictures(3))
    both = {'gray': dict(type='Gray'), 'edges': dict(type='Edges')}
    for root in ('whole', 'out'):
        run([clip], tmp_path / root)
        run([clip], tmp_path / root, both)
    video, staging = tmp_path / 'out/val/real/clip', tmp_path / 'out/val/real/.clip.preparing'
    staging.mkdir()
    os.rename(video / 'edges', staging / 'edges')
    (staging / 'meta.json').write_bytes((video / 'meta.json').read_bytes())
    run([clip], tmp_path / 'out', both)
    assert files(tmp_path / 'out') == files(tmp_path / 'whole')
    staging.mkdir()  # killed before the empty folder was removed
    run([clip], tmp_path / 'out', both)
    assert files(tmp_path / 'out') == files(tmp_path / 'whole')


@pytest.mark.slow
def test_an_interrupt_by_hand_can_be_continued(tmp_path):
    sources = [write_folder(tmp_path / 'a', street_frames(np.random.default_rng(0), 520, 240, 320))]
    for _ in range(5):  # on a busy machine all may be done before the signal is sent
        process = start(sources, tmp_path / 'out', '--workers', '1')
        while not list((tmp_path / 'out').rglob('*.png')):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        if process.returncode != 0:
            break
        shutil.rmtree(tmp_path / 'out')
    assert process.returncode == 130 and 'Traceback' not in said
    assert not (tmp_path / 'out/val/real/a').exists()
