"""Lines: the frame as a pen would draw it."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from photoreal.modalities.arguments import Range, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gaussian_radius, gray, map_frames, to_unit
from photoreal.registry import MODALITIES

_WIDER = 1.6  # the wider Gaussian over the narrower one; then their difference is nearly a Laplacian


@MODALITIES.register_module()
class LineDrawing(Modality):
    """Dark lines and shadows on white paper (1), by an extended difference of Gaussians of the luma.

    H. Winnemoeller, J. Kyprianidis and S. Olsen, "XDoG: An eXtended difference-of-Gaussians compendium", C&G 2012.
    Unlike :class:`Edges` the lines have width and strength. Each parameter is a pair (low, high) or a constant; outside
    training it is ``<name>_fixed``, None: the middle.

    Args:
        sigma: Width of the lines, the narrower Gaussian's standard deviation in pixels.
        sharpness: How much the difference of the Gaussians counts beside the brightness.
        level: Brightness (sharpened, 0 to 1) from which on the paper stays white.
        softness: Slope of the way to black below it; small is soft.
        sigma_fixed: ``sigma`` outside training.
        sharpness_fixed: ``sharpness`` outside training.
        level_fixed: ``level`` outside training.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 1

    def __init__(self, sigma: float | Sequence[float] = (0.6, 1.4), sharpness: float | Sequence[float] = (10, 30),
                 level: float | Sequence[float] = (0.3, 0.6), softness: float = 10.0, sigma_fixed: float | None = None,
                 sharpness_fixed: float | None = None, level_fixed: float | None = None) -> None:
        self.sigma = Range.parse('sigma', sigma, sigma_fixed, minimum=0.1)
        self.sharpness = Range.parse('sharpness', sharpness, sharpness_fixed)
        self.level = Range.parse('level', level, level_fixed)
        self.softness = check_number('softness', softness, minimum=0.1)
        self.margin = gaussian_radius(_WIDER * self.sigma.largest)

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``sigma``, ``sharpness`` and ``level`` (floats)."""
        return {'sigma': self.sigma.draw(rng), 'sharpness': self.sharpness.draw(rng), 'level': self.level.draw(rng)}

    def compute(self, frames: np.ndarray, sigma: float, sharpness: float, level: float) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint8, 0 a line and 255 paper."""

        def draw(frame: np.ndarray) -> np.ndarray:
            luma = gray(frame).astype(np.uint16) * 257  # OpenCV blurs whole numbers alike in a crop and in the frame
            narrow, wide = (_blurred(luma, width) / 65535 for width in (sigma, _WIDER * sigma))
            sharp = narrow + sharpness * (narrow - wide)
            return np.rint(255 * (1 + np.tanh(self.softness * np.minimum(sharp - level, 0)))).astype(np.uint8)

        return map_frames(draw, frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., 1, H, W) float32 in [0, 1]."""
        return to_unit(x)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    size = 2 * gaussian_radius(sigma) + 1
    return cv2.GaussianBlur(image, (size, size), sigma)
