"""Folders as people have them: with gaps, with strays, and with maps that are called otherwise."""

import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource
from photoreal.datasets.writers import write_image
from photoreal.errors import DataError
from photoreal.inference import Reading, VideoEnhancer, enhance_file
from photoreal.inference.batch import find_jobs
from photoreal.inference.inputs import open_input
from tests.datasets.films import scene, write_film
from tests.test_inference import frames_of, make_model


def write_named(folder, names, images):
    for name, image in zip(names, images, strict=True):
        write_image(folder / f'{name}.png', image)
    return folder


@pytest.mark.parametrize('names, said', [
    (['f1', 'f2', 'f4'], 'after f2 comes f4'),
    (['0001', '0002', '0003', '0007', '0008', '0009', '0011'], 'after 0003 comes 0007, after 0009 comes 0011'),
    (['010', '020', '030', '050'], 'after 030 comes 050'),
    (['010', '020', '030'], None),
    (['a', 'b', 'd'], None),
    (['1', '5', '6', '90'], None),  # no numbers of frames
    (['7'], None),
])
def test_missing_numbers_are_named(tmp_path, names, said):
    notes = open_input(str(write_named(tmp_path / 'in', names, frames_of(len(names)))), Reading()).notes
    assert len(notes) == (said is not None)
    assert said is None or f'frames are missing ({said})' in notes[0]


@pytest.fixture(scope='module')
def enhancer() -> VideoEnhancer:
    return VideoEnhancer(make_model(label=dict(type='LabelMap', num_classes=3)), 'cpu', 'fp32')


FRAMES = frames_of(4)
LABELS = np.random.default_rng(0).integers(0, 3, (6, 37, 52, 1), dtype=np.uint8)


@pytest.mark.parametrize('frames, maps, taken, said', [
    ('abcd', 'abcd', [0, 1, 2, 3], None),
    (['1', '2', '4', '5'], ['1', '2', '3', '4', '5'], [0, 1, 3, 4], "'label' without a frame are passed over: 3"),
    (['1', '2', '4', '5'], ['m1', 'm2', 'm3', 'm4'], [0, 1, 2, 3], "maps of 'label' are not called like the frames"),
])
def test_maps_are_paired_by_name_where_they_have_names(tmp_path, enhancer, frames, maps, taken, said):
    write_named(tmp_path / 'in', frames, FRAMES)
    write_named(tmp_path / 'maps', maps, LABELS[:len(maps)])
    told = []
    enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out', [f'label={tmp_path / "maps"}'], say=told.append)
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out').read(range(4)),
                                  list(enhancer(FRAMES, {'label': LABELS[taken]})))
    told = [text for text in told if 'maps of' in text]
    assert len(told) == (said is not None) and (said is None or said in told[0])


@pytest.mark.parametrize('maps, message', [
    (['1', '2', '3', '5'], "no map of 'label' called 4"),
    (['2', '3', '4', '5', '6'], "no map of 'label' called 1"),
    (['m1', 'm2', 'm3'], "has 3 maps of 'label' for 4 frames"),
])
def test_maps_that_belong_to_other_frames_are_refused(tmp_path, enhancer, maps, message):
    write_named(tmp_path / 'in', ['1', '2', '4', '5'], FRAMES)
    write_named(tmp_path / 'maps', maps, LABELS[:len(maps)])
    with pytest.raises(DataError, match=message):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out', [f'label={tmp_path / "maps"}'])


def test_pictures_among_videos_are_strays(tmp_path):
    (tmp_path / 'in').mkdir()
    for name in ('DJI_1.MP4', 'DJI_2.MP4'):
        write_film(tmp_path / 'in' / name, scene(2))
    write_named(tmp_path / 'in', ['DJI_1', 'DJI_2'], frames_of(2))
    (tmp_path / 'in/notes.txt').write_text('a flight')
    told = []
    jobs = find_jobs(str(tmp_path / 'in'), str(tmp_path / 'out'), 'h264', told.append)
    assert [(job.source.name, job.out.name) for job in jobs] == [('DJI_1.MP4', 'DJI_1.mp4'), ('DJI_2.MP4', 'DJI_2.mp4')]
    assert told == [f'{tmp_path / "in"}: passed over: DJI_1.png, DJI_2.png, notes.txt']


def test_a_video_among_frames_is_a_stray(tmp_path):
    write_named(tmp_path / 'in', [f'{i:03d}' for i in range(11)], frames_of(11, 8, 8))
    write_film(tmp_path / 'in/preview.mp4', scene(2))
    told = []
    assert find_jobs(str(tmp_path / 'in'), str(tmp_path / 'out'), 'h264', told.append) == []
    assert told == [f'{tmp_path / "in"}: passed over: preview.mp4']
