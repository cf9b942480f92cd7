"""Finds scene cuts: a clip that runs across one would teach a network to flicker."""

from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np

_SIDE = 64  # pixels of the longer side that frames are shrunk to: noise, grain and small motion vanish
_BINS = (8, 4, 4)  # of hue, saturation and value
# A change from 0 (same picture) to 1 (nothing in common) is a cut where it is at least the first number, and at least
# the second times the usual change before it and after it. The second pair is for jumps within one scene.
_RULES = ((0.28, 2.5), (0.14, 5.0))
_NEIGHBOURS = 5  # frames to each side that a change is compared with


class CutDetector:
    """Finds the cuts of one video, fed frame by frame; a few numbers a frame are kept.

    A cut is a change of the picture that is large, and much larger than the changes just before and after it: fast
    camera motion changes every frame, a flash changes two and comes back.
    """

    LOOK_AHEAD: ClassVar[int] = _NEIGHBOURS  # frames after one that tell whether it begins a shot

    def __init__(self) -> None:
        self._last: list[tuple[np.ndarray, np.ndarray]] = []  # of up to two frames
        self._changes: list[float] = []  # [i]: from frame i to frame i + 1
        self._over_two: list[float] = []  # [i]: from frame i to frame i + 2

    def add(self, frame: np.ndarray) -> None:
        """The next frame: (H, W, 3) uint8 RGB."""
        seen = _signature(frame)
        if self._last:
            self._changes.append(_change(self._last[-1], seen))
        if len(self._last) == 2:
            self._over_two.append(_change(self._last[0], seen))
        self._last = [*self._last[-1:], seen]

    def cuts(self) -> list[int]:
        """Indices of the frames that begin a new shot, ascending; never 0."""
        return [i + 1 for i in range(len(self._changes)) if self._is_cut(i)]

    def starts_scene(self, frame: int) -> bool:
        """Whether a frame begins a new shot; final once :attr:`LOOK_AHEAD` frames after it were added."""
        return frame > 0 and self._is_cut(frame - 1)

    def _is_cut(self, i: int) -> bool:
        change = self._changes[i]
        sides = self._changes[max(0, i - _NEIGHBOURS):i], self._changes[i + 1:i + 1 + _NEIGHBOURS]
        usual = max((float(np.median(side)) for side in sides if side), default=0.0)
        if not any(change >= least and change >= ratio * usual for least, ratio in _RULES):
            return False
        # After a flash, or before its end, the picture two frames apart is the same one again.
        two_apart = self._over_two[max(0, i - 1):i + 1]
        return not any(value < change / 2 for value in two_apart)


def find_cuts(frames: Iterable[np.ndarray]) -> list[int]:
    """Find the cuts of one video; memory does not hold its frames.

    Args:
        frames: The video's frames in order, each (H, W, 3) uint8 RGB.

    Returns:
        Indices of the frames that begin a new shot, ascending; never 0.
    """
    detector = CutDetector()
    for frame in frames:
        detector.add(frame)
    return detector.cuts()


def shots(cuts: Iterable[int], length: int) -> list[range]:
    """The shots between cuts: ``shots([30], 50)`` is ``[range(0, 30), range(30, 50)]``."""
    return [range(a, b) for a, b in pairwise([0, *cuts, length])]


def _signature(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture's colours (a histogram that sums to 1) and its coarse layout (luma, normalised)."""
    factor = _SIDE / max(frame.shape[:2])
    size = max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, _BINS, [0, 180, 0, 256, 0, 256]).ravel()
    luma = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2)
    luma -= luma.mean()
    return histogram / histogram.sum(), luma / (np.linalg.norm(luma) + size[0] * size[1] / 1000)


def _change(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """How much two frames differ, 0 to 1: half of it colours, half of it where things are."""
    if a[1].shape != b[1].shape:
        return 1.0
    colours = 1 - float(np.minimum(a[0], b[0]).sum())
    layout = float(((a[1] - b[1]) ** 2).sum()) / 2  # 1 where two layouts have nothing in common, 2 where opposite
    return (colours + min(1.0, layout)) / 2
