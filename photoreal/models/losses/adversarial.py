"""The game between generator and discriminator, and matching of the discriminator's features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss, distance
from photoreal.registry import LOSSES, suggest
from photoreal.structures import ClipContext, Score

KINDS = ('vanilla', 'lsgan', 'hinge')


@LOSSES.register_module()
class AdversarialLoss(Loss):
    """The adversarial loss of both players.

    Args:
        kind: 'vanilla' (cross entropy, arXiv 1406.2661), 'lsgan' (squares, arXiv 1611.04076) or 'hinge'
            (arXiv 1705.02894).
        weight: Factor of the generator's loss; the discriminator's own is never scaled.
    """

    trains_discriminator = True

    def __init__(self, kind: str = 'vanilla', weight: float = 0.01) -> None:
        super().__init__(weight)
        if kind not in KINDS:
            raise ConfigError(f"AdversarialLoss: kind='{kind}' is unknown{suggest(kind, KINDS)}")
        self.kind = kind

    def forward(self, context: ClipContext) -> Tensor:
        scores = context.need('fake_scores', 'AdversarialLoss')
        return self.weight * _mean(self._wish(score.logits) for score in scores)

    def discriminator_loss(self, context: ClipContext) -> Tensor:
        real = context.need('real_scores', 'AdversarialLoss')
        fake = context.need('fake_scores', 'AdversarialLoss')
        return _mean(self._judge(score.logits, True) for score in real) + \
            _mean(self._judge(score.logits, False) for score in fake)

    def _wish(self, logits: Tensor) -> Tensor:
        """How far from real the generator's clip still looks."""
        return -wide(logits).mean() if self.kind == 'hinge' else self._judge(logits, True)

    def _judge(self, logits: Tensor, real: bool) -> Tensor:
        """How wrong the discriminator is about a clip that is real or not."""
        logits = wide(logits)
        if self.kind == 'hinge':
            return F.relu(1 - logits if real else 1 + logits).mean()
        label = torch.full_like(logits, float(real))
        criterion = F.mse_loss if self.kind == 'lsgan' else F.binary_cross_entropy_with_logits
        return criterion(logits, label)


@LOSSES.register_module()
class FeatureMatchingLoss(Loss):
    """Prediction and target must look alike to the discriminator's inner layers (TecoGAN, arXiv 1811.09393).

    Args:
        norms: Divisor of each layer's distance, shallow to deep, as published.
        kind: 'l1', 'charbonnier' or 'mse'.
        weight: Factor of the result.
    """

    def __init__(self, norms: Sequence[float] = (12.0, 14.0, 24.0, 100.0), kind: str = 'l1',
                 weight: float = 0.2) -> None:
        super().__init__(weight)
        self.norms, self.distance = tuple(norms), distance(kind, 'FeatureMatchingLoss')

    def forward(self, context: ClipContext) -> Tensor:
        real = context.need('real_scores', 'FeatureMatchingLoss')
        fake = context.need('fake_scores', 'FeatureMatchingLoss')
        return self.weight * _mean(self._distance(r, f) for r, f in zip(real, fake, strict=True))

    def _distance(self, real: Score, fake: Score) -> Tensor:
        if len(fake.features) != len(self.norms):
            raise ConfigError(f'FeatureMatchingLoss: norms={self.norms} has {len(self.norms)} entries, but the '
                              f'discriminator gives {len(fake.features)} feature maps: give one divisor for each')
        return sum(self.distance(wide(f), wide(r.detach())) / norm
                   for r, f, norm in zip(real.features, fake.features, self.norms, strict=True))


def _mean(values) -> Tensor:
    return torch.stack(list(values)).mean()
