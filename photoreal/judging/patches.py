"""How far sets of patches are from real ones to an encoder, and how sure that is.

A patch is a square of a frame that was brought to the render's height, at its own resolution, and becomes one vector:
the mean of the encoder's layer over the patch, brought to unit length, as single channels of some layers answer a
hundredfold. Two distances of such sets are taken:

- KID x1000: 1000 * unbiased MMD^2 with the kernel (cos + 1)^3, cos the cosine of two vectors (Binkowski et al., ICLR
  2018, arXiv 1801.01401);
- sliced Wasserstein: the mean over random directions of the Wasserstein-1 distance of the projections, in deviations
  of the real projections (Rabin et al., "Wasserstein barycenter and its application to texture mixing", SSVM 2011). It
  is above 0 for sets that are alike, the more the smaller they are.

The share of the way is (d(render) - d(row)) / (d(render) - d(held-out real)): 0 for the render as it is, 1 for what is
as far from the real frames as other real frames of the same drive are.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from photoreal.judging.footage import Footage, fit
from photoreal.metrics.features import FeatureExtractor
from photoreal.metrics.networks import to_batch
from photoreal.metrics.statistics import mmd

BLOCKS = 10  # stretches of a video: what is left out together, as neighbouring frames are alike
DIRECTIONS = 256
BATCH = 16


@dataclass(frozen=True)
class Patches:
    """Vectors (n, D) float32 whose mean square is 1, and the stretch of the video (n,) that each comes from."""

    vectors: np.ndarray
    blocks: np.ndarray

    def without(self, block: int | None) -> np.ndarray:
        """The vectors of all stretches but one; None: of all."""
        return self.vectors if block is None else self.vectors[self.blocks != block]


@dataclass(frozen=True)
class Value:
    """A number and half the width of its 95 % interval, None where there are too few frames for one."""

    value: float
    error: float | None = None


def cut_patches(footages: Iterable[Footage], height: int, frames: int, crops: int, side: int,
                seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cut squares at random places, which depend on the number of the frame alone: rows of one render have the same.

    Args:
        footages: The videos; each gives ``frames`` frames, evenly spread, or all it has.
        height: Frames are brought to this height first.
        frames: Frames of each video.
        crops: Squares of each frame.
        side: Their width and height.
        seed: Of the places.

    Returns:
        (n, side, side, 3) uint8, and their stretches (n,), counted through over the videos.
    """
    found, blocks = [], []
    for number, footage in enumerate(footages):
        chosen = np.unique(np.linspace(0, len(footage) - 1, min(frames, len(footage))).round().astype(int))
        for index in chosen.tolist():
            frame = fit(footage.read(index), height)
            places = np.random.default_rng([seed, index]).random((crops, 2))
            for place in places:
                top, left = (int(p * (extent - side + 1)) for p, extent in zip(place, frame.shape[:2], strict=True))
                found.append(frame[top:top + side, left:left + side])
                blocks.append(number * BLOCKS + index * BLOCKS // len(footage))
    return np.stack(found), np.array(blocks)


@torch.no_grad()
def encode(patches: tuple[np.ndarray, np.ndarray], extractor: FeatureExtractor, device: torch.device) -> Patches:
    """Run an encoder over patches as :func:`cut_patches` gives them."""
    images, blocks = patches
    parts = [extractor(to_batch(images[i:i + BATCH], device)).float().cpu() for i in range(0, len(images), BATCH)]
    vectors = torch.cat(parts).numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Patches(vectors / np.maximum(lengths, 1e-12) * np.sqrt(vectors.shape[1]), blocks)


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """KID x1000 of two sets of vectors, (n, D) and (m, D)."""
    return 1000 * mmd(x, y)[0]


def sliced_wasserstein(x: np.ndarray, y: np.ndarray) -> float:
    """Sliced Wasserstein distance of a set of vectors (n, D) to a real one (m, D), in deviations of the latter."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((x.shape[1], DIRECTIONS)).astype(np.float32)
    a, b = (v @ (directions / np.linalg.norm(directions, axis=0)) for v in (x, y))
    levels = (np.arange(256) + 0.5) / 256  # the integral over quantiles, for sets of any two sizes
    gaps = np.abs(np.quantile(a, levels, axis=0) - np.quantile(b, levels, axis=0)).mean(0)
    return float((gaps / np.maximum(b.std(0), 1e-6)).mean())


def jackknife(statistic: Callable[..., float], *sides: Sequence[Patches]) -> Value:
    """A statistic of sets of patches with its interval, by leaving out one stretch at a time.

    Args:
        statistic: Takes the vectors of all sets, in order, and gives a number.
        sides: Sets of one side are of the same frames, and lose the same stretch together.
    """
    def estimate(side: int | None = None, block: int | None = None) -> float:
        return statistic(*(patches.without(block if i == side else None)
                           for i, group in enumerate(sides) for patches in group))

    value, variance = estimate(), 0.0
    for i, group in enumerate(sides):
        blocks = np.unique(group[0].blocks)
        if len(blocks) < 2:
            return Value(value)
        left_out = [estimate(i, block) for block in blocks.tolist()]
        variance += (len(blocks) - 1) * np.var(left_out)
    return Value(value, 1.96 * math.sqrt(variance) if math.isfinite(variance) else None)


def share_of_way(distance: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., float]:
    """A statistic for :func:`jackknife`: of a row, the render, held-out real and real vectors, the share of the way.

    It is NaN where held-out real frames are no nearer than the render is: there is no way to go.
    """
    def share(row: np.ndarray, render: np.ndarray, held_out: np.ndarray, real: np.ndarray) -> float:
        whole = distance(render, real) - distance(held_out, real)
        return (distance(render, real) - distance(row, real)) / whole if whole > 0 else math.nan
    return share
