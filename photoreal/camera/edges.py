"""How blurred the lens is, and how long the shutter is open: both are in how wide edges are.

An edge that moves across itself by n pixels a frame is smeared over ``shutter * n`` pixels; one that moves along
itself is not. So widths are sorted by both motions, and one blur of the lens and one shutter have to explain the
sharpest edges of each sort. That a blur's length tells how far things moved is old (Cannon, "Blind Deconvolution of
Spatially Invariant Image Blurs with Phase", IEEE TASSP 1976); what is near moves more and may be out of focus, for
which the edges that do not move across themselves are the measure. Whoever picks the sharpest edges finds too little:
the same is done to edges that are made with known values, and what comes out is looked up.

Legend: H height, W width, E edges, K sorts of edges.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from photoreal.camera.shots import Shot

SHARPEST = 0.1  # share of the edges that are taken to be sharp in the scene
LEAST_EDGE = 0.15  # contrast
REACHES = (5, 10)  # pixels to both sides of an edge, where it moves little and where it moves much
FAST = 3.0  # pixels a frame from which an edge moves much
ACROSS = (0, 0.7, 1.5, 3, 4.5, 6, 8, 10, 13, 16)  # pixels a frame that bound sorts of edges
OVERALL = (0, 1, 3, 6, 10, 16, 24, 40)
ENOUGH = 30  # edges of a sort
FLOOR = 0.06  # pixels by which the width of a sort is off, however many edges it has
BLURS = np.array([0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0])
LENGTHS = np.arange(0.0, 13.0)
SIGMAS = np.arange(0, 3.01, 0.04)  # pixels that are tried
SHUTTERS = np.arange(0, 1.001, 0.02)
NEAR = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5])  # blur in pixels of what moves by 10 pixels, for being near


class Edges(NamedTuple):
    """Edges of one shot, (E,) each: width in pixels, motion across and overall in pixels a frame, contrast."""

    width: np.ndarray
    across: np.ndarray
    overall: np.ndarray


def observe(shot: Shot) -> Edges:
    """The upright and the level edges of the first frame; without a second frame that moves along, as if at rest."""
    found = []
    motion = shot.next
    for axis, luma in enumerate((shot.luma[0], np.ascontiguousarray(shot.luma[0].T))):
        for reach, low, high in ((REACHES[0], 0, FAST), (REACHES[1], FAST, ACROSS[-1])):
            y, x, width = upright(luma, reach)
            if motion is None:
                across = overall = np.zeros(len(width))
                seen = np.full(len(width), low == 0)
            else:
                flow, visible = motion
                at = (y, x) if axis == 0 else (x, y)
                across, overall = np.abs(flow[at][:, axis]), np.linalg.norm(flow[at], axis=1)
                seen = visible[at] & (across >= low) & (across < high)
            found.append(np.stack([width, across, overall])[:, seen])
    return Edges(*np.concatenate(found, axis=1))


def upright(luma: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upright edges of (H, W): rows, columns and widths; one that is blurred with sigma rises by
    contrast / (sigma * sqrt(2 pi)) at its steepest."""
    step = np.diff(luma, axis=1)  # (H, W-1)
    slope = np.abs(step)
    row = (2 * reach + 1, 1)
    steepest = cv2.dilate(slope, np.ones((1, row[0]), np.uint8))
    rise, travel = (cv2.boxFilter(x, -1, row, normalize=False) for x in (step, slope))
    rise = np.abs(rise)
    # It only rises or only falls, and does not lean: along a row a leaning edge is wider than it is.
    leaning = np.abs(np.diff(luma, axis=0, append=luma[-1:]))[:, :-1]
    found = (slope == steepest) & (rise > LEAST_EDGE) & (rise > 0.95 * travel) & (leaning < 0.1 * slope)
    found[:, :reach] = found[:, -reach:] = False
    y, x = found.nonzero()
    return y, x, rise[found] / slope[found] / np.sqrt(2 * np.pi)


