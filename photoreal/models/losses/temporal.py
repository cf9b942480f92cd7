"""Losses for steadiness in time: the flow's warping loss and TecoGAN's ping-pong loss."""

import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.layers import backward_warp
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
        _check_length(clip.shape[1], 'WarpingLoss')
        flow = context.need('flow', 'WarpingLoss').flatten(0, 1)  # (N*(T-1), 2, H, W)
        frames = clip.flatten(0, 1)  # (N*T, c, H, W)
        if frames.shape[-2:] != flow.shape[-2:]:
            frames = F.interpolate(frames, flow.shape[-2:], mode='area')
        frames = frames.unflatten(0, clip.shape[:2])
        warped = backward_warp(frames[:, :-1].flatten(0, 1), flow)
        return self.weight * self.distance(warped, frames[:, 1:].flatten(0, 1))


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
        _check_length(half + 1, 'PingPongLoss')
        return self.weight * self.distance(pred[:, :half], pred[:, half + 1:].flip(1))


def _check_length(frames: int, who: str) -> None:
    # The mean over no pair of frames is not a number, and training would go on with it.
    if frames < 2:
        raise ConfigError(f'{who} needs clips of at least 2 frames, got {frames}: raise clip_length, or leave this '
                          'loss out')
