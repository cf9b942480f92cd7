import shutil

import cv2
import numpy as np
import pytest

from photoreal.datasets import open_source, write_image
from photoreal.look import Look
from tests import tiny
from tests.look.test_fit import scene


@pytest.fixture
def data(tmp_path):
    """The real side is darker than the virtual one."""
    for domain, seed in (('virtual', 0), ('real', 1)):
        frames, labels = scene(seed)
        for split in ('train', 'val'):
            video = tmp_path / 'data' / split / domain / 'street'
            for i, (frame, label) in enumerate(zip(frames, labels)):
                frame = frame if domain == 'virtual' else (255 * (frame / 255) ** 1.3).astype(np.uint8)
                write_image(video / f'frames/{i}.png', frame)
                write_image(video / f'segmentation/{i}.png', label)
    return tmp_path / 'data'


def test_a_data_root_gives_a_look_a_table_and_a_picture(data, tmp_path):
    ended = tiny.run('fit_look', data, '--out', tmp_path / 'look.cube')
    assert ended.code == 0, ended.err
    assert 'fitted 3 virtual frames to 3 real ones, class by class' in ended.out
    stops = float(next(line for line in ended.out.splitlines() if line.startswith('exposure')).split()[1])
    assert -1.2 < stops < -0.4
    assert f'next: python tools/check_data.py {data} --look {tmp_path / "look.cube"}' in ended.out
    look, [frame] = Look.load(tmp_path / 'look.cube'), open_source(data / 'train/virtual/street', 'frames').read([1])
    assert np.abs(look.apply(frame) - 255 * (frame / 255) ** 1.3).mean() < 3
    picture = cv2.imread(str(tmp_path / 'look.png'))
    assert picture.shape == (3 * 336, 3 * 448, 3)
    ended = tiny.run('check_data', data, '--look', tmp_path / 'look.cube')
    row = next(line.split() for line in ended.out.splitlines() if line.startswith('frames '))
    assert 'without the look' in ended.out and len(row) == 5


def test_paths_and_half_the_strength_do_too(data, tmp_path):
    arguments = ['--virtual', data / 'train/virtual/street/frames', '--real', data / 'train/real/street/frames']
    for name, strength in (('whole', '1'), ('half', '0.5')):
        ended = tiny.run('fit_look', *arguments, '--out', tmp_path / f'{name}.cube', '--strength', strength)
        assert ended.code == 0 and 'without labels' in ended.out, ended.err
    whole, half = (Look.load(tmp_path / f'{name}.cube') for name in ('whole', 'half'))
    assert (whole.blend(0.5).table - half.table).abs().max() < 1e-5


def test_labels_that_some_videos_lack_are_not_used(data, tmp_path):
    shutil.rmtree(data / 'train/real/street/segmentation')
    ended = tiny.run('fit_look', data, '--out', tmp_path / 'look.cube')
    assert ended.code == 0 and 'without labels' in ended.out


@pytest.mark.parametrize(('arguments', 'code', 'message'), [
    ([], 2, 'give a data root, or --virtual and --real'),
    (['--virtual', 'a.mp4'], 2, '--virtual and --real go together'),
    (['{data}', '--out', 'look.png'], 1, 'look.png: the name of a look ends in .cube'),
    (['{data}', '--strength', '2'], 2, '--strength must be from 0 to 1'),
    (['{data}/none'], 1, 'the data root is no folder'),
    (['--virtual', '{data}/none', '--real', '{data}/none'], 1, 'none'),
    (['{data}', '--labels', 'frames'], 1, 'expected class numbers'),
])
def test_what_cannot_be_done_is_told(data, arguments, code, message):
    ended = tiny.run('fit_look', *(argument.format(data=data) for argument in arguments))
    assert ended.code == code and message in ended.err
