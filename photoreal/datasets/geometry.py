"""Which way is up, and how wide a pixel is: what turns stored pixels into those that a person sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import atan2, degrees

import cv2
import numpy as np

UPRIGHT = 1
_QUARTERS = (5, 6, 7, 8)  # orientations that swap height and width
# (right, down) of the stored picture on the screen -> orientation, numbered as in EXIF.
_ORIENTATIONS = {((1, 0), (0, 1)): 1, ((-1, 0), (0, 1)): 2, ((-1, 0), (0, -1)): 3, ((1, 0), (0, -1)): 4,
                 ((0, 1), (1, 0)): 5, ((0, 1), (-1, 0)): 6, ((0, -1), (-1, 0)): 7, ((0, -1), (1, 0)): 8}
_TILT = 0.02  # of a right angle's sides that count as straight: about one degree
_WIDEST = 16  # a pixel's longer side by its shorter one; more than that is a damaged header


@dataclass(frozen=True)
class Geometry:
    """How stored pixels are shown.

    Attributes:
        orientation: 1 to 8, as EXIF (CIPA DC-008) numbers them: 1 upright, 3 upside down, 6 to be turned a quarter
            clockwise, 8 counterclockwise; 2, 4, 5 and 7 are mirrored.
        aspect: Width of a stored pixel by its height.
    """

    orientation: int = UPRIGHT
    aspect: Fraction = Fraction(1)

    @classmethod
    def of(cls, orientation: int | None, aspect: Fraction | None) -> 'Geometry':
        """What a file says, where that makes sense."""
        known = isinstance(orientation, int) and 1 <= orientation <= 8
        sensible = bool(aspect) and Fraction(1, _WIDEST) <= aspect <= _WIDEST
        return cls(orientation if known else UPRIGHT, aspect if sensible else Fraction(1))

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) as shown of what is stored with these."""
        width = self._width(width)
        return (width, height) if self.orientation in _QUARTERS else (height, width)

    def apply(self, pixels: np.ndarray, nearest: bool = False) -> np.ndarray:
        """Pixels (H, W, c) as they are shown.

        Args:
            pixels: As they are stored.
            nearest: Do not mix values where pixels are not square.
        """
        height, width = pixels.shape[:2]
        wide = self._width(width)
        if wide != width and nearest:
            pixels = pixels[:, (2 * np.arange(wide) + 1) * width // (2 * wide)]
        elif wide != width:
            method = cv2.INTER_AREA if wide < width else cv2.INTER_CUBIC
            pixels = cv2.resize(pixels, (wide, height), interpolation=method).reshape(height, wide, -1)
        return np.ascontiguousarray(_turned(pixels, self.orientation))

    def _width(self, width: int) -> int:
        return max(1, round(width * self.aspect))


def orientation_of(matrix: Sequence[int]) -> int | None:
    """The orientation that a display matrix of FFmpeg means: nine numbers, of which those at 0, 1, 3 and 4 turn.

    Returns:
        1 to 8; None where it turns by something else than quarters.
    """
    right, down = matrix[0:2], matrix[3:5]
    straight = []
    for x, y in (right, down):
        longest = max(abs(x), abs(y))
        if not longest or min(abs(x), abs(y)) > _TILT * longest:
            return None
        straight.append((_sign(x), 0) if abs(x) == longest else (0, _sign(y)))
    return _ORIENTATIONS.get(tuple(straight))


def angle_of(matrix: Sequence[int]) -> float:
    """By how many degrees clockwise a display matrix turns."""
    return degrees(atan2(matrix[1], matrix[0]))


def _sign(number: int) -> int:
    return 1 if number > 0 else -1


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in _QUARTERS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
