"""Thermal maps: what a thermal camera beside the other one has recorded."""

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities import Modality
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Thermal(Modality):
    """Recorded temperatures, 16 bits in hundredths of a kelvin, brought to [0, 1] between a cold and a hot end.

    Args:
        folder: Name of the folder beside ``frames``.
        cold: Temperature in degrees Celsius that becomes 0.
        hot: Temperature that becomes 1.

    Raises:
        ConfigError: ``cold`` is not below ``hot``.
    """

    channels = 1
    raw = True  # 16 bits, read as they are stored

    def __init__(self, folder: str = 'thermal', cold: float = -20.0, hot: float = 60.0) -> None:
        if cold >= hot:
            raise ConfigError(f'Thermal: cold={cold}, hot={hot}: expected cold < hot')
        self.folder, self.cold, self.hot = folder, cold, hot

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 1) uint16 as read -> the same.

        Raises:
            ValueError: The maps are stored in another way.
        """
        if frames.dtype != np.uint16 or frames.shape[-1] != 1:
            raise ValueError(f'thermal maps are stored as {frames.shape[-1]} channels of {frames.dtype}: expected one '
                             'of 16 bits, in hundredths of a kelvin')
        return frames

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint16 -> (..., 1, H, W) float32 in [0, 1]."""
        celsius = x.to(torch.float32) / 100 - 273.15
        return ((celsius - self.cold) / (self.hot - self.cold)).clamp(0, 1)
