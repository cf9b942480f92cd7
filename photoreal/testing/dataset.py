"""What every dataset must do; inherit from the class that fits in the tests of yours."""

import pickle
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate


class ClipDatasetContract(ABC):
    """For datasets of training clips (see :class:`photoreal.structures.ClipItem`)."""

    @abstractmethod
    def make(self) -> Dataset:
        """The dataset, with at least two clips."""

    def test_items_follow_the_schema(self) -> None:
        dataset = self.make()
        item = dataset[0]
        target = item['target']
        assert target.dtype == torch.uint8 and target.ndim == 4 and target.shape[1] == 3
        assert isinstance(item['seed'], int) and 0 <= item['seed'] < 1 << 63
        assert list(item['maps']) == list(dataset.modalities)
        for maps in item['maps'].values():
            assert maps.ndim == 4 and len(maps) == len(target)
            assert maps.shape[2] * dataset.scale == target.shape[2]
            assert maps.shape[3] * dataset.scale == target.shape[3]

    def test_maps_can_be_encoded(self) -> None:
        dataset = self.make()
        item = dataset[0]
        for name, modality in dataset.modalities.items():
            encoded = modality.encode(item['maps'][name])
            assert encoded.dtype == torch.float32 and encoded.shape[1] == modality.channels

    def test_an_index_is_always_the_same_clip(self) -> None:
        a, b = self.make(), self.make()
        for k in (1, 0, len(a) + 1):
            _assert_equal(a[k], b[k])

    def test_clips_have_seeds_of_their_own(self) -> None:
        dataset = self.make()
        assert len({dataset[k]['seed'] for k in (0, 1, len(dataset))}) == 3

    def test_epochs_differ(self) -> None:
        dataset = self.make()
        first = [dataset[k]['target'] for k in range(len(dataset))]
        second = [dataset[k + len(dataset)]['target'] for k in range(len(dataset))]
        assert any(x.shape != y.shape or not torch.equal(x, y) for x, y in zip(first, second))

    def test_clips_collate(self) -> None:
        dataset = self.make()
        batch = default_collate([dataset[0], dataset[1]])
        assert batch['target'].shape[0] == 2

    def test_workers_deliver_the_same(self) -> None:
        dataset = pickle.loads(pickle.dumps(self.make()))
        loader = DataLoader(dataset, batch_size=1, num_workers=1, sampler=range(2))
        for k, batch in enumerate(loader):
            _assert_equal(dataset[k]['maps'], {name: maps[0] for name, maps in batch['maps'].items()})


class StreamDatasetContract(ABC):
    """For datasets of whole videos, frame by frame (see :class:`photoreal.structures.StreamItem`)."""

    @abstractmethod
    def make(self) -> Dataset:
        """The dataset, with at least two videos."""

    def test_videos_are_whole_and_in_order(self) -> None:
        dataset = self.make()
        assert [i for span in dataset.video_ranges for i in span] == list(range(len(dataset)))
        for span in dataset.video_ranges:
            infos = [dataset[i]['info'] for i in span]
            assert [info['index'] for info in infos] == list(range(len(span)))
            assert {(info['domain'], info['video'], info['length'], info['fps']) for info in infos} == \
                {(infos[0]['domain'], infos[0]['video'], len(span), infos[0]['fps'])}
            assert infos[0]['domain'] in ('real', 'virtual') and infos[0]['fps'] > 0
            assert len({info['name'] for info in infos}) == len(span)

    def test_items_follow_the_schema(self) -> None:
        dataset = self.make()
        for span in dataset.video_ranges:
            item = dataset[span[0]]
            frame, scale = item['frame'], dataset.scale if item['info']['domain'] == 'real' else 1
            assert frame.dtype == torch.uint8 and frame.ndim == 3 and frame.shape[0] == 3
            assert list(item['maps']) == list(dataset.modalities)
            for name, modality in dataset.modalities.items():
                maps = item['maps'][name]
                assert maps.ndim == 3
                assert (maps.shape[1] * scale, maps.shape[2] * scale) == tuple(frame.shape[1:])
                assert modality.encode(maps).shape[0] == modality.channels

    def test_nothing_is_random(self) -> None:
        a, b = self.make(), self.make()
        for span in a.video_ranges:
            _assert_equal(a[span[-1]], b[span[-1]])


def _assert_equal(a: object, b: object) -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            _assert_equal(a[key], b[key])
    elif isinstance(a, Tensor):
        assert a.dtype == b.dtype and torch.equal(a, b)
    else:
        assert a == b
