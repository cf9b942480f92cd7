"""LPIPS as a loss: what is usually reported, trained for."""

from torch import Tensor

from photoreal.models.losses.base import Loss
from photoreal.models.lpips import LPIPSNet
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class LPIPSLoss(Loss):
    """Learned perceptual distance of prediction and target (Zhang et al., CVPR 2018, arXiv 1801.03924), mean of frames.

    Args:
        net: 'vgg' (usual for training) or 'alex'.
        weights: Path of torchvision's weights of VGG16 or AlexNet; None: see
            :func:`photoreal.models.features.find_weights`.
        weight: Factor of the result.

    Raises:
        ConfigError: An unknown ``net``.
        CheckpointError: The weights cannot be had.
    """

    def __init__(self, net: str = 'vgg', weights: str | None = None, weight: float = 0.1) -> None:
        super().__init__(weight)
        self.lpips = LPIPSNet(net, weights)

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'LPIPSLoss').flatten(0, 1)  # (N*T, 3, H, W)
        target = context.need('target', 'LPIPSLoss').flatten(0, 1)
        return self.weight * self.lpips(pred, target).mean()
