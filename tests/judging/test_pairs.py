import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError, DataError
from photoreal.judging.footage import open_footage
from photoreal.judging.pairs import GAP, GREY, make_ballot, write_pairs
from tests import tiny

LENGTH, HEIGHT, WIDTH = 12, 24, 32
LEVELS = {'red': 0, 'green': 1, 'blue': 2}  # the channel that tells a method; the others tell frame and scene


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Two scenes of three methods, each frame of one colour."""
    root = tmp_path_factory.mktemp('methods')
    for name, channel in LEVELS.items():
        for scene in range(2):
            for i in range(LENGTH):
                frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
                frame[..., channel] = 255
                frame[..., (channel + 1) % 3], frame[..., (channel + 2) % 3] = 10 * i, 50 * scene
                write_image(root / name / str(scene) / f'{i:02d}.png', frame)
    return root


def methods(root, names=LEVELS, scenes=2):
    return {name: [open_footage(root / name / str(scene)) for scene in range(scenes)] for name in names}


def told(colour, name):
    """Frame and scene that a method's colour tells."""
    channel = LEVELS[name]
    assert colour[channel] == 255
    return round(colour[(channel + 1) % 3] / 10), round(colour[(channel + 2) % 3] / 50)


def test_each_two_methods_meet_as_often_on_either_side(root):
    ballot = make_ballot(methods(root), number=8)
    sides = Counter((pair.left, pair.right) for pair in ballot.pairs)
    assert sides == dict.fromkeys([(a, b) for a in LEVELS for b in LEVELS if a != b], 4)
    assert [pair.pair for pair in ballot.pairs] == list(range(24))
    assert Counter(pair.scene for pair in ballot.pairs) == {0: 12, 1: 12}
    assert [(p.left, p.right) for p in ballot.pairs] != sorted((p.left, p.right) for p in ballot.pairs)


def test_frames_are_spread_over_the_scenes(root):
    ballot = make_ballot(methods(root, ['red', 'green'], scenes=1), number=4)
    assert [frame // 3 for frame in sorted(pair.frame for pair in ballot.pairs)] == [0, 1, 2, 3]


def test_the_seed_decides(root):
    first, again, other = (make_ballot(methods(root), 6, seed=seed).pairs for seed in (1, 1, 2))
    assert first == again and first != other


def test_pictures_show_what_the_key_says(root, tmp_path):
    key = write_pairs(make_ballot(methods(root), number=2), tmp_path / 'pairs')
    assert key == tmp_path / 'pairs.key.json' and sorted(p.name for p in (tmp_path / 'pairs').iterdir()) == [
        f'{i:02d}.png' for i in range(6)]
    pictures = FolderSource(tmp_path / 'pairs')
    for pair in json.loads(key.read_text())['pairs']:
        picture = pictures.read([pair['pair']])[0]
        assert picture.shape == (HEIGHT, 2 * WIDTH + GAP, 3)
        assert (picture[:, WIDTH:WIDTH + GAP] == GREY).all()
        for side, colour in (('left', picture[5, 5]), ('right', picture[5, -5])):
            assert told(colour, pair[side]) == (pair['frame'], pair['scene'])


def test_clips_run_in_step(root, tmp_path):
    key = write_pairs(make_ballot(methods(root, ['red', 'green']), number=2, seconds=0.2), tmp_path / 'pairs')
    for pair in json.loads(key.read_text())['pairs']:
        path = tmp_path / f'pairs/{pair["pair"]:02d}.mp4'
        clip = VideoSource(path).read(range(5))
        with Image.open(path.with_suffix('.webp')) as moving:
            assert moving.n_frames == 5 and moving.info['loop'] == 0
        with pytest.raises(IndexError):
            VideoSource(path).read([5])
        for t, frame in enumerate(clip):
            for side, colour in (('left', frame[12, 10]), ('right', frame[12, -10])):
                level = int(colour[(LEVELS[pair[side]] + 1) % 3])
                assert level == pytest.approx(10 * (pair['frame'] + t), abs=6)


def test_the_command(root, tmp_path):
    words = [f'{name}={root}/{name}/{scene}' for name in ('red', 'blue') for scene in range(2)]
    ended = tiny.run('vote', *words, '--pairs', tmp_path / 'pairs', '--number', 4, '--question', 'Which?')
    assert ended.code == 0, ended.err
    assert f'4 pairs: {tmp_path}/pairs, key: {tmp_path}/pairs.key.json' in ended.out
    assert json.loads((tmp_path / 'pairs.key.json').read_text())['question'] == 'Which?'
    ended = tiny.run('vote', *words, '--pairs', tmp_path / 'pairs')
    assert ended.code == 1 and 'holds something already' in ended.err


def test_mistakes(root):
    two = methods(root, ['red', 'green'])
    with pytest.raises(ConfigError, match='found 1 to vote on: red; expected two or more'):
        make_ballot({'red': two['red']})
    with pytest.raises(DataError, match='red has 2 videos and green has 1; expected the same scenes'):
        make_ballot({**two, 'green': two['green'][:1]})
    with pytest.raises(DataError, match='has 12 frames and .* has 6; expected the same frames'):
        make_ballot({'red': two['red'][:1], 'green': [two['green'][0].split(0.5)[0]]})
    with pytest.raises(DataError, match='found 12 frames; expected 25 for clips of 1.0 s'):
        make_ballot(two, seconds=1.0)
