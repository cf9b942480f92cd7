import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from photoreal.datasets import ClipDataset, ClipSampler
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError, DataError
from photoreal.modalities.images import shrink
from tests.datasets.helpers import (
    Blocks,
    BoxBlur,
    Copy,
    Difference,
    Labels,
    RandomGain,
    make_video,
    to_numpy,
    write_folder,
    write_video,
)

HEIGHT, WIDTH, COUNT = 23, 30, 7


@pytest.fixture
def frames(tmp_path):
    return make_video(tmp_path, COUNT, height=HEIGHT, width=WIDTH, labels=True)


def _clips(root, modalities=None, **arguments):
    given = {'clip_length': 3, 'crop_size': 9, 'flip_prob': 0.0} | arguments
    return ClipDataset(root, modalities or {'copy': Copy()}, **given)


def _find(part, frames):
    """(frame, top, left, mirrored) of a picture cut out of one of the frames."""
    height, width = part.shape[:2]
    for mirrored in (False, True):
        seen = part[:, ::-1] if mirrored else part
        for i, top, left in itertools.product(range(len(frames)), range(frames.shape[1] - height + 1),
                                              range(frames.shape[2] - width + 1)):
            if (frames[i, top:top + height, left:left + width] == seen).all():
                return i, top, left, mirrored
    raise AssertionError('the picture is no part of the frames')


def _numbers(item):
    """Numbers of the frames of an item without crop and flip."""
    return item['target'][:, 0, 0, 0].tolist()


def test_schema_and_length(tmp_path, frames):
    dataset = _clips(tmp_path, {'labels': Labels(), 'copy': Copy()}, crop_size=[9, 11])
    assert len(dataset) == COUNT
    item = dataset[0]
    assert list(item['maps']) == ['labels', 'copy']
    assert item['maps']['labels'].shape == (3, 1, 9, 11) and item['maps']['copy'].shape == (3, 3, 9, 11)
    assert item['target'].shape == (3, 3, 9, 11) and item['target'].dtype == torch.uint8
    assert default_collate([item, dataset[1]])['maps']['labels'].shape == (2, 3, 1, 9, 11)


