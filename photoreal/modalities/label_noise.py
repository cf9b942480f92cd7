"""Ground-truth labels made as faulty as those of a network, so that a generator does not trust them to the pixel."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import Range, check_number
from photoreal.registry import suggest

NO_CLASS = 255
_KEYS = ('prob', 'warp', 'spacing', 'erode', 'merge', 'drop')


@dataclass(frozen=True)
class LabelNoise:
    """How labels are degraded in training, alike over a clip.

    Attributes:
        prob: How often a clip's labels are degraded at all.
        warp: How far, in pixels, a smooth random warp may move them.
        spacing: Pixels between the places whose moves are drawn; in between they are interpolated.
        erode: Pixels to each side of a border between classes that belong to no class.
        merge: How often a class is taken for another.
        drop: How often a class is no class.
        num_classes: Number of classes.
    """

    prob: float
    warp: Range
    spacing: int
    erode: Range
    merge: float
    drop: float
    num_classes: int

    @classmethod
    def parse(cls, cfg: Mapping[str, Any], num_classes: int) -> 'LabelNoise':
        """Read a config; what it leaves out is not done, and ``prob`` is 1, ``spacing`` 32.

        Raises:
            ConfigError: An unknown key, or a number out of range.
        """
        for key in cfg:
            if key not in _KEYS:
                raise ConfigError(f"degrade has no key '{key}'{suggest(key, _KEYS)}")
        prob, merge, drop = (check_number(f'degrade.{key}', cfg.get(key, default), 0, 1)
                             for key, default in (('prob', 1.0), ('merge', 0.0), ('drop', 0.0)))
        return cls(prob, Range.parse('degrade.warp', cfg.get('warp', 0)),
                   check_number('degrade.spacing', cfg.get('spacing', 32), 2, integer=True),
                   Range.parse('degrade.erode', cfg.get('erode', 0), integer=True), merge, drop, num_classes)

    @property
    def margin(self) -> int:
        """Pixels around a crop that :meth:`apply` looks at."""
        return (math.ceil(self.warp.high) + 1 if self.warp.high else 0) + int(self.erode.high)

    def sample(self, rng: np.random.Generator) -> dict[str, Any] | None:
        """Parameters of :meth:`apply`; None: the clip's labels stay as they are."""
        chance, warp, seed, erode = rng.random(), self.warp.draw(rng), int(rng.integers(1 << 32)), self.erode.draw(rng)
        merges, drops = rng.random((2, self.num_classes)) < [[self.merge], [self.drop]]
        others = rng.integers(self.num_classes, size=self.num_classes)
        if chance >= self.prob:
            return None
        return {'warp': warp, 'seed': seed, 'erode': erode, 'drop': np.flatnonzero(drops).tolist(),
                'merge': {int(number): int(others[number]) for number in np.flatnonzero(merges)}}

    def apply(self, labels: np.ndarray, warp: float, seed: int, erode: int, merge: dict[int, int],
              drop: list[int]) -> np.ndarray:
        """(T, H, W, 1) uint8 classes, 255 none -> the same, degraded."""
        table = np.arange(256, dtype=np.uint8)
        table[list(merge)] = list(merge.values())
        table[drop] = NO_CLASS
        places = _moved_places(labels.shape[1:3], warp, self.spacing, seed) if warp else None
        out = np.empty_like(labels)
        for i, one in enumerate(labels[..., 0]):
            if places is not None:
                one = cv2.remap(one, *places, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            out[i, ..., 0] = table[_eroded(one, erode) if erode else one]
        return out


def _moved_places(size: tuple[int, int], warp: float, spacing: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel comes from: x and y (H, W) float32, up to ``warp`` pixels away."""
    height, width = size
    grid = [-(-side // spacing) + 1 for side in size]
    moves = np.random.default_rng(seed).uniform(-warp, warp, (*grid, 2)).astype(np.float32)
    moves = cv2.resize(moves, (grid[1] * spacing, grid[0] * spacing))[:height, :width]
    y, x = np.ogrid[:height, :width]
    return moves[..., 0] + x.astype(np.float32), moves[..., 1] + y.astype(np.float32)


def _eroded(labels: np.ndarray, radius: int) -> np.ndarray:
    """(H, W) uint8 -> the same, without a class where another is within ``radius`` pixels."""
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.where(cv2.dilate(labels, square) == cv2.erode(labels, square), labels, NO_CLASS)
