"""Some frames of one moment, and how they move: what a camera is fitted to.

Legend: H height, W width.
"""

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np

from photoreal.errors import DataError
from photoreal.metrics.temporal import MAX_FLOW_SIDE, estimate_flow, resize, visibility

SMALLEST = 32  # pixels a side
MOVING_ALONG = 0.3  # share of a frame that has to be found again in the other, or they are not of one moment
SECTORS = 4  # left and right, above and below: what a lens does is in all of them, what a scene does mostly is not


class Shot:
    """Frames of one moment.

    Args:
        frames: (H, W, 3) uint8 RGB: a frame, the one after it, and one some frames later; fewer where there are not
            so many.

    Raises:
        DataError: Frames are smaller than 32 pixels a side, or differ in size.
    """

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        height, width = frames[0].shape[:2]
        if min(height, width) < SMALLEST:
            raise DataError(f'a frame of {width}x{height} pixels: a camera is fitted to {SMALLEST} pixels a side '
                            'or more')
        for frame in frames:
            if frame.shape != frames[0].shape:
                raise DataError(f'a camera is fitted to frames of one size; found {width}x{height} and '
                                f'{frame.shape[1]}x{frame.shape[0]}')
        self.frames, self.size = list(frames), (height, width)

    @cached_property
    def luma(self) -> list[np.ndarray]:
        """(H, W) float32 in [0, 1] of each frame."""
        return [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255 for frame in self.frames]

    @cached_property
    def next(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Where the first frame's places are in the second: motion (H, W, 2) in pixels, and which are visible."""
        return self._motion(1) if len(self.frames) > 1 else None

    @cached_property
    def later(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The same in the third frame."""
        return self._motion(2) if len(self.frames) > 2 else None

    def _motion(self, other: int) -> tuple[np.ndarray, np.ndarray] | None:
        height, width = self.size
        shrink = max(1, max(height, width) / MAX_FLOW_SIDE)
        here, there = (resize(cv2.cvtColor(self.frames[i], cv2.COLOR_RGB2GRAY), round(width / shrink),
                              round(height / shrink)) for i in (0, other))
        flow = estimate_flow(here, there)
        visible = visibility(flow, estimate_flow(there, here))
        if visible.mean() < MOVING_ALONG:
            return None
        scale = np.array([width / here.shape[1], height / here.shape[0]], np.float32)
        visible = cv2.resize(visible.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return cv2.resize(flow, (width, height)) * scale, visible.view(bool)


def sector(y: np.ndarray, x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which of the :data:`SECTORS` a place is in: 0 above, 1 below, 2 left, 3 right of the middle."""
    height, width = size
    down, right = y / height - 0.5, x / width - 0.5
    return np.where(np.abs(down) > np.abs(right), np.where(down < 0, 0, 1), np.where(right < 0, 2, 3))
