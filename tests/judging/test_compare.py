"""``photoreal compare``: the whole way from folders to a table."""

import json

import cv2
import numpy as np
import pytest

from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.errors import DataError
from photoreal.judging.footage import open_footage
from photoreal.look import Look
from tests import tiny

HEIGHT, WIDTH, LENGTH = 48, 80, 6
SMALL = ['--encoder', 'squeezenet', '--frames', 6, '--crops', 2, '--patch', 40]


def scene(seed, colour):
    """(T, H, W, 3) uint8: a window that moves over blobs of a colour."""
    rng = np.random.default_rng(seed)
    blobs = cv2.resize(rng.random((8, 12), np.float32), (WIDTH + LENGTH, HEIGHT))
    image = (blobs[..., None] * np.array(colour, np.float32)).astype(np.uint8)
    cv2.rectangle(image, (20, 10), (50, 35), colour, 2)
    return [image[:, i:i + WIDTH] for i in range(LENGTH)]


def write(folder, frames):
    for i, frame in enumerate(frames):
        write_image(folder / f'{i:03d}.png', frame)
    return folder


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp('compare')
    render = scene(0, (250, 40, 40))
    write(root / 'render/frames', render)
    write(root / 'render/segmentation', [np.full((HEIGHT, WIDTH, 1), 13, np.uint8)] * LENGTH)
    write(root / 'real/frames', scene(1, (60, 220, 60)) + scene(2, (60, 220, 60)))
    greener = [np.ascontiguousarray(frame[..., [1, 0, 2]]) for frame in render]
    write(root / 'good/virtual/street', greener)
    with VideoWriter(root / 'second.mp4', 25.0, crf=10) as writer:
        for frame in greener:
            writer.write(frame)
    write(root / 'copy', render)
    return root


def compare(places, *words):
    return tiny.run('compare', *SMALL, '--render', places / 'render', '--real', places / 'real', *words)


def test_rows_and_values(places, tmp_path):
    ended = compare(places, f'good={places}/good', f'good={places}/second.mp4', f'copy={places}/copy',
                    '--out', tmp_path / 'table.json')
    assert ended.code == 0, ended.err
    rows = json.loads((tmp_path / 'table.json').read_text())
    assert list(rows) == ['render', 'Reinhard colour transfer', 'Lab histogram matching', 'good', 'copy',
                          'real, held out']
    good, copy, render = (rows[name]['values'] for name in ('good', 'copy', 'render'))
    assert good['kid squeezenet']['value'] < render['kid squeezenet']['value']
    assert good['kid way squeezenet']['value'] > 0.2
    assert copy['kid way squeezenet']['value'] == pytest.approx(0, abs=1e-6)
    assert copy['warp_ratio']['value'] == pytest.approx(1) and copy['hue_vehicles']['value'] == 0
    assert good['hue_vehicles']['value'] > 60 and copy['edge_f1']['value'] == 1
    assert rows['good']['spread']['kid squeezenet'] > 0 and rows['copy']['spread'] == {}
    for name in rows:
        assert f'| {name} | ' in ended.out
    assert '(sd ' in ended.out and 'hue °, vehicles' in ended.out


def test_a_prediction_of_the_first_frames_alone(places, tmp_path):
    write(tmp_path / 'half', scene(0, (250, 40, 40))[:3])
    ended = compare(places, f'half={tmp_path}/half', '--first', 3, '--out', tmp_path / 'table.json')
    assert ended.code == 0, ended.err
    rows = json.loads((tmp_path / 'table.json').read_text())
    assert rows['half']['values']['warp_error'] == rows['render']['values']['warp_error']
    assert rows['half']['values']['kid squeezenet'] == rows['render']['values']['kid squeezenet']


def test_a_look_is_a_row_of_the_render(places, tmp_path):
    Look.from_function(lambda rgb: rgb[..., [1, 0, 2]]).save(tmp_path / 'swap.cube')
    ended = compare(places, f'look={tmp_path}/swap.cube', f'good={places}/good', '--out', tmp_path / 'table.json')
    assert ended.code == 0, ended.err
    rows = json.loads((tmp_path / 'table.json').read_text())
    assert rows['look']['values']['hue']['value'] == pytest.approx(rows['good']['values']['hue']['value'], abs=1)
    assert rows['look']['values']['hue_vehicles']['value'] > 60


def test_other_real_frames_can_be_held_out(places, tmp_path):
    out = tmp_path / 'table.json'
    assert compare(places, '--held-out', places / 'render', '--out', out).code == 0
    rows = json.loads(out.read_text())
    assert rows['real, held out']['values']['kid squeezenet'] == rows['render']['values']['kid squeezenet']
    assert 'kid way squeezenet' not in rows['Reinhard colour transfer']['values']  # there is no way to go


@pytest.mark.parametrize(('words', 'message'), [
    (['good'], "found 'good'; expected NAME=VIDEO"),
    (['render={0}/copy'], "'render' is the name of a row that is there in any case"),
    (['a={0}/real'], 'has 12 frames and the render'),
    (['a={0}/none'], '/none: no such file or folder'),
    (['--patch', 64], 'too small for patches of 64 pixels'),
    (['--encoder', 'vgg19'], "no encoder is called 'vgg19'; did you mean 'vgg16'?"),
])
def test_mistakes(places, words, message):
    ended = compare(places, *(str(word).format(places) for word in words))
    assert ended.code == 1 and message in ended.err, ended.err


def test_a_folder_of_several_videos_has_to_be_narrowed_down(tmp_path):
    for name in ('a', 'b'):
        write(tmp_path / 'virtual' / name, scene(0, (9, 9, 9))[:1])
    with pytest.raises(DataError, match='found a, b; expected pictures'):
        open_footage(tmp_path)
