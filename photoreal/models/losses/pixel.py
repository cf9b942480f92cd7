"""Pixel loss: the prediction against the untouched real frames."""

from torch import Tensor

from photoreal.models.losses.base import Loss, distance
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class PixelLoss(Loss):
    """Mean distance between prediction and target.

    Args:
        kind: 'charbonnier', 'l1' or 'mse'.
        weight: Factor of the result.
    """

    def __init__(self, kind: str = 'charbonnier', weight: float = 1.0) -> None:
        super().__init__(weight)
        self.distance = distance(kind, 'PixelLoss')

    def forward(self, context: ClipContext) -> Tensor:
        return self.weight * self.distance(context.need('pred', 'PixelLoss'), context.need('target', 'PixelLoss'))
