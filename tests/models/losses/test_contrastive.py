"""PatchNCE: the contract, and what it holds."""

import math

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import PatchNCELoss
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip


class TestPatchNCE(LossContract):
    takes = ('pred', 'frames')
    size = 32

    def make(self, weight):
        return PatchNCELoss(layers=('conv1', 'fire3'), grid=4, weight=weight)

    def perfect(self):
        """There is no least: patches that look alike are taken for each other."""


def loss_of(pred: torch.Tensor, frames: torch.Tensor, **kwargs) -> float:
    return float(PatchNCELoss(weight=1.0, **kwargs)(ClipContext(frames, pred=pred, frames=frames)))


def test_what_is_shown_counts_and_not_how():
    frames = moving_clip(1, 2, 3, 64, 64)
    as_it_is, recoloured, elsewhere = (loss_of(pred, frames) for pred in (
        frames, 0.2 + 0.6 * frames.flip(2), frames.roll(16, -1)))
    assert as_it_is < recoloured < elsewhere


def test_patches_that_are_all_alike_cannot_be_told_apart():
    plain = torch.full((1, 1, 3, 67, 67), 0.5)
    assert loss_of(plain, plain, layers=('conv1',), grid=4) == pytest.approx(math.log(16), rel=1e-3)


@pytest.mark.parametrize('kwargs', [dict(temperature=0), dict(grid=1)])
def test_wrong_arguments(kwargs):
    with pytest.raises(ConfigError, match='expected a temperature above 0 and a grid of 2 or more'):
        PatchNCELoss(**kwargs)
