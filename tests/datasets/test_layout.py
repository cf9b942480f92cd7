import shutil

import numpy as np
import pytest

from photoreal.datasets.layout import scan
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import DataError
from tests.datasets.helpers import Copy, Labels, make_video, pictures, write_folder, write_video

MODALITIES = {'copy': Copy(), 'labels': Labels()}


@pytest.fixture
def root(tmp_path):
    """Two good videos, a2 and a10."""
    for name in ('a2', 'a10'):
        make_video(tmp_path, 5, name, labels=True)
    return tmp_path


def _fault(root, modalities=MODALITIES, domains=('real',), **limits) -> str:
    with pytest.raises(DataError) as caught:
        scan(root, 'train', domains, modalities, **limits)
    return str(caught.value)


def test_finds_videos_in_natural_order(root):
    (root / 'train/real/.cache').mkdir()
    (root / 'train/real/notes.txt').touch()
    write_json(root / 'train/real/a2/meta.json', {'fps': 15})
    videos = scan(root, 'train', ['real'], MODALITIES, min_length=5, min_size=(12, 16))
    assert [v.name for v in videos] == ['a2', 'a10']
    video = videos[0]
    assert (len(video), video.size, video.fps, video.domain, video.split) == (5, (12, 16), 15, 'real', 'train')
    assert video.path == root / 'train/real/a2'
    assert list(video.recorded) == ['labels'] and len(video.recorded['labels']) == 5


def test_missing_root(tmp_path):
    message = _fault(tmp_path / 'nowhere')
    assert str(tmp_path / 'nowhere') in message and '--cfg-options data_root=' in message
    assert "'make sample'" in _fault(tmp_path / 'data/sample')


def test_missing_or_empty_domain(root):
    message = _fault(root, domains=['real', 'virtual'])
    assert f'{root}/train/virtual: found no such folder' in message and 'holds real' in message
    (root / 'train/virtual').mkdir()
    assert f'{root}/train/virtual: found an empty folder' in _fault(root, domains=['virtual'])
    write_image(root / 'train/virtual/0.png', pictures(1)[0])
    assert 'found no folders in it, only files such as 0.png' in _fault(root, domains=['virtual'])


def test_no_frames(root):
    shutil.rmtree(root / 'train/real/a2/frames')
    assert f'{root}/train/real/a2: found no frames/ and no video frames.mp4, only labels' in _fault(root)


def test_frames_without_pictures(root):
    for path in (root / 'train/real/a2/frames').iterdir():
        path.rename(path.with_suffix('.exr'))
    assert f'{root}/train/real/a2/frames: found no pictures, only .exr' in _fault(root)


def test_gap(root):
    for folder in ('frames', 'labels'):
        (root / f'train/real/a2/{folder}/00002.png').unlink()
    message = _fault(root)
    assert f'{root}/train/real/a2/frames: found a gap in the numbers: after 00001 comes 00003' in message


def test_names_without_numbers_have_no_gaps(tmp_path):
    for name in ('x', 'y', 'z'):
        write_image(tmp_path / f'train/real/a/frames/{name}.png', pictures(1)[0])
    assert len(scan(tmp_path, 'train', ['real'], {'copy': Copy()})[0]) == 3


def test_missing_modality(root):
    shutil.rmtree(root / 'train/real/a10/labels')
    message = _fault(root)
    assert f"{root}/train/real/a10: found no labels/ and no video labels.mp4, only frames; modality 'labels'" in message


def test_names_that_do_not_match(root):
    folder = root / 'train/real/a2/labels'
    (folder / '00004.png').rename(folder / '00005.png')
    (folder / '00003.png').rename(folder / '00004.png')
    message = _fault(root)
    assert f'{folder}: found 5 maps for 5 frames: no map called 00003, no frame for 00005' in message


def test_modality_a_frame_short(root):
    (root / 'train/real/a2/labels/00004.png').unlink()
    assert 'labels: found 4 maps for 5 frames: no map called 00004' in _fault(root)


def test_video_source_is_compared_by_count(root):
    shutil.rmtree(root / 'train/real/a2/frames')
    write_video(root / 'train/real/a2/frames.mkv', pictures(5))
    videos = scan(root, 'train', ['real'], MODALITIES)
    assert len(videos[0]) == 5 and videos[0].fps == 10
    write_video(root / 'train/real/a2/frames.mkv', pictures(4))
    assert f'labels: found 5 maps; expected 4, one for each frame of {root}/train/real/a2/frames.mkv' in _fault(root)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_truncated_picture(root, suffix):
    folder = root / 'train/real/a2/frames'
    shutil.rmtree(folder)
    write_folder(folder, pictures(5), suffix)
    path = folder / f'00003{suffix}'
    path.write_bytes(path.read_bytes()[:-50])
    assert f'{path}: unreadable picture: the file is cut short' in _fault(root)


