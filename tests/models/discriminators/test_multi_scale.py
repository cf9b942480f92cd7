"""The multi-scale discriminator: the contract, and its sizes."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.discriminators import MultiScaleDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip, randomize


class TestMultiScale(DiscriminatorContract):
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return MultiScaleDiscriminator(in_channels, scale, levels=2, width=4)


class TestUnconditional(DiscriminatorContract):
    scales = (2,)
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return MultiScaleDiscriminator(in_channels, scale, levels=3, width=4, conditional=False, spectral=False)


def test_one_score_a_size():
    scores = MultiScaleDiscriminator(0, width=4)(moving_clip(2, 2, 3, 64, 96), ClipContext(torch.zeros(0)))
    assert [tuple(score.logits.shape) for score in scores] == [(4, 1, 8, 12), (4, 1, 4, 6), (4, 1, 2, 3)]
    assert [tuple(feature.shape) for feature in scores[0].features] == [
        (4, 4, 32, 48), (4, 8, 16, 24), (4, 16, 8, 12), (4, 32, 8, 12)]


def test_each_size_sees_the_frame_shrunk_by_half():
    net = MultiScaleDiscriminator(0, levels=2, width=4)
    randomize(net)
    net.trunks[1].load_state_dict(net.trunks[0].state_dict())
    clip = moving_clip(1, 1, 3, 128, 128)
    [_, small], [alone, _] = (net.eval()(x, ClipContext(torch.zeros(0))) for x in (clip, clip[..., ::2, ::2]))
    inner = (..., slice(2, -2), slice(2, -2))  # borders are padded
    assert (small.logits - alone.logits)[inner].std() < 0.3 * alone.logits[inner].std()


def test_too_small():
    with pytest.raises(ConfigError, match='MultiScaleDiscriminator needs .* at least 32 pixels a side, got 48x16'):
        MultiScaleDiscriminator(0, width=4)(moving_clip(1, 1, 3, 16, 48), ClipContext(torch.zeros(0)))


def test_wrong_levels():
    with pytest.raises(ConfigError, match='levels=0: expected 1 or more'):
        MultiScaleDiscriminator(5, levels=0)
