import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from photoreal.datasets import StreamDataset, WholeVideoSampler
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import ConfigError, DataError
from photoreal.modalities.images import shrink
from tests.datasets.helpers import (
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


@pytest.fixture
def videos(tmp_path):
    return {(domain, name): make_video(tmp_path, count, name, 'val', domain, height=13, width=16, seed=count,
                                       labels=True)
            for domain, name, count in (('real', 'a10', 3), ('real', 'a2', 4), ('virtual', 'v', 5))}


def test_order_and_info(tmp_path, videos):
    write_json(tmp_path / 'val/virtual/v/meta.json', {'fps': 30})
    dataset = StreamDataset(tmp_path, {'copy': Copy()}, domains=('virtual', 'real'))
    assert len(dataset) == 12
    assert dataset.video_ranges == [range(5), range(5, 9), range(9, 12)]
    assert [v.name for v in dataset.videos] == ['v', 'a2', 'a10']
    assert dataset[4]['info'] == {'domain': 'virtual', 'video': 'v', 'name': '00004', 'index': 4, 'length': 5,
                                  'fps': 30.0}
    assert dataset[5]['info']['video'] == 'a2' and dataset[5]['info']['index'] == 0
    with pytest.raises(IndexError):
        dataset[12]


def test_maps_of_whole_frames(tmp_path, videos):
    dataset = StreamDataset(tmp_path, {'blur': BoxBlur(), 'labels': Labels(), 'gain': RandomGain()}, domains=['real'])
    frames = videos['real', 'a2']
    item = dataset[2]
    assert (to_numpy(item['frame']) == frames[2]).all()
    assert (to_numpy(item['maps']['blur']) == BoxBlur().compute(frames)[2]).all()
    assert (to_numpy(item['maps']['labels']) == frames[2, ..., :1]).all()
    assert (item['maps']['gain'] == 0.5).all()


def test_scale_shrinks_real_frames_only(tmp_path, videos):
    dataset = StreamDataset(tmp_path, {'copy': Copy(), 'labels': Labels()}, scale=2)
    real, frames = dataset[1], videos['real', 'a2'][:, :12]
    assert (to_numpy(real['frame']) == frames[1]).all()
    assert (to_numpy(real['maps']['copy']) == shrink(frames, 2)[1]).all()
    assert (to_numpy(real['maps']['labels']) == shrink(frames[..., :1], 2, nearest=True)[1]).all()
    virtual, frames = dataset[8], videos['virtual', 'v']
    for made in (virtual['frame'], virtual['maps']['copy']):
        assert (to_numpy(made) == frames[1]).all()
    assert virtual['maps']['labels'].shape == (1, 13, 16)


@pytest.mark.parametrize('workers', [0, 2])
def test_context_frames(tmp_path, videos, workers):
    frames = np.concatenate([videos['real', 'a2'], videos['real', 'a10']]).astype(np.float32)
    dataset = StreamDataset(tmp_path, {'motion': Difference()}, domains=['real'])
    loader = DataLoader(dataset, 1, sampler=WholeVideoSampler(dataset), num_workers=workers)
    for k, item in enumerate(loader):
        expected = np.zeros_like(frames[0]) if k in (0, 4) else frames[k] - frames[k - 1]
        np.testing.assert_array_equal(to_numpy(item['maps']['motion'])[0], expected)
    np.testing.assert_array_equal(to_numpy(dataset[2]['maps']['motion']), frames[2] - frames[1])


def test_context_of_recorded_maps(tmp_path, videos):
    class Change(Labels):
        context = 2

        def compute(self, maps, **params):
            return np.repeat(maps[:1], len(maps), axis=0)

    dataset = StreamDataset(tmp_path, {'labels': Change()}, domains=['virtual'])
    frames = videos['virtual', 'v'][..., :1]
    for k, first in enumerate([0, 0, 0, 1, 2]):
        assert (to_numpy(dataset[k]['maps']['labels']) == frames[first]).all()


def test_context_of_a_video_file_needs_no_seek(tmp_path, videos, monkeypatch):
    from photoreal.datasets.video import Decoder
    write_video(tmp_path / 'film/real/x/frames.mkv', videos['real', 'a2'])
    dataset = StreamDataset(tmp_path, {'motion': Difference()}, 'film', ['real'])
    dataset[0]
    monkeypatch.setattr(Decoder, '_seek', lambda *_: pytest.fail('sought'))
    assert [dataset[k]['info']['name'] for k in range(1, 4)] == ['00001', '00002', '00003']


def test_max_frames(tmp_path, videos):
    dataset = StreamDataset(tmp_path, {'copy': Copy()}, max_frames=3)
    assert dataset.video_ranges == [range(3), range(3, 6), range(6, 9)]
    assert dataset[8]['info']['index'] == 2 and dataset[8]['info']['length'] == 3


def test_a_wrong_value_names_its_file(tmp_path, videos):
    write_image(tmp_path / 'val/virtual/v/labels/00003.png', np.full((13, 16), 200, np.uint8))
    for i in (0, 1, 2, 4):
        write_image(tmp_path / f'val/virtual/v/labels/{i:05d}.png', np.full((13, 16), 1, np.uint8))
    dataset = StreamDataset(tmp_path, {'seg': Labels(strict=True)}, domains=['virtual'])
    dataset[2]
    with pytest.raises(DataError, match=r"labels/00003\.png: modality 'seg': unknown value 200"):
        dataset[3]


def test_faults_are_found_before_testing(tmp_path, videos):
    (tmp_path / 'val/virtual/v/labels/00004.png').unlink()
    with pytest.raises(DataError, match='no map called 00004'):
        StreamDataset(tmp_path, {'labels': Labels()})


@pytest.mark.parametrize('arguments, message', [({'scale': 0}, 'scale=0'), ({'max_frames': 0}, 'max_frames=0'),
                                                ({'domains': 'real'}, r"expected a list, such as \['real'\]")])
def test_arguments_out_of_range(tmp_path, videos, arguments, message):
    with pytest.raises(ConfigError, match=message):
        StreamDataset(tmp_path, {'copy': Copy()}, **arguments)


def test_what_is_left_out_need_not_be_recorded(tmp_path, videos):
    modalities = {'copy': Copy(), 'labels': Labels(), 'more': Labels()}
    modalities['more'].folder = 'more'
    with pytest.raises(DataError, match='found no more/'):
        StreamDataset(tmp_path, modalities)
    dataset = StreamDataset(tmp_path, modalities, leave_out=['more'])
    assert list(dataset.modalities) == list(dataset[0]['maps']) == ['copy', 'labels']
    with pytest.raises(ConfigError, match="leave_out names 'label', which is no modality; did you mean 'labels'"):
        StreamDataset(tmp_path, modalities, leave_out=['label'])
    with pytest.raises(ConfigError, match='leaves no modality'):
        StreamDataset(tmp_path, {'copy': Copy()}, leave_out=['copy'])


def test_a_video_may_lack_what_the_model_can_do_without(tmp_path, videos):
    modalities = {'copy': Copy(), 'more': Labels()}
    modalities['more'].folder = 'more'
    dataset = StreamDataset(tmp_path, modalities, optional=['more'])
    assert list(dataset[0]['maps']) == ['copy'] and list(dataset.modalities) == ['copy', 'more']


def test_what_a_teacher_made_comes_along_where_there_is_such(tmp_path):
    frames = make_video(tmp_path, 4, 'a', 'val', 'virtual')
    write_folder(tmp_path / 'val/virtual/a/target', 255 - frames)
    make_video(tmp_path, 4, 'b', 'val', 'virtual')
    dataset = StreamDataset(tmp_path, {'copy': Copy()}, domains=['virtual'])
    for item in map(dataset.__getitem__, range(4)):
        assert torch.equal(item['teacher'], 255 - item['frame'])
    assert all('teacher' not in dataset[k] for k in range(4, 8))
    enlarging = StreamDataset(tmp_path, {'copy': Copy()}, domains=['virtual'], scale=2)
    assert 'teacher' not in enlarging[0]  # of which the target has not the size