def test_empty_and_foreign_files(root):
    (root / 'train/real/a2/frames/00000.png').write_bytes(b'')
    (root / 'train/real/a2/labels/00001.png').write_text('no picture at all')
    message = _fault(root)
    assert 'frames/00000.png: unreadable picture: found an empty file' in message
    assert 'labels/00001.png: unreadable picture: found 17 bytes that are no picture' in message


def test_odd_sizes(root):
    write_image(root / 'train/real/a2/frames/00003.png', pictures(1, 10, 16)[0])
    write_image(root / 'train/real/a10/labels/00001.png', pictures(1, 12, 14)[0])
    message = _fault(root)
    assert 'a2/frames/00003.png: found 16x10 pixels; expected 16x12' in message
    assert 'a10/labels/00001.png: found 14x12 pixels; expected 16x12' in message


def test_too_short_and_too_small(root):
    make_video(root, 3, 'b', labels=True, height=12, width=10)
    message = _fault(root, min_length=4, min_size=(12, 12))
    assert 'b/frames: found 3 frames; expected at least 4 for a clip of 4 frames' in message
    assert 'b/frames: found frames of 10x12 pixels; expected at least 12x12 for the crop' in message
    assert 'a2' not in message


def test_damaged_video_file(root):
    shutil.rmtree(root / 'train/real/a2/frames')
    (root / 'train/real/a2/frames.mp4').write_bytes(b'x' * 1000)
    assert 'a2/frames.mp4: unreadable video' in _fault(root)


def test_bad_fps(root):
    (root / 'train/real/a2/meta.json').write_text('{"fps": "25"}')
    assert "meta.json: found fps '25'; expected a number above 0" in _fault(root)


def test_all_faults_at_once(root):
    (root / 'train/real/a2/frames/00000.png').write_bytes(b'')
    (root / 'train/real/a2/frames/00002.png').unlink()
    write_image(root / 'train/real/a2/labels/00001.png', pictures(1, 12, 14)[0])
    shutil.rmtree(root / 'train/real/a10/labels')
    (root / 'train/real/c').mkdir()
    message = _fault(root, domains=['real', 'virtual'], min_length=5)
    for part in ('found an empty file', 'after 00001 comes 00003', '14x12 pixels', 'no frame for 00002',
                 'a10: found no labels/', 'c: found no frames/', 'c: found no labels/', 'virtual: found no such folder',
                 'found 4 frames'):
        assert part in message, part
    headline, *faults = message.splitlines()
    assert headline == f'{root}: found {len(faults)} faults in the data (split train):'
    assert all(fault.startswith(f'  - {root}/train/') for fault in faults)


def test_many_faults_of_a_folder_are_counted(root):
    folder = root / 'train/real/a2/frames'
    shutil.rmtree(folder)
    write_folder(folder, np.zeros((20, 12, 16, 3), np.uint8))
    for path in folder.iterdir():
        path.write_bytes(b'')
    message = _fault(root, modalities={'copy': Copy()})
    assert message.count('found an empty file') == 5
    assert f'{folder}: the same holds for 15 more files' in message


def _taught(root, name='b', count=5, **kwargs):
    """A virtual video and its folder for what a teacher made."""
    make_video(root, count, name, domain='virtual', **kwargs)
    return root / f'train/virtual/{name}/target'


def test_targets_are_found_where_they_are_asked_for(tmp_path):
    write_folder(_taught(tmp_path), pictures(5, seed=9))
    make_video(tmp_path, 5, 'c', domain='virtual')
    assert [v.target for v in scan(tmp_path, 'train', ['virtual'], {})] == [None, None]
    taught, other = scan(tmp_path, 'train', ['virtual'], {}, targets=True)
    assert other.target is None
    np.testing.assert_array_equal(taught.target.read(range(5)), pictures(5, seed=9))


def test_faults_of_targets_are_told_as_those_of_maps(tmp_path):
    folder = write_folder(_taught(tmp_path), pictures(5))
    (folder / '00003.png').rename(folder / '00009.png')
    message = _fault(tmp_path, {}, ['virtual'], targets=True)
    assert f'{folder}: found 5 maps for 5 frames: no map called 00003, no frame for 00009' in message
    write_image(folder / '00001.png', pictures(1, 10, 16)[0])
    assert f'{folder}/00001.png: found 16x10 pixels; expected 16x12' in _fault(tmp_path, {}, ['virtual'], targets=True)


def test_a_real_video_has_no_teacher(tmp_path):
    make_video(tmp_path, 5, 'a')
    (tmp_path / 'train/real/a/target').mkdir()  # not even looked at
    assert scan(tmp_path, 'train', ['real'], {}, targets=True)[0].target is None
