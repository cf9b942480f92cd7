"""Over-sharpened frames: the median profile across strong edges shows whether they overshoot.

The idea is the edge spread function of ISO 12233: a lens and a sensor make a monotone ramp of an edge; sharpening
adds a dark and a bright rim, a halo, that a network would learn as part of the look.
"""

import cv2
import numpy as np

from photoreal.modalities.images import gray

REACH = 9  # pixels of a profile to each side of the edge
_PLATEAU = 4  # outermost pixels of each side that tell the level the edge comes from
_RIM = 5  # pixels to each side of the edge in which a halo lies
_MIN_STEP = 24  # grey levels of an edge
_FLAT = 0.12  # how unquiet a plateau may be, as a part of the step
_MOST = 400  # profiles a frame
_ENOUGH = 60  # profiles before a median is trusted


class EdgeProfile:
    """Gathers profiles across the strong edges of some frames; memory grows by at most 30 kB a frame."""

    def __init__(self) -> None:
        self._profiles: list[np.ndarray] = []

    def add(self, frame: np.ndarray) -> None:
        """Take in a frame: (H, W, 3) uint8 RGB."""
        self._profiles.append(_profiles(gray(frame).astype(np.float32)))

    def median(self) -> np.ndarray | None:
        """(2 * REACH + 1,) from the dark side, 0, to the bright side, 1; None where there are too few edges."""
        found = np.concatenate(self._profiles) if self._profiles else np.empty((0, 2 * REACH + 1))
        return np.median(found, axis=0) if len(found) >= _ENOUGH else None

    def overshoot(self) -> float | None:
        """How far edges go beyond the levels at both sides, as a part of their step; 0 where they do not."""
        profile = self.median()
        if profile is None:
            return None
        bright = profile[REACH + 1:REACH + 1 + _RIM].max() - 1
        dark = -profile[REACH - _RIM:REACH].min()
        return float(max(0.0, bright) + max(0.0, dark)) / 2


def _profiles(luma: np.ndarray) -> np.ndarray:
    """(H, W) float32 -> (n, 2 * REACH + 1), each from 0 to 1."""
    dx, dy = (cv2.Sobel(luma, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    length = np.hypot(dx, dy)
    peak = (length >= cv2.dilate(length, np.ones((3, 3)))) & (length > _MIN_STEP / 6)
    border = REACH + 1
    peak[:border] = peak[-border:] = peak[:, :border] = peak[:, -border:] = False
    y, x = np.nonzero(peak)
    strongest = np.argsort(-length[y, x], kind='stable')[:_MOST]
    y, x = y[strongest], x[strongest]
    steps = np.arange(-REACH, REACH + 1, dtype=np.float32)
    along_x = x[:, None] + steps * (dx[y, x] / length[y, x])[:, None]
    along_y = y[:, None] + steps * (dy[y, x] / length[y, x])[:, None]
    if not len(x):
        return np.empty((0, len(steps)), np.float32)
    values = cv2.remap(luma, along_x.astype(np.float32), along_y.astype(np.float32), cv2.INTER_LINEAR)
    return _normalised(values)


def _normalised(values: np.ndarray) -> np.ndarray:
    """The profiles that run from one quiet level to another, both within the range that the file can hold."""
    ends = values[:, :_PLATEAU], values[:, -_PLATEAU:]
    low, high = (np.median(end, axis=1) for end in ends)
    step = high - low
    # Where black or white is clipped, so is the halo.
    kept = (step >= _MIN_STEP) & (low > 8) & (high < 247)
    for end in ends:
        kept &= end.std(axis=1) < _FLAT * np.maximum(step, 1)
    return (values[kept] - low[kept, None]) / step[kept, None]
