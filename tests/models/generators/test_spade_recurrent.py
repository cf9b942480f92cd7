"""SPADERecurrent: the contract, and how the condition gets into it."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.generators import SPADERecurrent
from photoreal.models.generators.spade_recurrent import SPADE
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip, randomize


def small(in_channels: int = 5, **kwargs) -> SPADERecurrent:
    return SPADERecurrent(in_channels, width=4, blocks=1, hidden=4, flow_channels=4, **kwargs)


class TestSPADERecurrent(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip)


def test_condition_sets_scale_and_shift_of_normed_features():
    spade = SPADE(4, 2, 3)
    with torch.no_grad():
        spade.scale_and_shift.weight.zero_()
        spade.scale_and_shift.bias.copy_(torch.tensor([1.0] * 4 + [0.25] * 4))
    x = torch.rand(2, 4, 5, 6)
    normed = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(spade(x, torch.rand(2, 2, 5, 6)), 2 * normed + 0.25, rtol=1e-4, atol=1e-5)


def test_labels_reach_every_level():
    """Features alone cannot bring them: the first convolution is told nothing of them."""
    net = small()
    randomize(net)
    with torch.no_grad():
        net.conv_in.weight[:, :5] = 0
        net.flow_net.flow[-1].weight.zero_()
        a, b = (net(moving_clip(1, 1, 5, 16, 16, seed=seed)).pred for seed in (0, 1))
    assert (a - b).abs().max() > 1e-3


def test_training_starts_at_the_degraded_frame():
    condition = moving_clip(1, 3, 5, 16, 24)
    torch.testing.assert_close(small(skip=(1, 4))(condition).pred, condition[:, :, 1:4])


def test_wrong_skip():
    with pytest.raises(ConfigError, match=r'skip=\(0, 4\) takes 4 channels of the condition, but the prediction has 3'):
        small(skip=(0, 4))
