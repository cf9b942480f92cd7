from itertools import islice

import pytest
from mmengine.registry import DATA_SAMPLERS

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.samplers import ClipSampler, WholeVideoSampler, clip_indices, share_videos
from photoreal.datasets.streams import StreamDataset
from photoreal.errors import ConfigError
from tests.datasets.helpers import Copy, make_video


def test_ranks_count_up_together():
    ranks = [list(islice(clip_indices(10, rank, 3), 4)) for rank in range(3)]
    assert sorted(sum(ranks, [])) == list(range(10, 22))
    assert ranks[1] == [11, 14, 17, 20]


def test_clip_sampler_resumes_at_an_index(tmp_path):
    make_video(tmp_path, 5)
    dataset = ClipDataset(tmp_path, {'copy': Copy()}, clip_length=2, crop_size=8)
    sampler = DATA_SAMPLERS.build({'type': 'ClipSampler', 'dataset': dataset, 'seed': 3})
    whole = list(islice(sampler, 12))
    assert whole == list(range(12)) and len(sampler) == 5
    assert list(islice(ClipSampler(dataset, start=8), 4)) == whole[8:]
    with pytest.raises(ConfigError, match='start=-1'):
        ClipSampler(dataset, start=-1)


def test_videos_are_shared_by_length():
    shares = share_videos([5, 100, 40, 60, 7], 2)
    assert shares == [[1, 4], [0, 2, 3]]
    assert share_videos([3], 2) == [[0], []]
    assert share_videos([4, 4, 4], 3) == [[0], [1], [2]]


def test_whole_videos_in_order(tmp_path):
    make_video(tmp_path, 3, 'a', 'val')
    make_video(tmp_path, 5, 'b', 'val')
    dataset = StreamDataset(tmp_path, {'copy': Copy()}, domains=['real'])
    sampler = DATA_SAMPLERS.build({'type': 'WholeVideoSampler', 'dataset': dataset, 'seed': None})
    assert list(sampler) == list(range(8)) and len(sampler) == 8
    with pytest.raises(ConfigError, match='a list has no video_ranges; expected a StreamDataset'):
        WholeVideoSampler([1, 2])


def test_a_rank_sees_its_videos_only(tmp_path, monkeypatch):
    for name, count in (('a', 3), ('b', 5), ('c', 2)):
        make_video(tmp_path, count, name, 'val')
    dataset = StreamDataset(tmp_path, {'copy': Copy()}, domains=['real'])
    seen = []
    for rank in range(2):
        monkeypatch.setattr('photoreal.datasets.samplers.get_dist_info', lambda rank=rank: (rank, 2))
        sampler = WholeVideoSampler(dataset)
        assert len(list(sampler)) == len(sampler)
        seen.append(list(sampler))
    assert seen == [[3, 4, 5, 6, 7], [0, 1, 2, 8, 9]]
