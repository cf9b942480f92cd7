"""Learning from a teacher: what a slow system made of the render, frame by frame and so with flicker, given steadily.

The teacher may be a diffusion model, a path tracer, a grading by hand. Pasios and Nikolaidis, "A Hybrid Approach for
Closing the Sim2real Appearance Gap in Game Engine Synthetic Datasets" (arXiv 2605.02291), enhance each frame by itself;
here the frames are what a recurrent generator learns from, and what differs from frame to frame without cause is taken
out of them first.

Legend: N batch, T time, H height, W width, s scale.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss, distance
from photoreal.models.losses.perceptual import PerceptualLoss
from photoreal.models.losses.temporal import check_length, steps_in_time
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext

BLOCK = 8  # pixels a side over which colours are averaged, so that sharpness does not count as contrast
RADIUS = 2  # pixels; what is finer is sharpness
LEAST_SPREAD = 0.02  # of colours; below it a frame does not tell how its contrast was changed
LEAST_DETAIL = 0.005  # some grey levels; below it a frame does not tell how it was sharpened
MOST = 1.0  # log of the greatest change that is taken back


@LOSSES.register_module()
class TeacherLoss(Loss):
    """Distance of the prediction to what a teacher made of the render, in pixels and in deep features.

    How the teacher changes brightness, contrast, colour cast and sharpness of a frame is compared with how it changes
    them in the whole clip, and the difference taken back: see :func:`steady`. Whatever else flickers, such as texture
    that is invented anew in each frame, nobody can foresee, and a prediction learns what is common to it. Besides, what
    a prediction lacks must not change from frame to frame: its difference to the target must be the one of the frame
    before, moved along. Unlike a temporal loss of the prediction itself that does not reward what is dull and soft.

    Clips of videos that no teacher has seen count nothing.

    Args:
        deflicker: Whether the teacher's frames are made steady first. False for one that does not flicker, such as a
            path tracer, and changes the light where it means to.
        kind: Of the distance of pixels: 'charbonnier', 'l1' or 'mse'.
        perceptual: Weight of the distance of features beside that of pixels.
        temporal: Weight of the change of the difference in time; 0: none, for generators without flow.
        backbone: Network of the features, see :class:`~photoreal.models.losses.PerceptualLoss`.
        layers: Its layers; None: its usual ones.
        weights: Path of its weights, where it does not come with the package.
        weight: Factor of the result.

    Raises:
        ConfigError: Unknown kind, backbone or layer.
        CheckpointError: The backbone's weights cannot be had.
    """

    needs_teacher = True

    def __init__(self, deflicker: bool = True, kind: str = 'charbonnier', perceptual: float = 0.2,
                 temporal: float = 0.5, backbone: str = 'squeezenet1_1', layers: Sequence[str] | None = None,
                 weights: str | None = None, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.deflicker, self.temporal, self.distance = deflicker, temporal, distance(kind, 'TeacherLoss')
        self.perceptual = PerceptualLoss(backbone, layers, weights=weights, weight=perceptual)

    def forward(self, context: ClipContext) -> Tensor:
        who = 'TeacherLoss'
        pred, teacher = context.need('pred', who), context.need('teacher', who)
        frames, taught = context.need('frames', who), context.need('taught', who).bool()
        flow = context.need('flow', who) if self.temporal else None
        if not taught.any():
            return 0 * pred.sum()
        pred, teacher, frames = pred[taught], teacher[taught], frames[taught]
        if self.deflicker:
            teacher = steady(teacher, frames)
        total = self.distance(pred, teacher) + self.perceptual(ClipContext(context.condition, teacher, pred=pred))
        if flow is not None:
            check_length(pred.shape[1], who)
            total = total + self.temporal * self.distance(*steps_in_time(pred - teacher, frames, flow[taught]))
        return self.weight * total


@torch.no_grad()
def steady(teacher: Tensor, frames: Tensor) -> Tensor:
    """What a teacher made of clips, with the same change of colours and sharpness in all frames of a clip.

    Spread and mean of each channel, and the strength of fine detail, are measured in the teacher's frame and in the
    render's: their ratio is what the teacher does, whatever moves into the picture. Each frame is brought to the
    clip's mean of it; so the look is kept, and no motion needs to be known. Light that changes in the render changes
    in the result.

    Args:
        teacher: (N, T, 3, H, W) in [0, 1].
        frames: (N, T, 3, H, W) in [0, 1], the render.

    Returns:
        (N, T, 3, H, W) in [0, 1].
    """
    (mean, spread), (own_mean, own_spread) = _colours(teacher), _colours(frames)
    contrast = (spread / own_spread).log()  # (N, T, 3, 1, 1)
    usual = contrast.mean(1, keepdim=True)
    gain = (contrast - usual).clamp(-MOST, MOST).exp()
    shift = mean / gain - usual.exp() * own_mean
    result = teacher / gain - (shift - shift.mean(1, keepdim=True))
    base, strength = _detail(result)
    sharpness = (strength / _detail(frames)[1]).log()  # (N, T, 1, 1, 1)
    excess = (sharpness - sharpness.mean(1, keepdim=True)).clamp(-MOST, MOST).exp()
    return (base + (result - base) / excess).clamp(0, 1)


def _colours(clip: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread, (N, T, 3, 1, 1), of the colours of each frame (N, T, 3, H, W)."""
    coarse = F.avg_pool2d(wide(clip).flatten(0, 1), BLOCK, ceil_mode=True).unflatten(0, clip.shape[:2])
    spread = coarse.var((3, 4), correction=0, keepdim=True)
    return coarse.mean((3, 4), keepdim=True), (spread + LEAST_SPREAD**2).sqrt()


def _detail(clip: Tensor) -> tuple[Tensor, Tensor]:
    """Frames (N, T, 3, H, W) without fine detail, and the strength of that, (N, T, 1, 1, 1)."""
    padded = F.pad(wide(clip).flatten(0, 1), (RADIUS,) * 4, mode='replicate')
    base = F.avg_pool2d(padded, 2 * RADIUS + 1, stride=1).unflatten(0, clip.shape[:2])
    return base, ((clip - base).square().mean((2, 3, 4), keepdim=True) + LEAST_DETAIL**2).sqrt()
