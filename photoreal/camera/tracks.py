"""How much light the corners lack, and how much of highlights is scattered: what a place gains and loses as it moves.

A place of the scene keeps its light for the fraction of a second in which it crosses the frame. What changes with its
distance from the middle is the vignette (Kim and Pollefeys, "Robust Radiometric Calibration and Vignetting Correction",
IEEE TPAMI 2008, and Goldman, "Vignette and Exposure Calibration and Compensation", IEEE TPAMI 2010, fit it to such
pairs), what changes with highlights that come near is bloom. So a sky that is always on top tells nothing, since
it does not move, and a scene that is bright in its middle tells nothing wrong.

Legend: H height, W width, P points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from photoreal.camera.camera import halve, off_axis, scatter, unshoulder
from photoreal.camera.shots import Shot, sector

STEP = 6  # pixels between points
LEVELS = (0.05, 0.9)  # of brightness that are used
AROUND = 31  # pixels a side in which motion has to find something to hold on to
LEAST_HOLD = 0.8 / 255  # gradient a pixel
ROUNDS, AGAIN = 14, 6  # of the fit, and of those without a part, which begin at the whole
GRADIENT_ERROR = 0.4  # pixels by which motion is off
LEVEL_ERROR = 2 / 255
MOST = (0.9, 0.5)  # vignette and bloom
CAUTION, LEAST_SCALE = 20.0, 0.4  # the scale to begin with, and the least, in certainties
OUTLIER = 4.7  # scales at which a point stops to count (Tukey's biweight)


class Points(NamedTuple):
    """Points of one shot that are in its first and third frame."""

    level: np.ndarray  # (2, P)
    off_axis: np.ndarray  # (2, P)
    at: np.ndarray  # (2, 2, P) x and y
    certainty: np.ndarray  # (P,) one over the deviation of the level
    sector: np.ndarray  # (P,)
    half: tuple[np.ndarray, np.ndarray]  # both frames at half the size
    height: int


@dataclass(frozen=True)
class Light:
    """Points of all shots, with the light of highlights that reaches them."""

    level: np.ndarray  # (2, P)
    off_axis: np.ndarray  # (2, P)
    glow: np.ndarray  # (2, P)
    certainty: np.ndarray  # (P,)
    sector: np.ndarray  # (P,)
    shot: np.ndarray  # (P,)

    def where(self, mask: np.ndarray) -> 'Light':
        return Light(self.level[:, mask], self.off_axis[:, mask], self.glow[:, mask], self.certainty[mask],
                     self.sector[mask], self.shot[mask])


def observe(shot: Shot) -> Points | None:
    """Points of a shot; None where its third frame does not move along."""
    if shot.later is None:
        return None
    (flow, visible), (height, width) = shot.later, shot.size
    smooth = [cv2.GaussianBlur(shot.luma[i], (0, 0), 2.0) for i in (0, 2)]
    dx, dy = (cv2.Sobel(smooth[0], cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    gradient = np.hypot(dx, dy)
    visible = visible & (_hold(dx, dy) > LEAST_HOLD**2)
    y, x = (grid.ravel() for grid in np.mgrid[STEP:height - STEP:STEP, STEP:width - STEP:STEP])
    y, x = y[visible[y, x]], x[visible[y, x]]
    if not len(y):
        return None
    at = np.stack([[x, y], [x, y] + flow[y, x].T]).astype(np.float32)
    off = off_axis(shot.size)
    level, squares = ([cv2.remap(field, *moved[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
                       for field, moved in zip(fields, at, strict=True)] for fields in (smooth, (off, off)))
    certainty = 1 / np.hypot(LEVEL_ERROR, GRADIENT_ERROR * gradient[y, x])
    return Points(np.stack(level), np.stack(squares), at, certainty, sector(y, x, shot.size),
                  (halve(shot.frames[0]), halve(shot.frames[2])), height)


def _hold(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """(H, W) how well motion is known in all directions: the lesser eigenvalue of the gradients around (Shi and Tomasi,
    "Good Features to Track", CVPR 1994). In a clear sky motion is made up."""
    xx, yy, xy = (cv2.blur(product, (AROUND, AROUND)) for product in (dx * dx, dy * dy, dx * dy))
    return (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)


def join(shots: Sequence[Points | None], rolloff: float, vignette: float = 0.0) -> Light | None:
    """The points of all shots, their light before the roll-off; None without points.

    Args:
        shots: Points.
        rolloff: What is undone.
        vignette: What is undone before highlights are looked for, which would be too few in the corners.
    """
    parts = []
    curve = np.rint(255 * unshoulder(np.arange(256) / 255, rolloff)).astype(np.uint8)
    for number, points in enumerate(shots):
        if points is None:
            continue
        glow = []
        for half, at in zip(points.half, points.at, strict=True):
            light = cv2.LUT(half, curve)
            if vignette:
                gain = 1 / (1 - vignette * off_axis(half.shape[:2]))
                light = cv2.multiply(light, cv2.merge([gain] * 3), dtype=cv2.CV_8U)
            low = cv2.cvtColor(scatter(light, points.height), cv2.COLOR_RGB2GRAY)
            scale = low.shape[1] / (2 * half.shape[1]), low.shape[0] / (2 * half.shape[0])
            where = [((axis + 0.5) * s - 0.5)[None] for axis, s in zip(at, scale, strict=True)]
            glow.append(cv2.remap(low, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0])
        level = unshoulder(points.level, rolloff)
        used = ((level > LEVELS[0]) & (level < LEVELS[1])).all(0)
        parts.append([level[:, used], points.off_axis[:, used], np.stack(glow)[:, used], points.certainty[used],
                      points.sector[used], np.full(used.sum(), number)])
    if not parts:
        return None
    return Light(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))


def solve(light: Light, start: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Vignette and bloom, and the standard errors that the points' scatter gives; infinite where they tell nothing.

    Each frame may have an exposure of its own. Gauss-Newton on the logarithms of the scene's light, reweighted.

    Args:
        light: Points.
        start: Where to begin.
    """
    value, error = np.array(start or (0.0, 0.0)), np.full(2, np.inf)
    level = light.level.mean(0)
    _, shot = np.unique(light.shot, return_inverse=True)
    if len(shot) < 100:
        return np.zeros(2), error
    for cycle in range(ROUNDS if start is None else AGAIN):
        # Few points are near highlights: what bloom does to them must not look like outliers before it is known.
        caution = max(LEAST_SCALE, CAUTION * 0.6**cycle if start is None else 0.0)
        difference, slopes, weight = _linearised(light, value)
        for _ in range(2):  # the exposure of each shot, without outliers the second time
            rest = difference - _mean_of(difference, weight, shot)
            scaled = rest * light.certainty * level
            scale = 1.4826 * np.median(np.abs(scaled)) + 1e-9
            scale = max(scale, caution)
            weight = np.square(light.certainty * level) * np.square(
                np.clip(1 - np.square(scaled / (OUTLIER * scale)), 0, None))
        columns = np.stack([column - _mean_of(column, weight, shot) for column in slopes])
        normal = (columns * weight) @ columns.T
        known = np.diag(normal) > 1e-6
        inverse = np.linalg.pinv(normal[np.ix_(known, known)])
        step, errors = np.zeros(len(slopes)), np.full(len(slopes), np.inf)
        step[known] = inverse @ ((columns[known] * weight) @ rest)
        errors[known] = np.sqrt(np.diag(inverse)) * scale
        value, error = np.clip(value - step[:2], 0, MOST), errors[:2]
    return value, error


def _linearised(light: Light, value: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]:
    """How the logarithm of each place's light differs between both frames, its slopes by vignette, bloom and a veil,
    and weights. The veil is that of haze, which gets less as things come nearer, and would pass for bloom."""
    vignette, bloom = value
    arrives = 1 - vignette * light.off_axis
    open_ = 1 - bloom * light.glow
    scene = np.clip((light.level / arrives - bloom * light.glow) / open_, 0.01, 1)
    logarithm = np.log(scene)
    scene = scene.mean(0)  # of one frame, its noise would be in slopes and difference alike, and pull at the values
    by_vignette = light.off_axis * (scene + bloom * light.glow * (1 - scene)) / (arrives * open_ * scene)
    by_bloom = -light.glow * (1 - scene) / (open_ * scene)
    return (logarithm[1] - logarithm[0],
            (by_vignette[1] - by_vignette[0], by_bloom[1] - by_bloom[0], (1 - scene) / scene),
            np.square(light.certainty * light.level.mean(0)))


def _mean_of(values: np.ndarray, weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(P,) the weighted mean of each one's group."""
    total = np.maximum(np.bincount(group, weight), 1e-12)
    return (np.bincount(group, weight * values) / total)[group]