def solve(observations: list[Edges]) -> dict[str, tuple[float, float]]:
    """Blur in pixels and shutter, each with its standard error for this many edges; a shutter of infinite error where
    nothing moves across itself."""
    sorts = _sorts(*(np.concatenate(parts) for parts in zip(*observations, strict=True)))
    if not len(sorts):
        return {'blur': (0.0, np.inf), 'shutter': (0.0, np.inf)}
    width, error, across, overall = sorts.T
    moving = bool((across > ACROSS[2]).any())
    shutters = SHUTTERS if moving else SHUTTERS[:1]
    near = NEAR if moving else NEAR[:1]
    sigma = np.sqrt(SIGMAS[:, None, None]**2 + (near[:, None] * overall / 10)**2)  # (S, C, K)
    misfit = np.empty((len(SIGMAS), len(near), len(shutters)))
    for i, shutter in enumerate(shutters):
        expected = _expected(sigma, np.broadcast_to(shutter * across, sigma.shape), across >= FAST)
        misfit[..., i] = (((expected - width) / error)**2).sum(-1)
    misfit /= max(1.0, misfit.min() / max(1, len(width) - 3))  # where the model does not fit, all is less sure
    blur, shutter = (_profile(values, misfit.min(tuple(a for a in range(3) if a != axis)))
                     for axis, values in ((0, SIGMAS), (2, shutters)))
    return {'blur': blur, 'shutter': shutter if moving else (0.0, np.inf)}


def _profile(values: np.ndarray, misfit: np.ndarray) -> tuple[float, float]:
    """The best value, between those that were tried, and half of the span of what fits as well within one deviation."""
    best = int(misfit.argmin())
    fits = values[misfit <= misfit[best] + 1]
    weight = np.exp(-(misfit - misfit[best]) / 2)
    return float((values * weight).sum() / weight.sum()), float(max(np.ptp(fits), values[1] - values[0]) / 2) \
        if len(values) > 1 else np.inf


def _sorts(width: np.ndarray, across: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """(K, 4): width of the sharpest, its error, mean motion across and overall."""
    sorts = []
    for low, high in zip(ACROSS[:-1], ACROSS[1:], strict=True):
        for least, most in zip(OVERALL[:-1], OVERALL[1:], strict=True):
            own = (across >= low) & (across < high) & (overall >= least) & (overall < most)
            if own.sum() < ENOUGH:
                continue
            sharpest, next_ones = np.quantile(width[own], (SHARPEST, 3 * SHARPEST))
            error = np.hypot(FLOOR, (next_ones - sharpest) / np.sqrt(SHARPEST * own.sum()))
            sorts.append((sharpest, error, across[own].mean(), overall[own].mean()))
    return np.array(sorts)


def _expected(sigma: np.ndarray, length: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """(..., K) the width of the sharpest edges, by the lens's sigma and the length of the smear in pixels."""
    tables = _known_widths()
    i = np.clip(np.searchsorted(BLURS, sigma, side='right') - 1, 0, len(BLURS) - 2)
    u = np.clip((sigma - BLURS[i]) / (BLURS[i + 1] - BLURS[i]), 0, 1)
    j = np.clip(length.astype(int), 0, len(LENGTHS) - 2)
    v = np.clip(length - j, 0, 1)
    which = np.broadcast_to(fast.astype(int), sigma.shape)
    return ((1 - u) * ((1 - v) * tables[which, i, j] + v * tables[which, i, j + 1])
            + u * ((1 - v) * tables[which, i + 1, j] + v * tables[which, i + 1, j + 1]))


@cache
def _known_widths() -> np.ndarray:
    """(reaches, blurs, lengths): widths of the sharpest edges, at all places between two pixels, that are blurred as
    :class:`~photoreal.camera.camera.Camera` does it: what a pixel holds, and not what falls on it."""
    phases, at = (np.arange(16) / 16)[:, None], np.arange(80, dtype=np.float32)
    sharp = (0.5 + 0.25 * np.clip(at - 40 + phases, 0, 1)).astype(np.float32)  # (16, 80)
    found = np.empty((len(REACHES), len(BLURS), len(LENGTHS)))
    for j, length in enumerate(LENGTHS):
        taps = max(1, int(np.ceil(length)))
        offsets = ((np.arange(taps) + 0.5) / taps - 0.5) * length
        smeared = np.array([np.mean([np.interp(at + offset, at, row) for offset in offsets], axis=0) for row in sharp])
        for i, sigma in enumerate(BLURS):
            rows = cv2.GaussianBlur(smeared, (0, 0), sigma, sigmaY=1e-3) if sigma else smeared
            for k, reach in enumerate(REACHES):
                widths = np.concatenate([upright(np.tile(np.float32(row), (3, 1)), reach)[2] for row in rows])
                found[k, i, j] = np.quantile(widths, SHARPEST) if len(widths) else found[k, i, j - 1]
    return np.maximum.accumulate(np.maximum.accumulate(found, axis=1), axis=2)
