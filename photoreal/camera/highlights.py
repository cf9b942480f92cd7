"""Where highlights end: a shoulder crowds them below a white that falls short of the brightest level.

A tone curve shows in the histogram, where it is level (Farid, "Blind Inverse Gamma Correction", IEEE TIP 2001, finds
curves by what they do to statistics). The shoulder's end is found as a ceiling that frames share, where levels crowd. A
scene whose brightest thing is as bright in all frames looks the same.
"""

import cv2
import numpy as np

from photoreal.camera.camera import off_axis
from photoreal.camera.shots import Shot

MIDDLE = 0.3  # squared distance, 1 in the corners
TAIL = 0.001  # share of a frame's samples above its ceiling, which are noise and ringing
NEAR = 2.5  # levels within which ceilings are the same
SHARED_BY = 1 / 3  # least share of the frames
CROWDED = 0.38  # least share of the upper half of the shoulder that lies in its uppermost quarter; spread evenly, 0.25
ENOUGH = 3e-4  # share of samples in the upper half of the shoulder
BEYOND, SEEN_BEYOND = 5, 0.03  # levels above the ceiling, and which share of the shoulder may be there all the same
MOST = 0.2  # roll-off; a lower ceiling is a dim scene


def observe(shot: Shot) -> np.ndarray:
    """(2, 256) histograms of all channels, as shares: of the middle of the frame, which no vignette darkens, and of all
    of it."""
    smooth = cv2.blur(shot.frames[0], (3, 3))
    counts = [np.bincount(part.ravel(), minlength=256) for part in (smooth[off_axis(shot.size) < MIDDLE], smooth)]
    return np.stack([count / count.sum() for count in counts])


def solve(histograms: np.ndarray) -> tuple[float, float]:
    """Roll-off and its standard error, infinite where frames share no ceiling.

    Args:
        histograms: (F, 2, 256).
    """
    above = histograms[..., ::-1].cumsum(-1)[..., ::-1]  # (F, 2, 256) share of what is as bright or brighter
    ceilings = 255 - (above[:, 0, ::-1] >= TAIL).argmax(1)
    ceiling = np.quantile(ceilings, 0.9)
    sharing = np.abs(ceilings - ceiling) <= NEAR
    rolloff = 1 - float(ceilings[sharing].mean()) / 255 if sharing.any() else 1.0
    if sharing.mean() < SHARED_BY or rolloff > MOST:
        return 0.0, np.inf
    error = np.hypot(ceilings[sharing].std() / np.sqrt(sharing.sum()), 1.0) / 255
    if rolloff < 2 / 255:
        return rolloff, error  # clipped: there is no shoulder
    middle, whole = above[sharing].mean(0)
    half, quarter = (middle[round(255 * (1 - rolloff * (1 + part)))] for part in (1, 0.25))
    beyond = whole[min(255, round(255 * (1 - rolloff) + BEYOND))]
    if half < ENOUGH or quarter < CROWDED * half or beyond > SEEN_BEYOND * whole[round(255 * (1 - 2 * rolloff))]:
        return 0.0, np.inf
    return rolloff, error
