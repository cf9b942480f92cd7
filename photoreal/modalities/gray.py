"""Brightness without colour."""

import numpy as np
from torch import Tensor

from photoreal.modalities.base import Modality
from photoreal.modalities.images import gray, map_frames, to_unit
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Gray(Modality):
    """The frame's luma (ITU-R BT.601): takes its colours away and leaves every detail."""

    channels = 1

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint8."""
        return map_frames(gray, frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., 1, H, W) float32 in [0, 1]."""
        return to_unit(x)
