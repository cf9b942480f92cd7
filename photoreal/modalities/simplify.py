"""Simplified frames: fewer colours, or flat areas with their edges kept."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from photoreal.modalities.arguments import Range, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gaussian, gaussian_radius, gray, map_frames, to_unit
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Posterize(Modality):
    """The frame with few values a channel, evenly spaced from 0 to 255, as a poster is printed.

    Args:
        levels: Values a channel, a pair (low, high) or a constant, from 2 to 256.
        levels_fixed: The same outside training; None: the middle.
        sigma: Gaussian blur before, in pixels, so that noise does not flicker between two values; 0 is none.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3

    def __init__(self, levels: int | Sequence[int] = (3, 8), levels_fixed: int | None = None,
                 sigma: float = 1.0) -> None:
        self.levels = Range.parse('levels', levels, levels_fixed, minimum=2, maximum=256, integer=True)
        self.sigma = check_number('sigma', sigma, minimum=0)
        self.margin = gaussian_radius(self.sigma)

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``levels`` (int)."""
        return {'levels': self.levels.draw(rng)}

    def compute(self, frames: np.ndarray, levels: int) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        steps = levels - 1
        table = np.rint(np.rint(np.arange(256) * (steps / 255)) * (255 / steps)).astype(np.uint8)
        return map_frames(lambda frame: cv2.LUT(gaussian(frame, self.sigma), table), frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)


@MODALITIES.register_module()
class Palette(Modality):
    """The frame's luma in few levels, each painted in a colour of its own that is drawn for the clip.

    The generator then learns shapes that hold whatever their colours are. Outside training it is a scale of greys.

    Args:
        levels: Levels of brightness, a pair (low, high) or a constant, from 2 to 256.
        levels_fixed: The same outside training; None: the middle.
        sigma: Gaussian blur before, in pixels, so that noise does not flicker between two levels; 0 is none.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3

    def __init__(self, levels: int | Sequence[int] = (4, 10), levels_fixed: int | None = None,
                 sigma: float = 1.0) -> None:
        self.levels = Range.parse('levels', levels, levels_fixed, minimum=2, maximum=256, integer=True)
        self.sigma = check_number('sigma', sigma, minimum=0)
        self.margin = gaussian_radius(self.sigma)

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``colours``, a list of (R, G, B), from the darkest level to the brightest."""
        levels = self.levels.draw(rng)
        if rng is None:
            return {'colours': [[round(255 * i / (levels - 1))] * 3 for i in range(levels)]}
        return {'colours': rng.integers(0, 256, (levels, 3)).tolist()}

    def compute(self, frames: np.ndarray, colours: Sequence[Sequence[int]]) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        table = np.array(colours, np.uint8)[np.arange(256) * len(colours) // 256]  # (256, 3)
        return map_frames(lambda frame: table[gray(gaussian(frame, self.sigma))], frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)


@MODALITIES.register_module()
class Smooth(Modality):
    """The frame with its texture smoothed away and its edges kept: a bilateral filter, passed several times.

    C. Tomasi and R. Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV 1998.
    Each parameter is a pair (low, high) or a constant; outside training it is ``<name>_fixed``, None: the middle.

    Args:
        radius: Pixels to each side that one pass looks at; the time a frame takes grows with its square.
        sigma_color: How different (of 0 .. 255) colours may be that are mixed.
        sigma_space: How far apart, in pixels, pixels may be that are mixed.
        passes: How many times the filter is applied.
        radius_fixed: ``radius`` outside training.
        sigma_color_fixed: ``sigma_color`` outside training.
        sigma_space_fixed: ``sigma_space`` outside training.
        passes_fixed: ``passes`` outside training.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3

    def __init__(self, radius: int | Sequence[int] = (2, 4), sigma_color: float | Sequence[float] = (20, 60),
                 sigma_space: float | Sequence[float] = (1.5, 3.0), passes: int | Sequence[int] = (1, 2),
                 radius_fixed: int | None = None, sigma_color_fixed: float | None = None,
                 sigma_space_fixed: float | None = None, passes_fixed: int | None = None) -> None:
        # OpenCV takes a radius or a sigma of 0 for "choose one", which would reach beyond the margin.
        self.radius = Range.parse('radius', radius, radius_fixed, minimum=1, integer=True)
        self.sigma_color = Range.parse('sigma_color', sigma_color, sigma_color_fixed, minimum=0.1)
        self.sigma_space = Range.parse('sigma_space', sigma_space, sigma_space_fixed, minimum=0.1)
        self.passes = Range.parse('passes', passes, passes_fixed, minimum=1, integer=True)
        self.margin = self.radius.largest * self.passes.largest

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``radius`` and ``passes`` (int), ``sigma_color`` and ``sigma_space`` (float)."""
        return {
            'radius': self.radius.draw(rng),
            'sigma_color': self.sigma_color.draw(rng),
            'sigma_space': self.sigma_space.draw(rng),
            'passes': self.passes.draw(rng),
        }

    def compute(self, frames: np.ndarray, radius: int, sigma_color: float, sigma_space: float,
                passes: int) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""

        def smooth(frame: np.ndarray) -> np.ndarray:
            for _ in range(passes):
                frame = cv2.bilateralFilter(frame, 2 * radius + 1, sigma_color, sigma_space)
            return frame

        return map_frames(smooth, frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)
