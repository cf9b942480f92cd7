"""A loss on edges: differences of neighbouring pixels."""

from torch import Tensor

from photoreal.models.losses import Loss
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class GradientLoss(Loss):
    """Mean absolute distance of the differences between neighbouring pixels of prediction and target.

    Args:
        weight: Factor of the result.
    """

    def forward(self, context: ClipContext) -> Tensor:
        error = context.need('pred', 'GradientLoss') - context.need('target', 'GradientLoss')  # (N, T, 3, H, W)
        return self.weight * (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean())
