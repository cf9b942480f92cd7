"""What people are shown of a modality."""

import numpy as np
import pytest
import torch

from photoreal.modalities import Depth, Edges, ImageFolder, LabelMap


def test_three_channels_are_shown_as_they_are_and_clipped() -> None:
    x = torch.tensor([0.0, 0.5, 2.0]).view(3, 1, 1)
    assert ImageFolder('albedo').show(x).tolist() == [[[0, 128, 255]]]


def test_one_channel_is_grey() -> None:
    assert Edges().show(torch.tensor([[[0.0, 1.0]]])).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_labels_have_the_colours_of_their_palette_and_black_for_none() -> None:
    modality = LabelMap(num_classes=2, palette=[(1, 2, 3), (4, 5, 6)], ignore=[255])
    x = modality.encode(torch.tensor([[[0, 1, 255]]], dtype=torch.uint8))
    assert modality.show(x).tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0]]]


def test_nineteen_classes_have_the_colours_of_cityscapes() -> None:
    modality = LabelMap()
    assert modality.show(modality.encode(torch.tensor([[[13]]], dtype=torch.uint8))).tolist() == [[[0, 0, 142]]]


@pytest.mark.parametrize('count', [2, 40, 255])
def test_classes_without_a_palette_differ_in_colour(count: int) -> None:
    modality = LabelMap(num_classes=count)
    labels = torch.arange(count, dtype=torch.uint8).view(1, 1, count)
    shown = modality.show(modality.encode(labels)).reshape(-1, 3)
    assert len(np.unique(shown, axis=0)) >= 0.8 * count
    assert shown.max(axis=1).min() > 100, 'black stands for no class'


@pytest.mark.parametrize('inverse', [True, False])
def test_near_is_warm_and_far_is_cold(inverse: bool) -> None:
    modality = Depth(near=1, far=100, unit=1, inverse=inverse)
    near, far = modality.show(modality.encode(torch.tensor([[[2, 90]]], dtype=torch.uint8)))[0].astype(int)
    assert near[0] > near[2] and far[2] > far[0]
