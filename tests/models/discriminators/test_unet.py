"""The U-Net discriminator: the contract, and its verdict on pixels."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.discriminators import UNetDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip, randomize


class TestUNet(DiscriminatorContract):
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return UNetDiscriminator(in_channels, scale, width=4)


class TestUnconditional(DiscriminatorContract):
    scales = (2,)
    lengths = (1, 2)
    crops = ((19, 27), (16, 24))

    def make(self, in_channels, scale):
        return UNetDiscriminator(in_channels, scale, width=4, conditional=False, spectral=False)


def test_a_verdict_on_every_pixel():
    [score] = UNetDiscriminator(0, width=4)(moving_clip(1, 2, 3, 19, 27), ClipContext(torch.zeros(0)))
    assert score.logits.shape == (2, 1, 19, 27) and len(score.features) == 4


def test_it_is_most_about_what_is_there():
    net, clip = UNetDiscriminator(0, width=4), moving_clip(1, 1, 3, 48, 48)
    randomize(net)
    changed = clip.clone()
    changed[..., 20:28, 20:28] = 1 - changed[..., 20:28, 20:28]
    [a], [b] = (net.eval()(x, ClipContext(torch.zeros(0))) for x in (clip, changed))
    difference = (a.logits - b.logits).abs()[0, 0]
    assert difference[20:28, 20:28].mean() > 3 * difference[:4].mean()


def test_too_small():
    with pytest.raises(ConfigError, match='at least 8 pixels a side, got 7x16'):
        UNetDiscriminator(0)(moving_clip(1, 1, 3, 16, 7), ClipContext(torch.zeros(0)))
