"""Frames without texture: flat areas between the edges that are left, as a painter would lay them."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import Range, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gray, map_frames, to_unit
from photoreal.registry import MODALITIES


class _Picture(Modality):
    """Made of the frame, and seen as a picture."""

    channels = 3

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> (..., 3, H, W) float32 in [0, 1]."""
        return to_unit(x)


@MODALITIES.register_module()
class Kuwahara(_Picture):
    """Each pixel becomes the mean of that one of the four squares beside it which varies least.

    M. Kuwahara et al., "Processing of RI-angiocardiographic images", 1976.

    Args:
        radius: Side of the squares less one, in pixels, a pair (low, high) or a constant, up to 12.
        radius_fixed: The same outside training; None: the middle.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    def __init__(self, radius: int | Sequence[int] = (2, 5), radius_fixed: int | None = None) -> None:
        self.radius = Range.parse('radius', radius, radius_fixed, minimum=1, maximum=12, integer=True)
        self.margin = self.radius.largest

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``radius`` (int)."""
        return {'radius': self.radius.draw(rng)}

    def compute(self, frames: np.ndarray, radius: int) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        return map_frames(lambda frame: _kuwahara(frame, radius), frames)


@MODALITIES.register_module()
class Guided(_Picture):
    """The frame smoothed where its luma varies little: a guided filter, as quick at any radius.

    K. He, J. Sun and X. Tang, "Guided Image Filtering", PAMI 2013.

    Args:
        radius: Pixels to each side that a mean is taken over, a pair (low, high) or a constant.
        contrast: Standard deviation of the luma, of 255, at which half of it is smoothed away, a pair or a constant.
        radius_fixed: ``radius`` outside training; None: the middle.
        contrast_fixed: ``contrast`` outside training; None: the middle.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    def __init__(self, radius: int | Sequence[int] = (3, 8), contrast: float | Sequence[float] = (10, 40),
                 radius_fixed: int | None = None, contrast_fixed: float | None = None) -> None:
        self.radius = Range.parse('radius', radius, radius_fixed, minimum=1, integer=True)
        self.contrast = Range.parse('contrast', contrast, contrast_fixed, minimum=0.1)
        self.margin = 2 * self.radius.largest  # means of means

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``radius`` (int) and ``contrast`` (float)."""
        return {'radius': self.radius.draw(rng), 'contrast': self.contrast.draw(rng)}

    def compute(self, frames: np.ndarray, radius: int, contrast: float) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        return map_frames(lambda frame: _guided(frame, radius, contrast**2), frames)


@MODALITIES.register_module()
class Superpixels(_Picture):
    """The frame in small areas of one colour each, which follow its edges: the means of SLIC superpixels.

    R. Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", PAMI 2012. It needs
    scikit-image. The areas are those of one frame alone, and their borders swim from frame to frame; it is slow, so
    that longer trainings compute it beforehand, see :class:`~photoreal.modalities.Precomputed`.

    Args:
        size: Side of an area in pixels, a pair (low, high) or a constant.
        compactness: How square the areas are: the larger, the less they follow edges.
        size_fixed: ``size`` outside training; None: the middle.

    Raises:
        ConfigError: An argument is out of its range, or scikit-image is missing.
    """

    exact_crop = False

    def __init__(self, size: int | Sequence[int] = (8, 20), compactness: float = 10.0,
                 size_fixed: int | None = None) -> None:
        if importlib.util.find_spec('skimage') is None:
            raise ConfigError('Superpixels needs scikit-image: pip install scikit-image')
        self.size = Range.parse('size', size, size_fixed, minimum=2, integer=True)
        self.compactness = check_number('compactness', compactness, minimum=0.01)
        self.margin = self.size.largest

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``size`` (int)."""
        return {'size': self.size.draw(rng)}

    def compute(self, frames: np.ndarray, size: int) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 3) uint8 RGB."""
        return map_frames(lambda frame: _superpixels(frame, size, self.compactness), frames)


def _kuwahara(frame: np.ndarray, radius: int) -> np.ndarray:
    """(H, W, 3) uint8 -> the same."""
    side, count = radius + 1, (radius + 1)**2
    height, width = frame.shape[:2]
    # The squares beside a pixel are squares of its neighbours, too: each is summed up once, for the pixel that it
    # starts at. Whole numbers, of which 32 bits hold all: sums of a crop are then exactly those of the frame.
    padded = cv2.split(cv2.copyMakeBorder(frame, radius, radius, radius, radius, cv2.BORDER_REFLECT_101))
    variation, means = np.zeros(padded[0].shape, np.int32), []
    for plane in padded:
        total = cv2.boxFilter(plane, cv2.CV_32S, (side, side), anchor=(0, 0), normalize=False)
        variation += count * cv2.sqrBoxFilter(plane, cv2.CV_32S, (side, side), anchor=(0, 0), normalize=False)
        variation -= total * total
        means.append(((2 * total + count).astype(np.float32) / np.float32(2 * count)).astype(np.uint8))
    colours = cv2.cvtColor(cv2.merge(means), cv2.COLOR_RGB2RGBA).view(np.uint32)[..., 0]  # one number a pixel
    here = slice(radius, radius + height), slice(radius, radius + width)
    least, out = variation[here].copy(), colours[here].copy()
    for y, x in ((radius, 0), (0, radius), (0, 0)):
        there = slice(y, y + height), slice(x, x + width)
        better = variation[there] < least
        np.copyto(least, variation[there], where=better)
        np.copyto(out, colours[there], where=better)
    return cv2.cvtColor(out.view(np.uint8).reshape(height, width, 4), cv2.COLOR_RGBA2RGB)


def _guided(frame: np.ndarray, radius: int, smallest: float) -> np.ndarray:
    """(H, W, 3) uint8 -> the same; areas whose luma has less than the variance ``smallest`` become flat."""

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, (2 * radius + 1, 2 * radius + 1))

    # In double precision, because the running sums of a crop and of the frame differ in their last digits. Plane by
    # plane: what is at work then fits the caches.
    guide = gray(frame).astype(np.float64)
    guide_mean = mean(guide)
    weight = 1 / (mean(guide * guide) - guide_mean**2 + smallest)
    smoothed = []
    for plane in cv2.split(frame.astype(np.float64)):
        plane_mean = mean(plane)
        slope = (mean(guide * plane) - guide_mean * plane_mean) * weight
        plane_mean -= slope * guide_mean  # the offset
        smoothed.append(cv2.add(mean(slope) * guide, mean(plane_mean), dtype=cv2.CV_8U))  # rounds, and stays in range
    return cv2.merge(smoothed)


def _superpixels(frame: np.ndarray, size: int, compactness: float) -> np.ndarray:
    """(H, W, 3) uint8 -> the same."""
    from skimage.segmentation import slic
    count = max(1, round(frame.shape[0] * frame.shape[1] / size**2))
    # Blurred a little before: noise would tear areas into crumbs, which are then given to any neighbour.
    areas = slic(frame, count, compactness, sigma=1, start_label=0, channel_axis=-1)  # (H, W)
    pixels = np.maximum(np.bincount(areas.ravel()), 1)
    means = [np.bincount(areas.ravel(), frame[..., c].ravel()) / pixels for c in range(3)]
    return np.rint(np.stack(means, axis=-1)).astype(np.uint8)[areas]
