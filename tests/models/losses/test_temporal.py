"""Losses for steadiness in time: the contract, known motion, and which frames are compared."""

import math

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import MaskedTemporalLoss, PingPongLoss, WarpingLoss
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip


class TestWarping(LossContract):
    takes = ('image', 'flow')
    learns = ('flow',)
    least = 1e-3  # Charbonnier's

    def make(self, weight):
        return WarpingLoss(weight=weight)

    def perfect(self):
        """A video that stands still, and no flow."""
        context = self.context()
        for name in ('condition', 'target', 'image'):
            setattr(context, name, getattr(context, name)[:, :1].expand(-1, 3, -1, -1, -1))
        context.flow = torch.zeros_like(context.flow)
        return context


class TestWarpingOfConditions(TestWarping):
    takes = ('condition', 'flow')
    least = 0.0

    def make(self, weight):
        return WarpingLoss('condition', 'l1', weight)


class TestWarpingOfTargets(TestWarping):
    takes = ('target', 'flow')
    least = 0.0

    def make(self, weight):
        return WarpingLoss('target', 'mse', weight)


class TestPingPong(LossContract):
    takes = ('pred',)
    least = 1e-3  # Charbonnier's

    def make(self, weight):
        return PingPongLoss(weight=weight)

    def perfect(self):
        context = self.context()
        context.pred[:, 3:] = context.pred[:, :2].flip(1)
        return context


class TestPingPongL1(TestPingPong):
    least = 0.0

    def make(self, weight):
        return PingPongLoss('l1', weight)


class TestMaskedTemporal(LossContract):
    takes = ('pred', 'frames', 'flow')

    def make(self, weight):
        return MaskedTemporalLoss(weight=weight)

    def perfect(self):
        """A video that stands still, no flow, and another picture that does the same."""
        context = self.context()
        for name in ('condition', 'frames', 'pred'):
            setattr(context, name, getattr(context, name)[:, :1].expand(-1, 3, -1, -1, -1).clone())
        context.flow = torch.zeros_like(context.flow)
        return context


def test_true_flow_costs_nothing_and_its_opposite_does():
    """The picture moves down and right by a pixel a frame: a pixel was one up and left before, flow = (-1, -1)."""
    clip = moving_clip(1, 4, 3, 24, 32)
    clip[..., :2, :], clip[..., :2] = 0.5, 0.5  # what moves in at the border cannot be known
    context = ClipContext(clip, image=clip, flow=torch.full((1, 3, 2, 24, 32), -1.0))
    loss = WarpingLoss(kind='l1')
    true = float(loss(context))
    context.flow = -context.flow
    assert true < 0.25 * float(loss(context))


def test_flow_moves_whole_pixels():
    clip = torch.zeros(1, 2, 1, 8, 16)
    clip[0, 0, 0, 3, 4] = clip[0, 1, 0, 4, 7] = 1.0  # 1 down, 3 to the right
    flow = torch.zeros(1, 1, 2, 8, 16)
    flow[:, :, 0], flow[:, :, 1] = -3.0, -1.0
    loss = WarpingLoss(kind='mse')
    assert float(loss(ClipContext(clip, image=clip, flow=flow))) == pytest.approx(0, abs=1e-10)
    # The opposite takes the point to another place: it is missed in one and not wanted in the other.
    assert float(loss(ClipContext(clip, image=clip, flow=-flow))) == pytest.approx(2 / 128, rel=1e-4)


def appearing(scale: int = 1) -> ClipContext:
    """Two frames that stand still but for a bright square, which is there in the second alone."""
    frames = torch.full((1, 2, 3, 8 * scale, 8 * scale), 0.25)
    frames[0, 1, :, :4 * scale, :4 * scale] = 1.0
    return ClipContext(torch.zeros(1, 2, 1, 8, 8), frames=frames, flow=torch.zeros(1, 1, 2, 8, 8))


