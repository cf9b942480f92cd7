"""What a scan of many videos keeps: the next one reads only what has changed since."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from photoreal.datasets import index, layout
from photoreal.datasets.index import _packed, _unpacked
from photoreal.datasets.layout import VideoRecord, scan, survey
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import DataError
from photoreal.modalities import LabelMap

LABELS = {'labels': LabelMap(num_classes=4, folder='labels')}
LONG_AGO = time.time() - 3600


def age(root: Path) -> None:
    """Have it look as if nothing was changed lately."""
    for folder in [root, *root.rglob('*')]:
        os.utime(folder, (LONG_AGO, LONG_AGO))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos of three frames, labels in two of them, of a size that is worth an index."""
    monkeypatch.setenv('PHOTOREAL_CACHE', str(tmp_path / 'cache'))
    for module in (index, layout):
        monkeypatch.setattr(module, 'FEWEST', 3)
    data = tmp_path / 'data'
    for k, video in enumerate('abc'):
        for i in range(3):
            write_image(data / f'train/real/{video}/frames/f{i + 8:02d}.png', np.full((8 + k, 12, 3), i, np.uint8))
            if k:
                write_image(data / f'train/real/{video}/labels/f{i + 8:02d}.png', np.full((8 + k, 12), i, np.uint8))
    write_json(data / 'train/real/a/meta.json', {'fps': 10})
    age(data)
    return data


def scanned(root: Path) -> list[VideoRecord]:
    return scan(root, 'train', ['real'], LABELS, optional=['labels'], min_length=3)


def plain(videos: list[VideoRecord]) -> list:
    return [(v.name, v.domain, v.split, v.path, v.size, v.fps,
             [(n, s.path, s.names, s.size, s.read([0]).tolist()) for n, s in {'': v.frames, **v.recorded}.items()])
            for v in videos]


def damage(root: Path) -> Path:
    """Overwrite a picture in place: no folder's time changes."""
    path = root / 'train/real/b/frames/f09.png'
    path.write_bytes(path.read_bytes()[:40])
    return path


def test_the_next_scan_gives_the_same_and_reads_no_picture(root: Path) -> None:
    first = plain(scanned(root))
    path = damage(root)
    assert plain(scanned(root)) == first
    # whoever wants to know reads them all
    assert str(path) in survey(root, 'train', ['real'], LABELS, optional=['labels'])[1][0]


@pytest.mark.parametrize('spoil, what', [
    (lambda video: (video / 'frames/f09.png').unlink(), 'gap'),
    (lambda video: write_image(video / 'labels/f11.png', np.zeros((9, 12), np.uint8)), 'no frame for f11'),
    (lambda video: write_json(video / 'meta.json', {'fps': 0}), 'fps'),
    (lambda video: (video / 'frames').rename(video / 'Frames'), 'no frames/')])
def test_a_video_that_was_changed_is_read_anew(root: Path, spoil: Callable[[Path], None], what: str) -> None:
    scanned(root)
    spoil(root / 'train/real/b')
    with pytest.raises(DataError, match=what):
        scanned(root)


def test_a_rate_that_is_written_in_place_is_taken(root: Path) -> None:
    assert scanned(root)[0].fps == 10
    (root / 'train/real/a/meta.json').write_text('{"fps": 50}')
    assert scanned(root)[0].fps == 50


def test_what_is_asked_of_a_video_is_asked_of_a_known_one(root: Path) -> None:
    scanned(root)
    with pytest.raises(DataError, match='found no labels/'):  # which one may lack, but not always
        scan(root, 'train', ['real'], LABELS)
    with pytest.raises(DataError, match='found 3 frames; expected at least 4'):
        scan(root, 'train', ['real'], LABELS, optional=['labels'], min_length=4)
    with pytest.raises(DataError, match='found frames of 12x8 pixels; expected at least 12x9'):
        scan(root, 'train', ['real'], LABELS, optional=['labels'], min_size=(9, 12))


def test_videos_that_have_just_been_changed_and_videos_with_faults_are_not_kept(root: Path, tmp_path: Path) -> None:
    write_image(root / 'train/real/c/frames/f11.png', np.zeros((10, 12, 3), np.uint8))
    write_image(root / 'train/real/c/labels/f11.png', np.zeros((10, 12), np.uint8))
    scanned(root)
    damage(root)
    assert not list((tmp_path / 'cache').rglob('*.json'))  # two are left, and they are too few
    with pytest.raises(DataError, match='f09.png'):
        scanned(root)


@pytest.mark.parametrize('content', ['', '{"real/b": 3}', '[]', '\x00'])
def test_an_index_that_is_damaged_is_made_anew(root: Path, tmp_path: Path, content: str) -> None:
    first = plain(scanned(root))
    path, = (tmp_path / 'cache').rglob('*.json')
    whole = path.read_text()
    path.write_text(content)
    assert plain(scanned(root)) == first
    assert path.read_text() == whole


def test_a_cache_that_cannot_be_written_is_done_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PHOTOREAL_CACHE', str(root / 'train/real/a/meta.json'))
    assert plain(scanned(root)) == plain(scanned(root))


@pytest.mark.parametrize('files', [['a8.png', 'a9.png', 'a10.png'], ['08.png', '09.png', '10.png'], ['x.png'],
                                   ['1.png', '3.png'], ['1.png', '2.jpg'], ['a', 'b', 'c', 'd', 'e'], ['007.png']])
def test_names_come_back(files: list[str]) -> None:
    assert _unpacked(_packed(files)) == files
