"""What clips and streams share: windows, reflection of indices, the call of a modality.

Legend: T time, c channels of one map, H height, W width, s scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import DataError
from photoreal.modalities.base import Modality

if TYPE_CHECKING:
    from photoreal.datasets.sources import FrameSource


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The first row below the window."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column to the right of the window."""
        return self.left + self.width

    @classmethod
    def spanning(cls, windows: Sequence['Window']) -> 'Window':
        """The smallest window that holds all of ``windows``."""
        top, left = min(w.top for w in windows), min(w.left for w in windows)
        return cls(top, left, max(w.bottom for w in windows) - top, max(w.right for w in windows) - left)

    def grown(self, margin: int, align: int, size: tuple[int, int]) -> 'Window':
        """The window with a margin, its sides moved outwards to multiples of ``align``, cut at the frame's border.

        Args:
            margin: Pixels on every side.
            align: Grid of the sides, counted from the frame's corner.
            size: (height, width) of the frame.
        """
        top, left = ((side - margin) // align * align for side in (self.top, self.left))
        bottom, right = (-(-(side + margin) // align) * align for side in (self.bottom, self.right))
        top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, size[0]), min(right, size[1])
        return Window(top, left, bottom - top, right - left)

    def within(self, outer: 'Window') -> 'Window':
        """The same rectangle, in the coordinates of a window around it."""
        return Window(self.top - outer.top, self.left - outer.left, self.height, self.width)

    def mirrored(self, width: int) -> 'Window':
        """Where the window lies once a frame of that width was mirrored left to right."""
        return Window(self.top, width - self.right, self.height, self.width)

    def scaled(self, scale: int) -> 'Window':
        """The same rectangle on a frame that is ``scale`` times larger."""
        return Window(self.top * scale, self.left * scale, self.height * scale, self.width * scale)

    def cut(self, maps: np.ndarray) -> np.ndarray:
        """A view of this window of (..., H, W, c)."""
        return maps[..., self.top:self.bottom, self.left:self.right, :]


def reflect(positions: Sequence[int], length: int) -> list[int]:
    """Frame indices for positions that may lie outside the video: ... 2 1 0 1 ... 8 9 8 7 ... for 10 frames."""
    if length == 1:
        return [0] * len(positions)
    period = 2 * (length - 1)
    return [min(p % period, period - p % period) for p in positions]


def to_tensor(maps: np.ndarray) -> Tensor:
    """(..., H, W, c) -> (..., c, H, W), contiguous, of the same dtype."""
    maps = np.ascontiguousarray(np.moveaxis(maps, -1, -3))
    # To NumPy a mirrored axis of one pixel is contiguous; to torch it is not.
    return torch.from_numpy(maps.copy() if min(maps.strides) < 0 else maps)


def compute_map(name: str, modality: Modality, frames: np.ndarray, params: dict[str, Any],
                source: 'FrameSource', indices: Sequence[int]) -> np.ndarray:
    """Let a modality compute its maps; name the file where a recorded one holds what it should not.

    Args:
        name: The modality's name in the config.
        modality: The modality.
        frames: (T, H, W, 3) frames or (T, H, W, c) recorded maps.
        params: What ``modality.sample`` gave.
        source: Where they were read.
        indices: T numbers of frames in ``source``.

    Returns:
        (T, H, W, c').

    Raises:
        DataError: A recorded map holds a value that the modality does not know.
        ValueError: The modality's maps do not lie on the frames that it was given.
    """
    frames = np.ascontiguousarray(frames)
    try:
        maps = modality.compute(frames, **params)
    except ValueError as error:
        if modality.folder is None:
            raise
        place, reason = _find_fault(modality, frames, params) or (0, error)
        raise DataError(f"{source.where(indices[place])}: modality '{name}': {reason}") from error
    if maps.ndim != 4 or maps.shape[:3] != frames.shape[:3]:
        raise ValueError(f"modality '{name}' made maps of shape {maps.shape} from frames of shape {frames.shape}; "
                         'expected (T, H, W, c) with the same T, H and W')
    return maps


def _find_fault(modality: Modality, frames: np.ndarray, params: dict[str, Any]) -> tuple[int, ValueError] | None:
    for i in range(len(frames)):
        try:
            modality.compute(frames[i:i + 1], **params)
        except ValueError as error:
            return i, error
    return None
