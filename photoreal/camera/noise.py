"""How noisy and how grainy footage is, at which brightness.

Noise is what differs between a flat place and the same place in the next frame: a texture is in both, and cancels out.
Places are flat where their gradient is no more than what noise of that strength makes, as in Liu et al., "Automatic
Estimation and Removal of Noise from a Single Image", IEEE TPAMI 2008, and of those the flattest count (Amer and Dubois,
"Fast and Reliable Structure-Oriented Video Noise Estimation", IEEE TCSVT 2005). Whoever picks the flattest finds too
little noise: the same is done to noise that is made with known values, and what comes out is looked up. What a codec
copies from frame to frame stands still, and is not counted.

Legend: H height, W width, B blocks.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from photoreal.camera.camera import SHARED
from photoreal.camera.shots import Shot

BLOCK = 8  # pixels a side
FLATTEST = 0.25  # share of the flat blocks of a brightness that are taken to show nothing but noise
BINS = np.linspace(0.03, 0.91, 12)  # of brightness; above, white cuts the noise off
ENOUGH = 60  # blocks of a brightness
SPAN = 0.35  # of brightness that noise has to be known in for a line; below, one value serves all
CLIPPED = 2  # levels from black or white
GRAINS = np.array([0.0, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0])  # sigmas that are tried
GRADIENT, GRADIENT_OF_NOISE = 1.2 / 255, 0.6  # most gradient a pixel: of the scene, and of each unit of the noise
ROUNDING = 1 / (12 * 255**2)  # variance of what 8 bits leave out
LUMA_SHARE = SHARED + (1 - SHARED) * (0.299**2 + 0.587**2 + 0.114**2)  # of a channel's variance that luma has


class Blocks(NamedTuple):
    """Flat blocks of one shot, (B,) each: brightness, deviation and how alike neighbours are."""

    level: np.ndarray
    deviation: np.ndarray
    neighbour: np.ndarray


def observe(shot: Shot) -> Blocks:
    """Flat blocks of the first two frames; none where the second does not move along."""
    if shot.next is None:
        return Blocks(*np.empty((3, 0)))
    (flow, visible), (here, there), (height, width) = shot.next, shot.luma[:2], shot.size
    smooth = cv2.GaussianBlur(here, (0, 0), 1.5)
    gradient = np.hypot(*(cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))))
    gradient = cv2.dilate(gradient, np.ones((BLOCK + 1, BLOCK + 1), np.uint8))
    clipped = np.max([np.maximum(frame < CLIPPED, frame > 255 - CLIPPED).max(-1) for frame in shot.frames[:2]], axis=0)
    clipped = cv2.dilate(clipped.astype(np.uint8), np.ones((BLOCK + 3, BLOCK + 3), np.uint8)).astype(bool)
    y, x = (grid.ravel() for grid in np.mgrid[0:height - BLOCK + 1:BLOCK, 0:width - BLOCK + 1:BLOCK])
    middle = y + BLOCK // 2, x + BLOCK // 2
    dx, dy = np.rint(flow[middle]).astype(int).T
    inside = (x + dx >= 0) & (y + dy >= 0) & (x + dx <= width - BLOCK) & (y + dy <= height - BLOCK)
    good = inside & visible[middle] & ~clipped[middle]
    y, x, dx, dy, gradient = y[good], x[good], dx[good], dy[good], gradient[middle][good]
    first, second = _cut(here, y, x), _cut(there, y + dy, x + dx)
    deviation, neighbour = _measure((first - second) / np.sqrt(2))
    # What the flattest tenth of all blocks has is noise, or nearly so; what moved past its match is no measure of it.
    noise = np.quantile(deviation, 0.1) if len(deviation) else 0.0
    flat = gradient <= GRADIENT + GRADIENT_OF_NOISE * noise
    return Blocks(first.mean((1, 2))[flat], deviation[flat], neighbour[flat])


def _cut(luma: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(B, 8, 8) blocks whose upper left corners these are."""
    at = np.arange(BLOCK)
    return luma[y[:, None, None] + at[:, None], x[:, None, None] + at].astype(np.float64)


