"""How blurred, how noisy and how grainy footage is.

Noise is measured in the flattest blocks of each brightness (Foi et al., "Practical Poissonian-Gaussian Noise Modeling
and Fitting for Single-Image Raw-Data", IEEE TIP 2008), grain by how alike neighbours in them are, blur at the sharpest
edges. Whoever picks the flattest blocks and the sharpest edges finds too little of both: so the same is done to noise
and edges that are made with known values, and what comes out is looked up. What codecs do is part of all three.

Legend: H height, W width, B blocks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import erf, sqrt

import cv2
import numpy as np

from photoreal.camera.camera import CameraSettings
from photoreal.errors import DataError

BLOCK = 8  # pixels a side
FLATTEST = 0.1  # share of the blocks of a brightness that are taken to show nothing but noise
BINS = np.linspace(0.04, 0.96, 13)  # of brightness; what is darker or brighter is clipped
SHARPEST = 0.1  # share of the edges that are taken to be sharp in the scene
REACH = 5  # pixels to both sides of an edge
LEAST_EDGE = 0.15  # contrast
GRAINS = np.array([0.0, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0])  # sigmas that are tried
BLURS = np.array([0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0])
PARTS = 10  # of the footage, each of which is left out once


@dataclass(frozen=True)
class CameraFit:
    """What was fitted.

    Attributes:
        settings: The camera.
        errors: Name of a setting -> its standard error, by the jackknife over parts of the footage.
        frames: How many frames it was fitted to.
    """

    settings: CameraSettings
    errors: dict[str, float]
    frames: int


def fit_camera(frames: Iterable[np.ndarray]) -> CameraFit:
    """Fit a camera to footage.

    Args:
        frames: (H, W, 3) uint8 RGB, of one size; some dozens, spread over the footage.

    Raises:
        DataError: There are fewer than two frames, or they are smaller than 32 pixels a side.
    """
    observations = [_observe(frame) for frame in frames]
    if len(observations) < 2:
        raise DataError(f'a camera is fitted to two frames or more; found {len(observations)}')
    heights = {found.height for found in observations}
    if len(heights) > 1:
        raise DataError(f'a camera is fitted to frames of one size; found heights {sorted(heights)}')
    whole = _solve(observations)
    parts = min(PARTS, len(observations))
    estimates = [_solve([o for i, o in enumerate(observations) if i % parts != part]) for part in range(parts)]
    errors = {name: float(np.sqrt((parts - 1) / parts * np.sum((np.array([e[name] for e in estimates]) -
                                                                np.mean([e[name] for e in estimates])) ** 2)))
              for name in whole}
    return CameraFit(CameraSettings(**whole), errors, len(observations))


@dataclass(frozen=True)
class _Observation:
    height: int
    level: np.ndarray  # (B,) brightness of each block
    deviation: np.ndarray  # (B,) of what is left without a plane
    neighbour: np.ndarray  # (B,) product of neighbours, over the variance
    edges: np.ndarray  # width of each strong edge, a sigma in pixels


def _observe(frame: np.ndarray) -> _Observation:
    height, width = frame.shape[:2]
    if min(height, width) < 4 * BLOCK:
        raise DataError(f'a frame of {width}x{height} pixels: a camera is fitted to 32 pixels a side or more')
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255
    edges = np.concatenate([_edges_along_rows(luma), _edges_along_rows(luma.T)])
    return _Observation(height, *_blocks(luma), edges)


def _blocks(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each block (B,): brightness, deviation, and how alike neighbours are."""
    height, width = luma.shape
    blocks = luma[:height // BLOCK * BLOCK, :width // BLOCK * BLOCK]
    blocks = blocks.reshape(height // BLOCK, BLOCK, -1, BLOCK).transpose(0, 2, 1, 3).reshape(-1, BLOCK, BLOCK)
    rest = _without_plane(blocks)
    variance = np.square(rest).sum((1, 2)) / (BLOCK**2 - 3)
    pairs = ((rest[:, :, 1:] * rest[:, :, :-1]).mean((1, 2)) + (rest[:, 1:] * rest[:, :-1]).mean((1, 2))) / 2
    return blocks.mean((1, 2)), np.sqrt(variance), pairs / np.maximum(variance, 1e-12)


def _without_plane(blocks: np.ndarray) -> np.ndarray:
    """(B, 8, 8) less the plane that fits each best."""
    at = np.arange(BLOCK) - (BLOCK - 1) / 2
    norm = np.square(at).sum() * BLOCK
    blocks = blocks - blocks.mean((1, 2), keepdims=True)
    for axis in (at[:, None], at[None, :]):
        blocks = blocks - (blocks * axis).sum((1, 2), keepdims=True) / norm * axis
    return blocks


def _edges_along_rows(luma: np.ndarray) -> np.ndarray:
    """Widths of edges: one that is blurred with sigma rises by contrast / (sigma * sqrt(2 pi)) at its steepest."""
    step = np.diff(luma, axis=1)  # (H, W-1)
    slope = np.abs(step)
    around = [slice(REACH + k, slope.shape[1] - REACH + k) for k in range(-REACH, REACH + 1)]
    steepest = np.max([slope[:, at] for at in around], axis=0)
    rise = np.abs(np.sum([step[:, at] for at in around], axis=0))
    travel = np.sum([slope[:, at] for at in around], axis=0)
    here = slope[:, REACH:-REACH]
    # It only rises or only falls, and does not lean: along a row a leaning edge is wider than it is.
    leaning = np.abs(np.diff(luma, axis=0, append=luma[-1:]))[:, REACH:-REACH - 1]
    found = (here == steepest) & (rise > LEAST_EDGE) & (rise > 0.95 * travel) & (leaning < 0.1 * here)
    return (rise / np.maximum(here, 1e-9) / np.sqrt(2 * np.pi))[found]


def _solve(observations: list[_Observation]) -> dict[str, float]:
    height = observations[0].height
    level, deviation, neighbour = (np.concatenate([getattr(o, name) for o in observations])
                                   for name in ('level', 'deviation', 'neighbour'))
    points, correlations = [], []
    for low, high in zip(BINS[:-1], BINS[1:]):
        own = np.flatnonzero((level >= low) & (level < high))
        if len(own) < 100:
            continue
        flat = own[np.argsort(deviation[own])[:int(FLATTEST * len(own))]]
        points.append((level[flat].mean(), np.median(deviation[flat]), len(own)))
        correlations.append(np.median(neighbour[flat]))
    noise, shot, grain = 0.0, 0.0, 0.0
    if points:
        at, flat_deviation, weight = np.array(points).T
        grain, share = _grain(np.average(correlations, weights=weight))
        shot, dark = _line(at, (flat_deviation / share) ** 2, np.sqrt(weight))
        noise = float(np.sqrt(dark))
    widths = np.concatenate([o.edges for o in observations])
    blur = _blur(np.quantile(widths, SHARPEST)) if len(widths) >= 20 else 0.0
    return {'blur': blur / height, 'noise': noise, 'shot': shot, 'grain': grain / height}


def _line(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the line that fits best, neither below 0."""
    slope, offset = np.polyfit(x, y, 1, w=weight) if len(x) > 1 else (0.0, y[0])
    if slope < 0:
        return 0.0, float(np.average(y, weights=weight))
    if offset < 0:
        return float(np.average(y / x, weights=weight * x)), 0.0
    return float(slope), float(offset)


def _grain(alike: float) -> tuple[float, float]:
    """The grain in pixels, and which share of the true deviation the flattest blocks have, by their correlation."""
    correlations, shares = _known_grains()
    return float(np.interp(alike, correlations, GRAINS)), float(np.interp(alike, correlations, shares))


def _blur(width: float) -> float:
    """The blur in pixels, by the width of the sharpest edges."""
    return float(np.interp(width, _known_blurs(), BLURS))


@cache
def _known_grains() -> tuple[np.ndarray, np.ndarray]:
    """For each of GRAINS: correlation and deviation of the flattest blocks of noise of variance 1."""
    white = np.random.default_rng(0).standard_normal((768, 768))
    found = []
    for sigma in GRAINS:
        noise = white if sigma == 0 else cv2.GaussianBlur(white, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        _, deviation, neighbour = _blocks(noise / noise.std())
        flat = np.argsort(deviation)[:int(FLATTEST * len(deviation))]
        found.append((np.median(neighbour[flat]), np.median(deviation[flat])))
    correlations, shares = np.array(found).T
    return np.maximum.accumulate(correlations), shares


@cache
def _known_blurs() -> np.ndarray:
    """For each of BLURS: the width of the sharpest edges, at all places between two pixels."""
    at, found = np.arange(40), []
    for sigma in BLURS:
        spread = sqrt(sigma**2 + 1 / 12)  # a pixel takes the mean of what falls on it
        rows = [[0.5 + 0.25 * erf((x - 20 - place / 16) / (spread * sqrt(2))) for x in at] for place in range(16)]
        widths = [_edges_along_rows(np.tile(row, (2, 1))) for row in np.array(rows)]
        found.append(np.quantile(np.concatenate(widths), SHARPEST))
    return np.maximum.accumulate(found)
