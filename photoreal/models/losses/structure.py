"""What virtual clips must keep while their look changes: how a frame is like itself, and its colours."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss
from photoreal.models.pairs import NO_GROUP
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext

SHIFTS = ((0, 2), (2, 0), (2, 2), (2, -2), (0, 4), (4, 0))  # rows and columns of a feature map
BORDER = 4  # what a shift wraps around is left out


@LOSSES.register_module()
class SelfSimilarityLoss(Loss):
    """Places that look alike in the source frame look alike in the prediction, whatever they look like.

    Compared are cosine similarities of features at some distances, with the layer's mean taken off (Kolkin et al.,
    "Style Transfer by Relaxed Optimal Transport and Self-Similarity", CVPR 2019, arXiv 1904.12785, section 2.2; here of
    neighbours, which costs little and holds edges).

    Args:
        backbone: Network of :mod:`photoreal.models.features`; 'squeezenet1_1' comes with the package.
        layers: Names of its layers, whose terms are summed.
        weights: Path of the backbone's weights, where it does not come with the package.
        weight: Factor of the result.

    Raises:
        ConfigError: Unknown backbone or layer.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, backbone: str = 'squeezenet1_1', layers: Sequence[str] = ('fire3', 'fire5'),
                 weights: str | None = None, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.features = build_features(backbone, layers, weights)

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'SelfSimilarityLoss').flatten(0, 1)  # (N*T, 3, H, W)
        frames = context.need('frames', 'SelfSimilarityLoss').flatten(0, 1)
        with torch.no_grad():
            wanted = [_similarity(features) for features in self.features(frames)]
        found = [_similarity(features) for features in self.features(pred)]
        return self.weight * sum((a - b).abs().mean() for a, b in zip(found, wanted, strict=True))


def _similarity(features: Tensor) -> Tensor:
    """(N, c, h, w) -> (N, shifts, h', w'): cosine similarity of each place with those around it."""
    if min(features.shape[-2:]) <= 2 * BORDER:
        raise ConfigError(f'SelfSimilarityLoss: a layer has {features.shape[-1]}x{features.shape[-2]} places: expected '
                          f'more than {2 * BORDER} a side; raise crop_size, or name shallower layers')
    features = wide(features)
    unit = F.normalize(features - features.mean((2, 3), keepdim=True), dim=1)
    inner = slice(BORDER, -BORDER)
    return torch.stack([(unit * unit.roll(shift, (2, 3))).sum(1)[:, inner, inner] for shift in SHIFTS], dim=1)


@LOSSES.register_module()
class ColourTieLoss(Loss):
    """Things keep their colours: prediction and source agree where both are blurred.

    Args:
        size: Side in pixels of the squares over which colours are averaged.
        light: Share with which brightness counts; the rest of a colour, its chroma, counts whole.
        against: 'image', what the generator adds its output to (with a look: the render as that shows it), or
            'frames'.
        weight: Factor of the result.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, size: int = 8, light: float = 0.25, against: str = 'image', weight: float = 8.0) -> None:
        super().__init__(weight)
        if size < 1 or not 0 <= light <= 1 or against not in ('image', 'frames'):
            raise ConfigError(f'ColourTieLoss: size={size}, light={light}, against={against!r}: expected a size of 1 '
                              "or more, a share, and 'image' or 'frames'")
        self.size, self.light, self.against = size, light, against

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'ColourTieLoss').flatten(0, 1)  # (N*T, 3, H*s, W*s)
        source = context.need(self.against, 'ColourTieLoss').flatten(0, 1)
        if source.shape[-2:] != pred.shape[-2:]:
            source = F.interpolate(source, pred.shape[-2:], mode='bilinear', align_corners=False)
        change = F.avg_pool2d(wide(pred) - wide(source), self.size, ceil_mode=True)
        light = change.mean(1, keepdim=True)
        return self.weight * ((change - light).abs().mean() + self.light * light.abs().mean())


@LOSSES.register_module()
class UnchangedLoss(Loss):
    """What belongs to no group of the unpaired branch stays as the source shows it: sky, vehicles, signs.

    Args:
        against: 'image', what the generator adds its output to, or 'frames'.
        weight: Factor of the mean absolute difference there.

    Raises:
        ConfigError: ``against`` is unknown.
    """

    compares_pairs = True

    def __init__(self, against: str = 'image', weight: float = 4.0) -> None:
        super().__init__(weight)
        if against not in ('image', 'frames'):
            raise ConfigError(f"UnchangedLoss: against={against!r}: expected 'image' or 'frames'")
        self.against = against

    def forward(self, context: ClipContext) -> Tensor:
        pred, pairs = context.need('pred', 'UnchangedLoss'), context.need('pairs', 'UnchangedLoss')
        source = context.need(self.against, 'UnchangedLoss')
        if source.shape[-2:] != pred.shape[-2:]:
            size = (source.shape[2], *pred.shape[-2:])
            source = F.interpolate(source, size, mode='trilinear', align_corners=False)
        left = (pairs.groups == NO_GROUP).unsqueeze(2).to(pred.dtype)  # (n, t, 1, p, p)
        change = (pairs.cut(pred) - pairs.cut(source)).abs().mean(2, keepdim=True)
        return self.weight * (change * left).sum() / left.sum().clamp(min=1)
