"""Brightness without colour."""

import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gray, map_frames, to_unit
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Gray(Modality):
    """The frame's luma (ITU-R BT.601): takes its colours away and leaves every detail.

    Args:
        channels: 1, or 3 equal ones, as the config's ``image`` must have: the generator then adds colours to it.

    Raises:
        ConfigError: Another number of channels.
    """

    def __init__(self, channels: int = 1) -> None:
        if channels not in (1, 3):
            raise ConfigError(f'channels={channels!r}: expected 1, or 3 equal ones')
        self.channels = channels

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint8."""
        return map_frames(gray, frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., channels, H, W) float32 in [0, 1]."""
        return to_unit(x).expand(*x.shape[:-3], self.channels, *x.shape[-2:])
