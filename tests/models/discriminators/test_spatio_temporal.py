"""The spatio-temporal discriminator: the contract, and which frames it puts side by side."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.discriminators import SpatioTemporalDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip


class TestSpatioTemporal(DiscriminatorContract):
    def make(self, in_channels, scale):
        return SpatioTemporalDiscriminator(in_channels, scale)


class TestSpectral(DiscriminatorContract):
    scales = (1,)

    def make(self, in_channels, scale):
        return SpatioTemporalDiscriminator(in_channels, scale, spectral=True)


class TestFullyConnected(DiscriminatorContract):
    crops = ((32, 32),)
    lengths = (4,)

    def make(self, in_channels, scale):
        return SpatioTemporalDiscriminator(in_channels, scale, spatial_size=32 * scale, upsample='bicubic')


def seen(net, clip: torch.Tensor, context: ClipContext) -> torch.Tensor:
    """What the network's trunk is given."""
    inputs = []
    handle = net.trunk.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    net(clip, context)
    handle.remove()
    return inputs[0]


def make_context(t: int, scale: int = 1) -> tuple[torch.Tensor, ClipContext]:
    """A clip that moves by 1 and 2 pixels of the condition in turn, and its true flow at the condition's size."""
    speeds = torch.tensor([1.0, 2.0]).repeat(t)[:t - 1]
    at = [0, *(scale * speeds.cumsum(0)).int().tolist()]
    clip = moving_clip(1, at[-1] + 1, 3, 32 * scale, 32 * scale)[:, at]
    motion = speeds.view(1, -1, 1, 1, 1).expand(1, t - 1, 2, 32, 32)
    return clip, ClipContext(moving_clip(1, t, 2, 32, 32, seed=1), flow=-motion, flow_back=motion)


def test_sees_triplets_channel_by_channel():
    clip, context = make_context(7)
    stack = seen(SpatioTemporalDiscriminator(2), clip, context)
    assert stack.shape == (2, 3 * (3 + 3 + 2), 32, 32)  # the seventh frame fills no triplet
    for triplet, frames in zip(stack, (slice(0, 3), slice(3, 6)), strict=True):
        torch.testing.assert_close(triplet[:9].view(3, 3, 32, 32), clip[0, frames].transpose(0, 1))
        torch.testing.assert_close(triplet[18:].view(2, 3, 32, 32), context.condition[0, frames].transpose(0, 1))


@pytest.mark.parametrize('scale', [1, 2])
def test_true_flow_makes_the_triplet_stand_still(scale):
    clip, context = make_context(3, scale=scale)
    side = 32 * scale
    warped = seen(SpatioTemporalDiscriminator(2, scale), clip, context)[0, 9:18].view(3, 3, side, side)
    inside = (..., slice(side // 8, -side // 8), slice(side // 8, -side // 8))
    for frame in (0, 2):
        torch.testing.assert_close(warped[:, frame][inside], clip[0, 1][inside], rtol=0, atol=1e-5)
    context.flow, context.flow_back = -context.flow, -context.flow_back
    wrong = seen(SpatioTemporalDiscriminator(2, scale), clip, context)[0, 9:18].view(3, 3, side, side)
    assert (wrong[:, 0] - clip[0, 1])[inside].abs().mean() > 0.01


def test_rim_of_warped_frames_is_blank():
    clip, context = make_context(3)
    stack = seen(SpatioTemporalDiscriminator(2, border_crop=0.5), 0.1 + clip, context)[0]
    rim = torch.ones(32, 32, dtype=torch.bool)
    rim[8:24, 8:24] = False
    assert (stack[9:18, rim] == 0).all() and (stack[9:18, ~rim] > 0).all() and (stack[:9, rim] > 0).all()


def test_clip_too_short():
    with pytest.raises(ConfigError, match='at least 3 frames, got 2'):
        SpatioTemporalDiscriminator(2)(*make_context(2))


@pytest.mark.parametrize('missing', ['flow', 'flow_back'])
def test_flow_is_needed(missing):
    clip, context = make_context(3)
    setattr(context, missing, None)
    with pytest.raises(ConfigError, match=f"SpatioTemporalDiscriminator needs '{missing}'.*estimates flow"):
        SpatioTemporalDiscriminator(2)(clip, context)


@pytest.mark.parametrize('share', [0, 1.5])
def test_wrong_border(share):
    with pytest.raises(ConfigError, match='border_crop=.*share in'):
        SpatioTemporalDiscriminator(2, border_crop=share)