@pytest.mark.parametrize('scale', [1, 2])
def test_what_the_source_shows_only_once_is_not_compared(scale):
    context, loss = appearing(scale), MaskedTemporalLoss()
    context.pred = context.frames.clone()
    assert float(loss(context)) < 1e-6
    context.pred = 1 - context.frames.flip(1)  # a change where the source changes, none elsewhere
    assert float(loss(context)) < 1e-6
    context.pred[:, 1, :, 4 * scale:] += 0.5  # flicker in half of the picture, where the source stands still
    assert float(loss(context)) == pytest.approx(0.25, rel=1e-5)


def test_mask_is_the_published_one():
    frames = torch.zeros(1, 2, 3, 8, 8)
    frames[:, 1] = 0.1
    pred = torch.zeros_like(frames)
    pred[:, 1] = 1.0
    context = ClipContext(frames, frames=frames, pred=pred, flow=torch.zeros(1, 1, 2, 8, 8))
    assert float(MaskedTemporalLoss()(context)) == pytest.approx(math.exp(-50 * 3 * 0.01), rel=1e-5)


def test_steady_motion_costs_nothing_along_its_flow():
    clip = moving_clip(1, 3, 3, 24, 32)
    context = ClipContext(clip, frames=clip, pred=clip, flow=torch.full((1, 2, 2, 24, 32), -1.0))
    true = float(MaskedTemporalLoss(sharpness=0)(context))
    context.flow = -context.flow
    assert true < 0.3 * float(MaskedTemporalLoss(sharpness=0)(context))


def test_masked_temporal_loss_does_not_teach_the_flow():
    context = appearing()
    context.pred = context.frames.clone().requires_grad_()
    context.flow.requires_grad_()
    MaskedTemporalLoss()(context).backward()
    assert context.flow.grad is None


def test_larger_targets_are_shrunk_to_the_flow():
    small = moving_clip(1, 3, 3, 8, 12)
    large = small.repeat_interleave(2, -1).repeat_interleave(2, -2)
    flow = torch.randn(1, 2, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    loss = WarpingLoss('target')
    torch.testing.assert_close(loss(ClipContext(small, large, flow=flow)), loss(ClipContext(small, small, flow=flow)))


@pytest.mark.parametrize('frame, other', [(0, 4), (1, 3)])
def test_frames_there_and_back_are_compared(frame, other):
    """A clip of 3 frames and back again: 0 1 2 1 0. Only a known pair differs."""
    pred = torch.zeros(1, 5, 3, 2, 2)
    pred[:, other] = 0.6
    loss = PingPongLoss('l1', weight=1.0)
    context = ClipContext(pred, pred=pred, ping_pong=True)
    assert float(loss(context)) == pytest.approx(0.6 / 2)  # one of two pairs
    pred[:, frame] = 0.6
    assert float(loss(context)) == 0


def test_turning_point_is_free():
    pred = torch.zeros(1, 5, 3, 2, 2)
    pred[:, 2] = 1
    assert float(PingPongLoss('l1')(ClipContext(pred, pred=pred, ping_pong=True))) == 0


def test_clip_must_run_back_again():
    pred = torch.zeros(1, 5, 3, 2, 2)
    with pytest.raises(ConfigError, match='PingPongLoss needs a clip that runs forward and back again'):
        PingPongLoss()(ClipContext(pred, pred=pred))


@pytest.mark.parametrize('loss, context', [
    (MaskedTemporalLoss(), ClipContext(torch.zeros(1, 1, 3, 8, 8), pred=torch.zeros(1, 1, 3, 8, 8),
                                       frames=torch.zeros(1, 1, 3, 8, 8), flow=torch.zeros(1, 0, 2, 8, 8))),
    (WarpingLoss('condition'), ClipContext(torch.zeros(1, 1, 3, 8, 8), flow=torch.zeros(1, 0, 2, 8, 8))),
    (PingPongLoss(), ClipContext(torch.zeros(1, 1, 3, 8, 8), pred=torch.zeros(1, 1, 3, 8, 8), ping_pong=True))])
def test_single_frames_cannot_be_compared(loss, context):
    with pytest.raises(ConfigError, match=f'{type(loss).__name__} needs clips of at least 2 frames.*clip_length'):
        loss(context)


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="source='pred': expected 'image', 'condition' or 'target'"):
        WarpingLoss('pred')
    with pytest.raises(ConfigError, match="PingPongLoss: kind='l2' is unknown"):
        PingPongLoss('l2')