def test_an_epoch_starts_once_at_every_frame(tmp_path, frames):
    dataset = _clips(tmp_path, crop_size=None)
    epochs = [[_numbers(dataset[k])[0] for k in range(e * COUNT, (e + 1) * COUNT)] for e in range(3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


def test_several_videos(tmp_path):
    for name, count in (('a', 4), ('b', 3)):
        make_video(tmp_path, count, name, seed=ord(name))
    dataset = _clips(tmp_path, crop_size=None)
    first = [dataset[k]['target'][0].numpy().tobytes() for k in range(7)]
    assert len(dataset) == 7 and len(set(first)) == 7


@pytest.mark.parametrize('stride, reverse', [(1, 0.0), (2, 0.0), (1, 1.0), (3, 1.0)])
def test_stride_reversal_and_reflection(tmp_path, frames, stride, reverse):
    dataset = _clips(tmp_path, crop_size=None, clip_length=5, strides=(stride,), reverse_prob=reverse)
    period = list(range(COUNT)) + list(range(COUNT - 2, 0, -1))
    found = {tuple(_numbers(dataset[k])) for k in range(COUNT)}
    forward = [tuple(period[(start + stride * i) % len(period)] for i in range(5)) for start in range(COUNT)]
    assert found == {clip[::-1] if reverse else clip for clip in forward}


def test_strides_are_drawn_once_a_clip(tmp_path):
    make_video(tmp_path, 20)
    dataset = _clips(tmp_path, crop_size=None, strides=(1, 2))
    clips = [_numbers(dataset[k]) for k in range(60)]
    steps = [np.diff(clip).tolist() for clip in clips if clip[0] < 15]  # those that do not reach the end
    assert all(step in ([1, 1], [2, 2]) for step in steps)
    assert [1, 1] in steps and [2, 2] in steps


def test_random_choices_depend_on_seed_epoch_and_index_alone(tmp_path, frames):
    chosen = {'flip_prob': 0.5, 'reverse_prob': 0.5, 'strides': (1, 2), 'still_prob': 0.3}
    modalities = {'gain': RandomGain(), 'labels': Labels()}
    dataset, again = (_clips(tmp_path, modalities, **chosen) for _ in range(2))
    items = [dataset[k] for k in range(2 * COUNT)]
    for k in reversed(range(2 * COUNT)):
        assert _same(items[k], again[k])
    other = _clips(tmp_path, modalities, seed=1, **chosen)
    assert not all(_same(items[k], other[k]) for k in range(COUNT))
    orders = [[which.describe(k).indices for k in range(COUNT)] for which in (_clips(tmp_path, seed=s) for s in (0, 1))]
    assert orders[0] != orders[1]
    assert len({items[k]['maps']['gain'].unique().item() for k in range(2 * COUNT)}) == 2 * COUNT


def _same(a, b):
    return torch.equal(a['target'], b['target']) and all(torch.equal(a['maps'][n], b['maps'][n]) for n in a['maps'])


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_workers_and_resuming_give_the_same(tmp_path, method):
    frames = make_video(tmp_path, 6, height=16, width=16, labels=True)
    write_video(tmp_path / 'train/real/b/frames.mkv', frames)
    write_video(tmp_path / 'train/real/b/labels.mkv', frames[..., 0].copy(), pixels='gray')
    write_folder(tmp_path / 'train/real/a/depth', frames[..., 0].astype(np.uint16) * 256)
    write_video(tmp_path / 'train/real/b/depth.mkv', frames[..., 0].astype(np.uint16) * 256, pixels='gray16le')
    depth = Labels()
    depth.folder = 'depth'
    modalities = {'copy': Copy(), 'labels': Labels(), 'gain': RandomGain(), 'depth': depth}
    dataset = _clips(tmp_path, modalities, flip_prob=0.5)
    plain = DataLoader(dataset, 2, sampler=ClipSampler(dataset))
    assert dataset[0]['maps']['depth'].dtype == torch.uint16
    expected = list(itertools.islice(plain, 8))  # leaves decoders open that a fork inherits
    loader = DataLoader(dataset, 2, sampler=ClipSampler(dataset, start=6), num_workers=2,
                        multiprocessing_context=method)
    for batch, wanted in zip(loader, expected[3:], strict=False):
        assert _same(batch, wanted)


def test_crop_windows_cover_the_frame(tmp_path, frames):
    dataset = _clips(tmp_path, crop_size=(20, 26))
    found = {_find(to_numpy(dataset[k]['target'])[0], frames)[1:3] for k in range(120)}
    tops, lefts = zip(*found, strict=True)
    assert set(tops) == set(range(4)) and set(lefts) == set(range(5))


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('still', [0.0, 1.0])
@pytest.mark.parametrize('modality', [BoxBlur(), Blocks()])
def test_maps_of_a_crop_are_the_crop_of_the_map(tmp_path, frames, modality, flip, still):
    whole = modality.compute(frames)
    dataset = _clips(tmp_path, {'map': modality}, flip_prob=flip, still_prob=still)
    for k in range(8):
        item = dataset[k]
        for target, found in zip(to_numpy(item['target']), to_numpy(item['maps']['map']), strict=True):
            i, top, left, mirrored = _find(target, frames)
            assert mirrored == bool(flip)
            expected = whole[i, top:top + 9, left:left + 9]
            np.testing.assert_array_equal(found[:, ::-1] if mirrored else found, expected)


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('still', [0.0, 1.0])
@pytest.mark.parametrize('scale', [1, 2])
def test_recorded_maps_keep_step_with_the_frames(tmp_path, frames, flip, still, scale):
    dataset = _clips(tmp_path, {'labels': Labels(), 'copy': Copy()}, crop_size=7, flip_prob=flip, still_prob=still,
                     scale=scale)
    for k in range(8):
        item = dataset[k]
        target, labels = to_numpy(item['target']), to_numpy(item['maps']['labels'])
        red = target[:, :, ::-1, :1] if flip else target[..., :1]
        labels = labels[:, :, ::-1] if flip else labels
        np.testing.assert_array_equal(labels, shrink(red, scale, nearest=True))


def test_recorded_values_are_mirrored_by_the_modality(tmp_path, frames):
    class Leftward(Labels):
        def flip(self, maps):
            return 255 - maps[:, :, ::-1]

    item = _clips(tmp_path, {'labels': Leftward()}, flip_prob=1.0)[0]
    np.testing.assert_array_equal(to_numpy(item['maps']['labels']), 255 - to_numpy(item['target'])[..., :1])


def test_recorded_map_with_a_margin(tmp_path, frames):
    class Spread(Labels):
        margin = 1

        def compute(self, maps, **params):
            padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)), 'edge')
            return np.maximum(padded[:, 1:-1, :-2], padded[:, 1:-1, 1:-1])

    whole = Spread().compute(frames[..., :1])
    dataset = _clips(tmp_path, {'labels': Spread()})
    for k in range(8):
        item = dataset[k]
        i, top, left, _ = _find(to_numpy(item['target'])[0], frames)
        np.testing.assert_array_equal(to_numpy(item['maps']['labels'])[0], whole[i, top:top + 9, left:left + 9])


