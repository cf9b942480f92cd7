"""Blur: the frame without its fine detail."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import Range, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gaussian, gaussian_radius, map_frames, to_unit
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Blur(Modality):
    """The frame after a Gaussian blur of random strength and, if wanted, a trip to a smaller size and back.

    Args:
        sigma: Standard deviation of the Gaussian in pixels, a pair (low, high) or a constant; 0 is no blur.
        sigma_fixed: The same outside training; None: the middle of ``sigma``.
        down: Factors of which one is drawn a clip: the frame is averaged over blocks of that many pixels a side and
            enlarged again bilinearly. 1 leaves it as it is. A single number is a constant.
        down_fixed: The same outside training; None: the middle one of ``down`` in order of size.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3

    def __init__(self, sigma: float | Sequence[float] = (1.0, 4.0), sigma_fixed: float | None = None,
                 down: int | Sequence[int] = 1, down_fixed: int | None = None) -> None:
        self.sigma = Range.parse('sigma', sigma, sigma_fixed)
        self.down = _parse_factors(down)
        self.down_fixed = sorted(self.down)[len(self.down) // 2] if down_fixed is None else \
            check_number('down_fixed', down_fixed, minimum=1, integer=True)
        factors = (*self.down, self.down_fixed)
        self.align = math.lcm(*factors)
        # One spoilt pixel spoils its whole block, and enlarging carries it half a block further.
        self.margin = gaussian_radius(self.sigma.largest) + (2 * max(factors) if max(factors) > 1 else 0)

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``sigma`` (float, pixels) and ``down`` (int)."""
        down = self.down_fixed if rng is None else self.down[rng.integers(len(self.down))]
        return {'sigma': self.sigma.draw(rng), 'down': down}

    def compute(self, frames: np.ndarray, sigma: float, down: int) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        return map_frames(lambda frame: _down_up(gaussian(frame, sigma), down), frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)


def _parse_factors(down: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(down, Sequence) or isinstance(down, str):
        return (check_number('down', down, minimum=1, integer=True),)
    if not down:
        raise ConfigError(f'down={down!r}: expected at least one factor; (1,) leaves frames at their size')
    return tuple(check_number(f'down[{i}]', factor, minimum=1, integer=True) for i, factor in enumerate(down))


def _down_up(image: np.ndarray, factor: int) -> np.ndarray:
    """Shrink by averaging blocks and enlarge bilinearly: (H, W, 3) uint8 -> the same."""
    if factor == 1:
        return image
    height, width = image.shape[:2]
    # Only whole blocks give values that do not depend on the size of the crop.
    image = cv2.copyMakeBorder(image, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = image.shape[1], image.shape[0]
    small = cv2.resize(image, (size[0] // factor, size[1] // factor), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
