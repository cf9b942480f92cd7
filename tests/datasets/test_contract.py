"""The datasets keep the contracts that third parties inherit."""

import pytest

from photoreal.datasets import ClipDataset, StreamDataset
from photoreal.testing.dataset import ClipDatasetContract, StreamDatasetContract

MODALITIES = dict(blur=dict(type='Blur'), segmentation=dict(type='LabelMap', num_classes=19, ignore=255))


@pytest.fixture(autouse=True)
def data_root(request, tiny_data):
    request.instance.root = tiny_data


class TestClips(ClipDatasetContract):
    def make(self):
        return ClipDataset(self.root, MODALITIES, clip_length=4, crop_size=16, strides=(1, 2), reverse_prob=0.5)


class TestClipsAtScale2(ClipDatasetContract):
    def make(self):
        return ClipDataset(self.root, MODALITIES, clip_length=3, crop_size=(8, 12), scale=2, still_prob=0.5)


class TestStreams(StreamDatasetContract):
    def make(self):
        return StreamDataset(self.root, MODALITIES)


class TestStreamsAtScale2(StreamDatasetContract):
    def make(self):
        return StreamDataset(self.root, MODALITIES, scale=2, max_frames=3)
