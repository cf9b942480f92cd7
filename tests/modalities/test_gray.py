"""Gray: BT.601 weights on RGB."""

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.modalities import Gray
from photoreal.testing.modality import ModalityContract


class TestGray(ModalityContract):
    def make(self):
        return Gray()


def test_weights_are_those_of_rgb():
    frames = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)[None, None]
    assert Gray().compute(frames)[0, 0, :, 0].tolist() == [76, 150, 29, 255]


class TestGrayAsImage(ModalityContract):
    def make(self):
        return Gray(channels=3)


def test_three_channels_are_equal():
    encoded = Gray(channels=3).encode(torch.tensor([[[[0, 255]]]], dtype=torch.uint8))
    assert encoded.tolist() == [[[[0.0, 1.0]], [[0.0, 1.0]], [[0.0, 1.0]]]]


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ConfigError, match='channels=2: expected 1, or 3'):
        Gray(channels=2)
