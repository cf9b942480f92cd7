"""The structure guard: where a prediction shows what the frame does not.

A generator may keep, move or invent. What it keeps can be told without a reference: brightness and colours of a region
follow from those of the frame by one smooth map for the whole picture, and texture is that of the frame, times a gain.
Four measures on a coarse grid of cells say how far a place leaves this; each is divided by what is usual in the video,
so that a generator that paints everything anew is not taken for one that fails. No network is run.

Legend: H height, W width, h and w rows and columns of cells, n cells.
"""

import cv2
import numpy as np

_ROWS = 90  # of cells, about
_LEAST_CELL = 2  # pixels
# Brightness (levels of 255), colour (levels of Cr and Cb), structure and fine texture (parts of the frame's own) that a
# place may be off, whatever is usual; and how many times more than nine in ten places.
_ALLOWED = np.array([4.0, 7.0, 1.5, 0.4], np.float32)[:, None, None]
_TIMES_USUAL = np.array([2.5, 3.0, 2.0, 2.0], np.float32)[:, None, None]
_SURE = 2.2  # times what is allowed: there is a fault; around it more than 1 is taken for a part of it
_HELD = 0.5  # what is taken for a fault already stays one down to this
_RELEASE = 1 / 3  # of the doubt that goes with each frame after the fault
_ADAPT = 0.2  # of the way to what is usual in a frame, each frame
_REACH = 9  # cells around them, across, to which a fault can reach
_CLOSED, _OPENED = 7, 3  # cells: gaps within faults that are filled, and specks that are none
_GAIN_FLOOR, _FLAT, _FLAT_FINE = 4.0, 20.0, 60.0  # variances, in levels of 255 squared, that noise and codecs have


class StructureGuard:
    """Doubts predictions, frame after frame of one video; the doubt rises at once and falls over three frames."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new scene."""
        self._fit: np.ndarray | None = None
        self._usual: np.ndarray | None = None
        self._doubt: np.ndarray | None = None

    def watch(self, looked: np.ndarray, pred: np.ndarray) -> np.ndarray:
        """Compare the next prediction with what it was made of.

        Args:
            looked: (H, W, 3) uint8 RGB, the frame as the generator saw it, of the prediction's size.
            pred: (H, W, 3) uint8 RGB.

        Returns:
            (h, w) float32, from 0 (no doubt) to 1, on cells that cover the frame evenly.
        """
        cell = max(_LEAST_CELL, round(pred.shape[0] / _ROWS))
        cells = max(1, -(-pred.shape[1] // cell)), max(1, -(-pred.shape[0] // cell))  # w, h as OpenCV wants them
        off = np.stack([*self._colours(looked, pred, cells), *_structure(looked, pred, cells)])  # (4, h, w)
        usual = np.quantile(off, 0.9, axis=(1, 2))[:, None, None].astype(np.float32)
        self._usual = usual if self._usual is None else self._usual + _ADAPT * (usual - self._usual)
        worst = (off / np.maximum(_ALLOWED, _TIMES_USUAL * self._usual)).max(0)
        found = _regions(worst, self._doubt).astype(np.float32)
        self._doubt = found if self._doubt is None else np.maximum(found, self._doubt - _RELEASE)
        return self._doubt

    def _colours(self, looked: np.ndarray, pred: np.ndarray, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """How far brightness and colour of cells lie from what the others make expect, (h, w) each."""
        before, after = (cv2.cvtColor(cv2.resize(one, cells, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YCrCb)
                         .astype(np.float32) for one in (looked, pred))
        terms = _terms(before)  # (h, w, 9)
        self._fit = _fit(terms[::2, ::2].reshape(-1, terms.shape[-1]), after[::2, ::2].reshape(-1, 3), self._fit)
        off = cv2.blur(after - terms @ self._fit, (3, 3))  # (h, w, 3)
        return np.abs(off[..., 0]), np.hypot(off[..., 1], off[..., 2])


def _terms(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) YCrCb -> (h, w, 9): what the colours of a prediction may follow. The row is among it, because a
    generator that is given no colours may know skies and roads by where they lie."""
    y, red, blue = np.moveaxis(picture / 128 - 1, -1, 0)
    row = np.broadcast_to(np.linspace(-1, 1, len(y), dtype=np.float32)[:, None], y.shape)
    return np.stack([np.ones_like(y), y, red, blue, y * y, y * red, y * blue, row, row * y], axis=-1)


def _fit(terms: np.ndarray, colours: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """The map (9, 3) from terms (n, 9) to colours (n, 3), which a minority of outliers does not move (iteratively
    reweighted least squares); it starts from the map of the frame before."""
    found, weights = before, np.ones(len(terms), np.float32)
    for _ in range(3 if before is None else 2):
        if found is not None:
            off = np.linalg.norm((colours - terms @ found) * (2, 1, 1), axis=1)
            weights = (1 + (off / (2 * np.median(off) + 2)) ** 2) ** -2
        weighted = terms * weights[:, None]
        found = np.linalg.solve(weighted.T @ terms + 0.01 * np.eye(terms.shape[1]), weighted.T @ colours)
    return found.astype(np.float32)


def _structure(looked: np.ndarray, pred: np.ndarray, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What of the prediction's structure, and of its finest texture, no gain makes of the frame's: parts of the
    frame's own, (h, w) each."""
    before, after = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (looked, pred))
    fine_before, fine_after = (one - cv2.blur(one, (3, 3)) for one in (before, after))

    def mean(of: np.ndarray) -> np.ndarray:
        return cv2.blur(cv2.resize(of, cells, interpolation=cv2.INTER_AREA), (3, 3))

    mean_before, mean_after = mean(before), mean(after)
    own = np.maximum(mean(before * before) - mean_before**2, 0)
    new = np.maximum(mean(after * after) - mean_after**2, 0)
    shared = mean(before * after) - mean_before * mean_after
    coarse = (new - shared**2 / (own + _GAIN_FLOOR)) / (own + _FLAT)
    own, new, shared = mean(fine_before**2), mean(fine_after**2), mean(fine_before * fine_after)
    return coarse, (new - shared**2 / (own + _GAIN_FLOOR / 8)) / (own + _FLAT_FINE)


def _regions(worst: np.ndarray, doubt: np.ndarray | None) -> np.ndarray:
    """(h, w) bool: regions where more than is allowed is seen, around places where there is no question about it."""
    seen = (worst > (1 if doubt is None else np.where(doubt > 0.5, _HELD, 1))).astype(np.uint8)
    sure = cv2.dilate((worst > _SURE).astype(np.uint8), _disc(_REACH))
    # With a margin, so that the frame's edge is not taken for the end of a region.
    found = cv2.copyMakeBorder(seen & sure, *[_CLOSED] * 4, cv2.BORDER_REPLICATE)
    for operation, size in ((cv2.MORPH_CLOSE, _CLOSED), (cv2.MORPH_OPEN, _OPENED)):
        found = cv2.morphologyEx(found, operation, _disc(size))
    return found[_CLOSED:-_CLOSED, _CLOSED:-_CLOSED].astype(bool)


def _disc(size: int) -> np.ndarray:
    """Cells within a circle of this diameter, for operations on regions."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
