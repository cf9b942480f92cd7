"""Pixel loss: the contract for each kind, and numbers worked out by hand."""

import math

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import PixelLoss
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract


class TestCharbonnier(LossContract):
    least = 1e-3  # sqrt(1e-6)

    def make(self, weight):
        return PixelLoss(weight=weight)


class TestL1(LossContract):
    def make(self, weight):
        return PixelLoss('l1', weight)


class TestMSE(LossContract):
    def make(self, weight):
        return PixelLoss('mse', weight)


@pytest.mark.parametrize('kind, expected', [
    ('l1', (0.3 + 0.4 + 0.0 + 0.1) / 4),
    ('mse', (0.09 + 0.16 + 0.0 + 0.01) / 4),
    ('charbonnier', sum(math.sqrt(d**2 + 1e-6) for d in (0.3, 0.4, 0.0, 0.1)) / 4)])
def test_numbers(kind, expected):
    target = torch.tensor([0.5, 0.5, 0.2, 0.9], dtype=torch.float64).view(1, 1, 1, 2, 2)
    pred = torch.tensor([0.8, 0.1, 0.2, 1.0], dtype=torch.float64).view(1, 1, 1, 2, 2)
    loss = PixelLoss(kind, weight=2.0)(ClipContext(torch.zeros(1, 1, 1, 2, 2), target, pred=pred))
    assert float(loss) == pytest.approx(2 * expected, rel=1e-9)


def test_unknown_kind():
    with pytest.raises(ConfigError, match="PixelLoss: kind='charbonier' is unknown; did you mean 'charbonnier'"):
        PixelLoss('charbonier')