def test_scale_two(tmp_path, frames):
    dataset = _clips(tmp_path, {'blur': BoxBlur(), 'copy': Copy()}, scale=2, crop_size=8)
    even = frames[:, :HEIGHT // 2 * 2]
    small = shrink(even, 2)
    blurred = BoxBlur().compute(small)
    for k in range(8):
        item = dataset[k]
        target = to_numpy(item['target'])
        assert target.shape == (3, 16, 16, 3)
        i, top, left, _ = _find(target[0], frames)
        assert top % 2 == left % 2 == 0
        cut = np.s_[i, top // 2:top // 2 + 8, left // 2:left // 2 + 8]
        np.testing.assert_array_equal(to_numpy(item['maps']['copy'])[0], small[cut])
        np.testing.assert_array_equal(to_numpy(item['maps']['blur'])[0], blurred[cut])


@pytest.mark.parametrize('reverse', [0.0, 1.0])
def test_context_comes_from_before_the_clip(tmp_path, frames, reverse):
    dataset = _clips(tmp_path, {'motion': Difference(), 'copy': Copy()}, crop_size=None, reverse_prob=reverse)
    cleared = 0
    for k in range(COUNT):
        item = dataset[k]
        maps, target = to_numpy(item['maps']['motion']), to_numpy(item['target']).astype(np.float32)
        numbers = _numbers(item)
        before = numbers[0] - (numbers[1] - numbers[0])
        if reverse and numbers[0] == COUNT - 1 or before > COUNT - 1:
            before = COUNT - 2  # turned back at the end
        np.testing.assert_array_equal(maps[1:], np.diff(target, axis=0))
        if before < 0:
            assert (maps[0] == 0).all()
            cleared += 1
        else:
            np.testing.assert_array_equal(maps[0], target[0] - frames[before])
    assert cleared == (0 if reverse else 1)


def test_still_window_glides(tmp_path):
    frames = make_video(tmp_path, 6, height=26, width=36)
    dataset = _clips(tmp_path, clip_length=6, still_prob=1.0, still_speed=3)
    moved = set()
    for k in range(12):
        found = [_find(part, frames) for part in to_numpy(dataset[k]['target'])]
        assert len({i for i, *_ in found}) == 1
        for axis in (1, 2):
            steps = np.diff([place[axis] for place in found])
            assert np.ptp(steps) <= 1 and np.abs(steps).max() <= 3  # even, but for whole pixels
            moved.add(int(np.sign(steps.sum())))
    assert moved >= {-1, 1}


def test_still_window_stays_in_small_frames(tmp_path):
    make_video(tmp_path, 9, height=10, width=12)
    dataset = _clips(tmp_path, clip_length=9, still_prob=1.0, crop_size=(10, 9), still_speed=50)
    assert all(dataset[k]['target'].shape == (9, 3, 10, 9) for k in range(9))


def test_no_still_clips_where_a_modality_needs_what_came_before(tmp_path, frames):
    dataset = _clips(tmp_path, {'motion': Difference()}, still_prob=1.0, crop_size=(HEIGHT, WIDTH))
    assert all(len(set(_numbers(dataset[k]))) > 1 for k in range(COUNT))


def test_a_frame_is_decoded_once(tmp_path, frames, monkeypatch):
    from photoreal.datasets import sources
    decoded = []
    decode = sources.decode_picture
    monkeypatch.setattr(sources, 'decode_picture',
                        lambda path, raw, rows: (decoded.append(path), decode(path, raw, rows))[1])
    dataset = _clips(tmp_path, {'blur': BoxBlur(), 'copy': Copy()}, clip_length=7)
    for k in range(COUNT):
        decoded.clear()
        dataset[k]
        assert len(decoded) == len(set(decoded)) <= 7


def test_a_wrong_value_names_its_file(tmp_path, frames):
    folder = tmp_path / 'train/real/a/labels'
    for i in range(COUNT):
        write_image(folder / f'{i:05d}.png', np.full((HEIGHT, WIDTH), 200 if i == 4 else 1, np.uint8))
    dataset = _clips(tmp_path, {'seg': Labels(strict=True)})
    with pytest.raises(DataError, match=r"labels/00004\.png: modality 'seg': unknown value 200"):
        for k in range(COUNT):
            dataset[k]


def test_a_modality_that_shifts_its_maps_is_told(tmp_path, frames):
    class Cropped(Copy):
        def compute(self, frames, **params):
            return frames[:, 1:]

    with pytest.raises(ValueError, match=r"modality 'bad' made maps of shape \(3, 8, 9, 3\) from frames of shape"):
        _clips(tmp_path, {'bad': Cropped()})[0]


def test_limits_are_checked_before_training(tmp_path, frames):
    with pytest.raises(DataError, match=r'at least 9 for a clip of 9 frames(.|\n)*at least 48x48 for the crop'):
        _clips(tmp_path, clip_length=9, crop_size=24, scale=2)
    with pytest.raises(IndexError, match='clip -1'):
        _clips(tmp_path)[-1]


@pytest.mark.parametrize('arguments, message', [
    ({'clip_length': 0}, 'clip_length=0; expected 1 or more'), ({'crop_size': 0}, 'crop_size='),
    ({'scale': 0}, 'scale=0'), ({'strides': ()}, r'strides=\(\)'), ({'strides': (0, 1)}, r'strides=\(0, 1\)'),
    ({'flip_prob': 1.5}, 'flip_prob=1.5; expected a probability'), ({'seed': -1}, 'seed=-1'),
    ({'still_speed': -1}, 'still_speed=-1'), ({'still_prob': 0.1, 'crop_size': None}, 'needs a crop_size')])
def test_arguments_out_of_range(tmp_path, frames, arguments, message):
    with pytest.raises(ConfigError, match=message):
        _clips(tmp_path, **arguments)


def test_a_video_may_lack_what_others_have(tmp_path):
    make_video(tmp_path, COUNT, height=HEIGHT, width=WIDTH, labels=True)
    make_video(tmp_path, COUNT, height=HEIGHT, width=WIDTH, name='bare')
    modalities = {'labels': Labels(), 'copy': Copy()}
    with pytest.raises(DataError, match=r'bare: found no labels/.*or let videos lack it \(model.dropout\)'):
        _clips(tmp_path, modalities)
    dataset = _clips(tmp_path, modalities, optional=['labels'], flip_prob=0.5)
    items = [dataset[k] for k in range(len(dataset))]
    batch = default_collate(items)
    assert batch['maps']['labels'].shape == (2 * COUNT, 3, 1, 9, 9)
    lacking = [dataset.describe(k).video.name == 'bare' for k in range(len(dataset))]
    assert sum(lacking) == COUNT and batch['recorded']['labels'].tolist() == [int(not bare) for bare in lacking]
    for bare, item in zip(lacking, items):
        assert (item['maps']['labels'] == 255).all().item() == bare, '255 is no class'


def test_what_no_video_has_cannot_be_learnt(tmp_path):
    make_video(tmp_path, COUNT, height=HEIGHT, width=WIDTH)
    with pytest.raises(DataError, match="no video to train on has labels/, where the modality 'labels' is recorded"):
        _clips(tmp_path, {'labels': Labels(), 'copy': Copy()}, optional=['labels'])


@pytest.mark.parametrize('still', [0.0, 1.0])
@pytest.mark.parametrize('scale', [1, 2])
def test_what_a_teacher_made_lies_on_the_frames(tmp_path, still, scale):
    frames = make_video(tmp_path, COUNT, domain='virtual', height=24, width=32)
    write_folder(tmp_path / 'train/virtual/a/target', 255 - frames)
    dataset = _clips(tmp_path, domain='virtual', teacher=True, flip_prob=0.5, reverse_prob=0.5, still_prob=still,
                     scale=scale)
    for item in map(dataset.__getitem__, range(COUNT)):
        assert item['taught'] == 1 and item['teacher'].shape == (3, 3, 9 * scale, 9 * scale)
        assert torch.equal(item['teacher'], 255 - item['target'])


def test_a_video_may_lack_a_teacher(tmp_path, frames):
    write_folder(tmp_path / 'train/virtual/a/target', 255 - make_video(tmp_path, COUNT, domain='virtual', seed=1))
    make_video(tmp_path, COUNT, 'b', domain='virtual', seed=2)
    dataset = _clips(tmp_path, unpaired={}, teacher=True)
    items = [dataset[k]['virtual'] for k in range(2 * COUNT)]
    assert {item['taught'] for item in items} == {0, 1} and 'teacher' not in dataset[0]
    for item in items:
        assert torch.equal(item['teacher'], (255 - item['target']) * item['taught'])
    assert default_collate(items)['teacher'].shape == (2 * COUNT, 3, 3, 9, 9)
    assert all('teacher' not in _clips(tmp_path, unpaired={})[k]['virtual'] for k in range(COUNT))


def test_a_teacher_that_is_nowhere(tmp_path, frames):
    make_video(tmp_path, COUNT, domain='virtual')
    for arguments in ({'domain': 'virtual'}, {'unpaired': {}}):
        with pytest.raises(DataError, match=r'no virtual video to train on has target/.*docs/teacher.md'):
            _clips(tmp_path, teacher=True, **arguments)
    with pytest.raises(ConfigError, match="teacher is for virtual clips: expected domain='virtual', or unpaired"):
        _clips(tmp_path, teacher=True)
