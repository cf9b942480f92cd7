"""The temporal discriminator: the contract, and what it sees of time."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.discriminators import TemporalDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip, randomize


class TestTemporal(DiscriminatorContract):
    def make(self, in_channels, scale):
        return TemporalDiscriminator(in_channels, scale, width=4)


class TestUnconditional(DiscriminatorContract):
    scales = (1,)
    lengths = (1, 4)

    def make(self, in_channels, scale):
        return TemporalDiscriminator(in_channels, scale, width=4, conditional=False, spectral=False)


def test_one_verdict_a_frame_and_patch():
    [score] = TemporalDiscriminator(0, width=4)(moving_clip(2, 5, 3, 32, 48), ClipContext(torch.zeros(0)))
    assert score.logits.shape == (2, 1, 5, 2, 3) and len(score.features) == 4


@pytest.mark.parametrize('frame, reached', [(0, False), (1, True), (9, True), (10, False)])
def test_a_verdict_is_about_nine_frames(frame: int, reached: bool):
    net, clip = TemporalDiscriminator(0, width=4).eval(), moving_clip(1, 11, 3, 16, 16)
    randomize(net)
    changed = clip.clone()
    changed[:, frame] = 1 - changed[:, frame]
    [a], [b] = (net(x, ClipContext(torch.zeros(0))) for x in (clip, changed))
    assert torch.equal(a.logits[:, :, 5], b.logits[:, :, 5]) != reached


def test_too_small():
    with pytest.raises(ConfigError, match='at least 16 pixels a side, got 16x15'):
        TemporalDiscriminator(0)(moving_clip(1, 3, 3, 15, 16), ClipContext(torch.zeros(0)))


def test_single_frame_in_bfloat16_takes_in_nothing_but_the_frame():
    net = TemporalDiscriminator(5, width=4, conditional=False, spectral=False)
    clip, context = torch.rand(2, 1, 3, 32, 48), ClipContext(torch.rand(2, 1, 5, 32, 48))
    for _ in range(5):
        poison = [torch.full((2**k,), torch.nan, dtype=dtype) for k in range(4, 20) for _ in range(6)
                  for dtype in (torch.float32, torch.bfloat16)]
        del poison  # the next tensors lie where this was
        with torch.autocast('cpu', torch.bfloat16):
            score, = net(clip, context)
        assert score.logits.isfinite().all() and all(feature.isfinite().all() for feature in score.features)
