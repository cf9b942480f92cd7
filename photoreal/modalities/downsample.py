"""Downsample: the small frame of published video super-resolution, for generators of scale 2 and 4."""

import math

import cv2
import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import to_unit
from photoreal.registry import MODALITIES, suggest

KINDS = ('gaussian', 'bicubic')


@MODALITIES.register_module()
class Downsample(Modality):
    """The frame made smaller as in published video super-resolution, the condition of TecoGAN and FRVSR.

    How much smaller is the scale of the generator. A frame that is small already (a virtual video, and any video at
    scale 1) is left as it is.

    Args:
        kind: 'gaussian' ("BD": a Gaussian blur, of which every s-th pixel is kept, the first one included; Sajjadi
            et al., arXiv 1801.04590) or 'bicubic' ("BI": Keys' cubic with a = -0.5, stretched by s against aliasing,
            edges mirrored, as MATLAB's imresize does).
        sigma: Standard deviation of the Gaussian in pixels of the large frame; it reaches ``int(3 * sigma)`` pixels.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3

    def __init__(self, kind: str = 'gaussian', sigma: float = 1.5) -> None:
        if kind not in KINDS:
            raise ConfigError(f'kind={kind!r} is unknown{suggest(str(kind), KINDS)}')
        self.kind, self.sigma = kind, check_number('sigma', sigma, minimum=0)
        # In pixels of the small frame, of which a Gaussian reaches fewer the larger the scale is.
        self.margin = max(1, int(3 * self.sigma)) if kind == 'gaussian' else 2

    def shrink(self, maps: np.ndarray, scale: int) -> np.ndarray:
        """(T, H*s, W*s, 3) uint8 -> (T, H, W, 3) uint8, rounded as when it is stored in a file."""
        if scale == 1:
            return maps
        kernel, before = _gaussian(self.sigma) if self.kind == 'gaussian' else _bicubic(scale)
        small = [cv2.sepFilter2D(frame, cv2.CV_32F, kernel, kernel, anchor=(before, before),
                                 borderType=cv2.BORDER_REFLECT)[::scale, ::scale] for frame in maps]
        return np.rint(np.clip(np.stack(small), 0, 255)).astype(np.uint8)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> the same: what is to be done is done on the way to the small size."""
        return frames

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)


def _gaussian(sigma: float) -> tuple[np.ndarray, int]:
    """Weights, and how many of them come before the pixel that is kept."""
    radius = int(3 * sigma)
    if radius == 0:
        return np.ones(1), 0
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum(), radius


def _bicubic(scale: int) -> tuple[np.ndarray, int]:
    """Weights of the pixels around the centre of a block of ``scale``, and how many come before its first pixel."""
    centre = (scale - 1) / 2
    first, last = math.ceil(centre - 2 * scale), math.floor(centre + 2 * scale)
    x = np.abs(np.arange(first, last + 1) - centre) / scale
    weights = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2) * (x < 2)
    return weights / weights.sum(), -first
