"""What modalities that work on uint8 images share."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor


def map_frames(function: Callable[[np.ndarray], np.ndarray], frames: np.ndarray) -> np.ndarray:
    """Apply a function of one frame (H, W, 3) -> (H, W) or (H, W, c) to each of (T, H, W, 3).

    Returns:
        (T, H, W, c), with c = 1 where the function returns (H, W).
    """
    maps = np.stack([function(frame) for frame in frames])
    return maps[..., None] if maps.ndim == 3 else maps


def gaussian_radius(sigma: float) -> int:
    """Pixels to each side that :func:`gaussian` looks at."""
    return math.ceil(3 * sigma)


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of one image; the same image where ``sigma`` is 0.

    The radius follows from sigma alone, never from the image, so that a crop with that margin gives the same values.
    """
    if sigma == 0:
        return image
    size = 2 * gaussian_radius(sigma) + 1
    return cv2.GaussianBlur(image, (size, size), sigma)


def gray(image: np.ndarray) -> np.ndarray:
    """Luma of one RGB image after ITU-R BT.601: (H, W, 3) uint8 -> (H, W) uint8."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def to_unit(x: Tensor) -> Tensor:
    """uint8 0 .. 255 -> float32 0 .. 1, any shape, on the tensor's device."""
    return x.to(torch.float32) / 255


def shrink(maps: np.ndarray, scale: int, *, nearest: bool = False) -> np.ndarray:
    """Shrink by a whole factor.

    Args:
        maps: (T, H*s, W*s, c) of uint8, uint16 or float32.
        scale: The factor s.
        nearest: Take the pixel at the centre of every s x s block (labels) instead of the block's mean.

    Returns:
        (T, H, W, c) of the same dtype.
    """
    if scale == 1:
        return maps
    if nearest:
        return maps[:, scale // 2::scale, scale // 2::scale]
    size = (maps.shape[2] // scale, maps.shape[1] // scale)
    small = np.stack([cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in maps])
    return small.reshape(*small.shape[:3], -1)  # OpenCV drops a single channel
