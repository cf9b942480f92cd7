"""Focal frequency loss: the contract, and the published formula."""

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import FocalFrequencyLoss, PixelLoss
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip


class TestAllFrequenciesAlike(LossContract):
    def make(self, weight):
        return FocalFrequencyLoss(alpha=0, weight=weight)


class TestFocal(LossContract):
    def make(self, weight):
        return FocalFrequencyLoss(weight=weight)

    def test_gradients_are_right(self):
        """The weights are constants of the gradient, so differences of the loss are no measure of it."""
        context = self.context()
        context.pred.requires_grad_()
        FocalFrequencyLoss()(context).backward()
        x, y = context.pred.detach(), context.target
        spectrum = torch.fft.fft2(x - y, norm='ortho')
        weights = spectrum.abs() / spectrum.abs().amax((-2, -1), keepdim=True)
        expected = 2 * torch.fft.ifft2(weights * spectrum, norm='ortho').real / x.numel()
        torch.testing.assert_close(context.pred.grad, expected, rtol=1e-3, atol=1e-8)


def clips() -> ClipContext:
    pred = torch.rand(1, 2, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    return ClipContext(pred, moving_clip(1, 2, 3, 12, 16), pred=pred)


@pytest.mark.parametrize('alpha', [0.5, 1.0, 2.0])
def test_formula(alpha):
    context = clips()
    total = []
    for pred, target in zip(context.pred.flatten(0, 2).double().numpy(), context.target.flatten(0, 2).double().numpy()):
        distance = np.abs(np.fft.fft2(pred, norm='ortho') - np.fft.fft2(target, norm='ortho'))
        total.append(((distance**alpha / (distance**alpha).max()) * distance**2).mean())
    assert float(FocalFrequencyLoss(alpha)(context)) == pytest.approx(np.mean(total), rel=1e-4)


def test_without_weights_it_is_the_distance_of_the_pixels():
    context = clips()
    torch.testing.assert_close(FocalFrequencyLoss(0)(context), PixelLoss('mse')(context))


def test_wrong_argument():
    with pytest.raises(ConfigError, match='alpha=-1: expected 0 or more'):
        FocalFrequencyLoss(alpha=-1)