def _measure(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, 8, 8) -> deviation and how alike neighbours are, (B,) each, without a plane."""
    at = np.arange(BLOCK) - (BLOCK - 1) / 2
    norm = np.square(at).sum() * BLOCK
    rest = blocks - blocks.mean((1, 2), keepdims=True)
    for axis in (at[:, None], at[None, :]):
        rest = rest - (rest * axis).sum((1, 2), keepdims=True) / norm * axis
    variance = np.square(rest).sum((1, 2)) / (BLOCK**2 - 3)
    pairs = ((rest[:, :, 1:] * rest[:, :, :-1]).mean((1, 2)) + (rest[:, 1:] * rest[:, :-1]).mean((1, 2))) / 2
    return np.sqrt(variance), pairs / np.maximum(variance, 1e-12)


class Curve(NamedTuple):
    """What was found at each brightness, (K,) each, and the grain in pixels."""

    level: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    grain: float

    @property
    def line(self) -> tuple[float, float]:
        """Variance in black, and what it gains to white; nowhere below 0."""
        variance = np.square(self.deviation)
        if not len(self.level):
            return 0.0, 0.0
        if np.ptp(self.level) < SPAN:
            return float(np.average(variance, weights=self.weight)), 0.0
        ends = np.stack([1 - self.level, self.level], axis=1)  # variance = black (1 - level) + white level
        # Its error is a share of the variance itself; and a sky has more blocks than tell anything new.
        root = self.weight**0.25 / (variance + variance.mean() + 1e-9)
        black, white = np.linalg.lstsq(ends * root[:, None], variance * root, rcond=None)[0]
        if black < 0 or white < 0:
            one = ends[:, 1] if black < 0 else ends[:, 0]
            value = float((root**2 * one * variance).sum() / (root**2 * one * one).sum())
            black, white = (0.0, value) if black < 0 else (value, 0.0)
        return float(black), float(white - black)


def solve(observations: list[Blocks], brightest: float = 1.0) -> Curve:
    """Noise by brightness, of one channel, in [0, 1].

    Args:
        observations: Of all shots.
        brightest: Up to where it is measured; above, a shoulder crowds it.
    """
    level, deviation, neighbour = (np.concatenate(parts) for parts in zip(*observations, strict=True))
    found = []
    for low, high in zip(BINS[:-1], BINS[1:], strict=True):
        own = np.flatnonzero((level >= low) & (level < min(high, brightest)))
        if len(own) >= ENOUGH:
            flat = own[np.argsort(deviation[own])[:int(FLATTEST * len(own))]]
            found.append((level[flat].mean(), np.median(deviation[flat]), len(own), np.median(neighbour[flat])))
    if not found:
        return Curve(*np.empty((3, 0)), 0.0)
    at, flattest, weight, alike = np.array(found).T
    grain, share = _grain(np.average(alike, weights=weight))
    variance = np.maximum((flattest / share)**2 - ROUNDING, 0) / LUMA_SHARE
    return Curve(at, np.sqrt(variance), weight, grain)


def _grain(alike: float) -> tuple[float, float]:
    """The grain in pixels, and which share of the true deviation the flattest blocks have, by their correlation."""
    correlations, shares = _known_grains()
    return float(np.interp(alike, correlations, GRAINS)), float(np.interp(alike, correlations, shares))


@cache
def _known_grains() -> tuple[np.ndarray, np.ndarray]:
    """For each of GRAINS: correlation and deviation of the flattest blocks of noise of variance 1."""
    white = np.random.default_rng(0).standard_normal((768, 768)).astype(np.float32)
    y, x = (grid.ravel() for grid in np.mgrid[0:768:BLOCK, 0:768:BLOCK])
    found = []
    for sigma in GRAINS:
        noise = white if sigma == 0 else cv2.GaussianBlur(white, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        deviation, neighbour = _measure(_cut(noise / noise.std(), y, x))
        flat = np.argsort(deviation)[:int(FLATTEST * len(deviation))]
        found.append((np.median(neighbour[flat]), np.median(deviation[flat])))
    correlations, shares = np.array(found).T
    return np.maximum.accumulate(correlations), shares
