"""Edges: the frame's outlines alone."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from photoreal.modalities.arguments import Range, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gaussian, gaussian_radius, gray, map_frames
from photoreal.registry import MODALITIES

# Gradient (1), thinning (1), and a stretch of outline for the hysteresis to follow.
_CANNY_REACH = 16


@MODALITIES.register_module()
class Edges(Modality):
    """Canny's edges of the frame's luma, with random thresholds: 1 on an edge, else 0.

    J. Canny, "A Computational Approach to Edge Detection", PAMI 1986. Thresholds are of the gradient's length,
    by 3 x 3 Sobel filters on 0 .. 255. Whether a faint edge counts depends on the strong edge that it leads to,
    however far away; so a crop's edges may differ from the whole frame's.

    Args:
        low: Gradient from which on a pixel continues an edge, a pair (low, high) or a constant.
        high_above: How far above ``low`` the gradient must be to begin an edge, a pair or a constant.
        low_fixed: ``low`` outside training; None: the middle.
        high_above_fixed: ``high_above`` outside training; None: the middle.
        sigma: Gaussian blur before, in pixels, against noise and dither; 0 is none.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 1
    exact_crop = False

    def __init__(self, low: float | Sequence[float] = (20, 100), high_above: float | Sequence[float] = (50, 150),
                 low_fixed: float | None = None, high_above_fixed: float | None = None, sigma: float = 1.0) -> None:
        self.low = Range.parse('low', low, low_fixed)
        self.high_above = Range.parse('high_above', high_above, high_above_fixed)
        self.sigma = check_number('sigma', sigma, minimum=0)
        self.margin = gaussian_radius(self.sigma) + _CANNY_REACH

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``low`` and ``high``, Canny's two thresholds."""
        low = self.low.draw(rng)
        return {'low': low, 'high': low + self.high_above.draw(rng)}

    def compute(self, frames: np.ndarray, low: float, high: float) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint8 of 0 and 1."""

        def outline(frame: np.ndarray) -> np.ndarray:
            return cv2.Canny(gaussian(gray(frame), self.sigma), low, high, L2gradient=True)

        return map_frames(outline, frames) >> 7  # Canny marks edges with 255

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., 1, H, W) float32 of 0 and 1."""
        return x.to(torch.float32)
