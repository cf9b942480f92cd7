"""What a worker holds does not grow with what it has read."""

import sys
from pathlib import Path

import numpy as np
import pytest

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.pack import pack
from tests.datasets.helpers import Copy, pictures, write_folder, write_video

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
SIDE = 128
VIDEOS, FRAMES = 3, 8


def anonymous_memory() -> int:
    """Bytes of this process, without files that are mapped: those the system takes back when it needs room."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith('RssAnon'))


def make_data(root: Path, form: str) -> Path:
    for n in range(VIDEOS):
        frames = pictures(FRAMES, SIDE, SIDE, seed=n)
        folder = root / f'data/train/real/{n}'
        if form == 'video':
            write_video(folder / 'frames.mp4', frames, 'libx264', 'yuv420p', crf='30')
        else:
            write_folder(folder / 'frames', frames)
    if form in ('folder', 'video'):
        return root / 'data'
    pytest.importorskip('lmdb')
    pack(root / 'data', root / 'data.lmdb', raw=form == 'raw')
    return root / 'data.lmdb'


@pytest.mark.parametrize('form', ['folder', 'video', 'encoded', 'raw'])
def test_memory_does_not_grow(tmp_path, form):
    dataset = ClipDataset(make_data(tmp_path, form), {'copy': Copy()}, clip_length=3, crop_size=SIDE - 1)
    for k in range(2 * len(dataset)):
        dataset[k]
    before = anonymous_memory()
    clips = 6 * len(dataset)
    for k in range(clips):
        dataset[k]
    read = clips * np.prod((3, SIDE, SIDE, 3))
    assert anonymous_memory() - before < read / 10, 'what was read is kept'
