"""Losses for steadiness in time: the flow's warping loss, TecoGAN's ping-pong loss, the masked temporal loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.layers import Upsample, backward_warp
from photoreal.models.losses.base import Loss, distance
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class WarpingLoss(Loss):
    """Teach the flow: each frame, moved by it, must look like the next (FRVSR, arXiv 1801.04590, eq. 5).

    Args:
        source: What is moved: 'image' (the degraded frame, as published), 'condition' (all modalities), or
            'target' (the real frames, sharper; shrunk to the flow's size where the prediction is larger).
        kind: 'charbonnier', 'l1' or 'mse'.
        weight: Factor of the result.
    """

    def __init__(self, source: str = 'image', kind: str = 'charbonnier', weight: float = 1.0) -> None:
        super().__init__(weight)
        if source not in ('image', 'condition', 'target'):
            raise ConfigError(f"WarpingLoss: source='{source}': expected 'image', 'condition' or 'target'")
        self.source, self.distance = source, distance(kind, 'WarpingLoss')

    def forward(self, context: ClipContext) -> Tensor:
        clip = context.need(self.source, 'WarpingLoss')
        check_length(clip.shape[1], 'WarpingLoss')
        flow = context.need('flow', 'WarpingLoss').flatten(0, 1)  # (N*(T-1), 2, H, W)
        frames = clip.flatten(0, 1)  # (N*T, c, H, W)
        if frames.shape[-2:] != flow.shape[-2:]:
            frames = F.interpolate(frames, flow.shape[-2:], mode='area')
        frames = frames.unflatten(0, clip.shape[:2])
        warped = backward_warp(frames[:, :-1].flatten(0, 1), flow)
        return self.weight * self.distance(warped, frames[:, 1:].flatten(0, 1))


@LOSSES.register_module()
class MaskedTemporalLoss(Loss):
    """Each predicted frame must look like the one before it, moved along, wherever the source frames do (Lai et al.,
    "Learning Blind Video Temporal Consistency", ECCV 2018, arXiv 1808.00449, section 3.2).

    The motion is that of the input, and the loss does not teach it. What the source frames show only in one of the two
    (occlusions, wrong flow) counts less, by ``exp(-sharpness * |difference|^2)``. It needs no target, so that it serves
    on virtual clips too.

    Args:
        sharpness: How fast the mask closes; as published for frames in [0, 1].
        kind: 'charbonnier', 'l1' (as published) or 'mse'.
        weight: Factor of the result.
    """

    def __init__(self, sharpness: float = 50.0, kind: str = 'l1', weight: float = 1.0) -> None:
        super().__init__(weight)
        self.sharpness, self.distance = sharpness, distance(kind, 'MaskedTemporalLoss')

    def forward(self, context: ClipContext) -> Tensor:
        pred, frames = context.need('pred', 'MaskedTemporalLoss'), context.need('frames', 'MaskedTemporalLoss')
        check_length(pred.shape[1], 'MaskedTemporalLoss')
        flow = context.need('flow', 'MaskedTemporalLoss')
        moved, now = steps_in_time(pred, frames, flow, self.sharpness)
        return self.weight * self.distance(moved, now)


def steps_in_time(clip: Tensor, frames: Tensor, flow: Tensor, sharpness: float = 50.0) -> tuple[Tensor, Tensor]:
    """Each frame of a clip as the one before it becomes, moved along, and as it is, both masked.

    Args:
        clip: (N, T, c, H*s, W*s).
        frames: (N, T, 3, H*s, W*s), of the same motion; they tell what is visible in both.
        flow: (N, T-1, 2, H, W) backward flow in its own pixels; it is not taught.
        sharpness: How fast the mask closes, ``exp(-sharpness * |difference of the frames|^2)``.

    Returns:
        Two of (N*(T-1), c, H*s, W*s).
    """
    flow = flow.detach().flatten(0, 1)  # (N*(T-1), 2, H, W)
    scale = clip.shape[-1] // flow.shape[-1]
    flow = scale * Upsample(scale)(flow)  # (N*(T-1), 2, H*s, W*s)
    with torch.no_grad():
        moved = backward_warp(frames[:, :-1].flatten(0, 1), flow)
        difference = (moved - frames[:, 1:].flatten(0, 1)).square().sum(dim=1, keepdim=True)
        visible = torch.exp(-sharpness * difference)  # (N*(T-1), 1, H*s, W*s)
    return visible * backward_warp(clip[:, :-1].flatten(0, 1), flow), visible * clip[:, 1:].flatten(0, 1)


@LOSSES.register_module()
class PingPongLoss(Loss):
    """A clip played forward and back again must give the same frames both ways, so that errors cannot drift
    (TecoGAN, arXiv 1811.09393, section 3.3).

    Args:
        kind: 'charbonnier', 'l1' or 'mse'.
        weight: Factor of the result.
    """

    needs_ping_pong = True

    def __init__(self, kind: str = 'charbonnier', weight: float = 0.5) -> None:
        super().__init__(weight)
        self.distance = distance(kind, 'PingPongLoss')

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'PingPongLoss')  # (N, 2*T-1, 3, H, W)
        if not context.ping_pong:
            raise ConfigError('PingPongLoss needs a clip that runs forward and back again; VideoGAN arranges that '
                              'where the loss is one of its losses')
        half = pred.shape[1] // 2
        check_length(half + 1, 'PingPongLoss')
        return self.weight * self.distance(pred[:, :half], pred[:, half + 1:].flip(1))


def check_length(frames: int, who: str) -> None:
    # The mean over no pair of frames is not a number, and training would go on with it.
    if frames < 2:
        raise ConfigError(f'{who} needs clips of at least 2 frames, got {frames}: raise clip_length, or leave this '
                          'loss out')
