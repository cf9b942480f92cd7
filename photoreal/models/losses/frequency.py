"""Focal frequency loss: the spectra of prediction and target, most where they still differ."""

import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class FocalFrequencyLoss(Loss):
    """Squared distance of the spectra, each frequency weighted by how far off it is (Jiang et al., "Focal Frequency
    Loss for Image Reconstruction and Synthesis", ICCV 2021, arXiv 2012.12821, eq. 9).

    Args:
        alpha: Power of the weights; 0: all frequencies alike, which is the mean squared distance of the pixels.
        weight: Factor of the result.

    Raises:
        ConfigError: ``alpha`` is below 0.
    """

    def __init__(self, alpha: float = 1.0, weight: float = 1.0) -> None:
        super().__init__(weight)
        if alpha < 0:
            raise ConfigError(f'FocalFrequencyLoss: alpha={alpha}: expected 0 or more')
        self.alpha = alpha

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'FocalFrequencyLoss')
        target = context.need('target', 'FocalFrequencyLoss')
        spectrum = torch.fft.fft2(wide(pred) - wide(target), norm='ortho')  # (N, T, 3, H, W), complex
        square = spectrum.real.square() + spectrum.imag.square()
        with torch.no_grad():  # the weights are no way to make the loss small
            weights = square.sqrt() ** self.alpha
            weights = weights / weights.amax(dim=(-2, -1), keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
        return self.weight * (weights * square).mean()
