"""The spatial discriminator: the contract in its forms, and what it sees."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.discriminators import SpatialDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip


class TestSpatial(DiscriminatorContract):
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return SpatialDiscriminator(in_channels, scale)


class TestUnconditional(DiscriminatorContract):
    scales = (2,)
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return SpatialDiscriminator(in_channels, scale, conditional=False)


class TestSpectral(DiscriminatorContract):
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return SpatialDiscriminator(in_channels, scale, spectral=True)


class TestFullyConnected(DiscriminatorContract):
    crops = ((32, 32),)
    lengths = (2,)

    def make(self, in_channels, scale):
        return SpatialDiscriminator(in_channels, scale, spatial_size=32 * scale, upsample='bicubic')


def test_spectral_norm_bounds_every_layer():
    net = SpatialDiscriminator(5, spectral=True)
    for _ in range(20):
        net(moving_clip(1, 1, 3, 32, 32), ClipContext(moving_clip(1, 1, 5, 32, 32)))
    layers = [m for m in net.eval().modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert len(norms) == 6 and norms == pytest.approx([1] * 6, abs=0.05)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_each_frame_by_itself():
    net = SpatialDiscriminator(5).eval()
    condition, clip = moving_clip(2, 2, 5, 32, 32), moving_clip(2, 2, 3, 32, 32, seed=1)
    [whole] = net(clip, ClipContext(condition))
    [last] = net(clip[1:, 1:], ClipContext(condition[1:, 1:]))
    assert whole.logits.shape == (4, 1, 2, 2)
    torch.testing.assert_close(whole.logits[3:], last.logits)


def test_four_levels_of_features():
    [score] = SpatialDiscriminator(5)(moving_clip(1, 1, 3, 32, 48), ClipContext(moving_clip(1, 1, 5, 32, 48)))
    assert [tuple(f.shape) for f in score.features] == [
        (1, 64, 16, 24), (1, 64, 8, 12), (1, 128, 4, 6), (1, 256, 2, 3)]


@pytest.mark.parametrize('conditional', [True, False])
def test_condition_counts_only_where_it_is_asked_for(conditional):
    net, clip = SpatialDiscriminator(5, conditional=conditional).eval(), moving_clip(1, 1, 3, 32, 32)
    [a], [b] = (net(clip, ClipContext(moving_clip(1, 1, 5, 32, 32, seed=seed))) for seed in (0, 1))
    assert torch.equal(a.logits, b.logits) != conditional


def test_another_size_than_it_was_built_for():
    net = SpatialDiscriminator(5, scale=2, spatial_size=64)
    with pytest.raises(ConfigError, match='crops of 64x64 pixels but got 96x64: set its spatial_size'):
        net(moving_clip(1, 1, 3, 64, 96), ClipContext(moving_clip(1, 1, 5, 32, 48)))
