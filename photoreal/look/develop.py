"""Develop a render as a camera develops what it has seen: exposure, a curve with a shoulder, saturation.

A renderer's picture often holds the sky blue and the street at once, with colours as the materials have them. A camera
exposes for the street: the sky runs into white, gently, since its curve flattens in the highlights, and colours come
out weaker. Channels are changed one by one, as film and sensors do, so that what is bright pales.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from photoreal.errors import ConfigError
from photoreal.look.table import Look
from photoreal.registry import parse_numbers

KNEE = 0.6  # linear light from which highlights are held back, where there is too much
STEEPEST = 4  # power with which they are at most
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
BOUNDS = {'exposure': (-3.0, 3.0), 'contrast': (-0.9, 0.9), 'saturation': (0.0, 2.0)}


@dataclass(frozen=True)
class Development:
    """How a render is developed; the defaults change nothing.

    Attributes:
        exposure: Stops of light, -3 to 3.
        contrast: How much steeper the curve is in its middle, and flatter at its ends, -0.9 to 0.9.
        saturation: Factor of the difference from grey, 0 to 2.

    Raises:
        ConfigError: A value is out of its range.
    """

    exposure: float = 0.0
    contrast: float = 0.0
    saturation: float = 1.0

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f'look: {name}={value}: expected {low} to {high}')

    @classmethod
    def parse(cls, texts: Sequence[str]) -> 'Development':
        """``['exposure=0.4', 'saturation=0.9']`` -> a Development.

        Raises:
            ConfigError: One is not of that form, names nothing that can be set, or is out of range.
        """
        return cls(**parse_numbers(texts, [field.name for field in fields(cls)], 'look'))

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """sRGB (n, 3) in [0, 1] -> the same."""
        light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) * 2 ** self.exposure
        light = _shoulder(light, 2 ** self.exposure)
        curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clip(0.0031308) ** (1 / 2.4) - 0.055)
        curved = curved - self.contrast * np.sin(2 * math.pi * curved) / (2 * math.pi)
        grey = curved @ np.array(LUMA)
        return (grey[:, None] + self.saturation * (curved - grey[:, None])).clip(0, 1)

    def look(self) -> Look:
        """Its table."""
        return Look.from_function(self.apply, title=f'developed: exposure {self.exposure:g}, contrast '
                                                    f'{self.contrast:g}, saturation {self.saturation:g}')


def _shoulder(light: np.ndarray, most: float) -> np.ndarray:
    """Light up to ``most``, 1 or more, to 1 at most: unchanged below the knee, and level where it ends."""
    if most <= 1:
        return light
    above, end = np.maximum(light - KNEE, 0) / (1 - KNEE), (most - KNEE) / (1 - KNEE)
    power = min(STEEPEST, end / (end - 1))
    return np.minimum(light, KNEE) + (1 - KNEE) * (above - (end - 1) * (above / end) ** power)
