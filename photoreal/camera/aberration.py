"""How much larger the red picture is than the green one, and the blue one smaller.

Around a grey edge all channels are one picture but for scale: where red is displaced along the radius, its difference
to green is that displacement times green's slope. Johnson and Farid, "Exposing Digital Forgeries through Chromatic
Aberration", ACM MM&Sec 2006, and Kang, "Automatic Removal of Chromatic Aberration from a Single Image", CVPR 2007,
fit the same model. A displacement of the whole channel and a blur of it, as codecs with small chroma planes make, are
fitted along with it, so that they are not mistaken for it.

Legend: H height, W width, P patches, S sectors.
"""

import cv2
import numpy as np

from photoreal.camera.shots import SECTORS, Shot, sector

PATCH = 16  # pixels a side
SMOOTH = 1.2  # pixels; slopes of pixels that alternate are none
LEAST_CONTRAST = 0.04
ALIKE = 0.95  # least correlation of both channels in a patch
LEVEL_ERROR = 1 / 255
UNKNOWNS = 4  # scale, displacement to the right and downward, blur


def observe(shot: Shot) -> np.ndarray:
    """(S, 2, 4, 5) for each sector, for red and for blue: normal matrices and, last, their right sides."""
    height, width = shot.size
    red, green, blue = (cv2.GaussianBlur(channel.astype(np.float32) / 255, (0, 0), SMOOTH)
                        for channel in cv2.split(shot.frames[0]))
    right, down = ((np.float32([[1, -8, 0, 8, -1]]) / 12, axis) for axis in (0, 1))
    dx, dy = (cv2.filter2D(green, -1, kernel.T if axis else kernel, borderType=cv2.BORDER_REPLICATE)
              for kernel, axis in (right, down))
    x, y = np.arange(width, dtype=np.float32) - (width - 1) / 2, np.arange(height, dtype=np.float32) - (height - 1) / 2
    slopes = [dx * x + dy * y[:, None], dx, dy, cv2.Laplacian(green, -1)]
    green, red, blue, *slopes = (_patches(field) for field in (green, red, blue, *slopes))
    rows, columns = height // PATCH, width // PATCH
    at = sector(*((grid.ravel() + 0.5) * PATCH for grid in np.mgrid[:rows, :columns]), shot.size)
    variance = np.square(green).mean(1)
    found = np.zeros((SECTORS, 2, UNKNOWNS, UNKNOWNS + 1))
    for k, channel in enumerate((red, blue)):
        share = (channel * green).mean(1) / np.maximum(variance, 1e-9)
        alike = share * np.sqrt(variance / np.maximum(np.square(channel).mean(1), 1e-9))
        used = (variance > LEAST_CONTRAST**2) & (alike > ALIKE)
        columns = np.stack([_across(slope[used], green[used]) * share[used, None] for slope in slopes])  # (4, P, 256)
        rest = channel[used] - share[used, None] * green[used]
        weight = 1 / (LEVEL_ERROR**2 + _unexplained(columns[1:], rest))
        for s in range(SECTORS):
            own = at[used] == s
            both = np.concatenate([columns[:, own], rest[None, own]]).reshape(UNKNOWNS + 1, -1).astype(np.float64)
            weights = np.repeat(weight[own], PATCH**2)
            found[s, k] = (both[:UNKNOWNS] * weights) @ both.T
    return found


def solve(found: np.ndarray) -> tuple[float, float]:
    """Aberration by sums of what was observed, (2, 4, 5), and its standard error by the scatter within patches;
    infinite where there is nothing to tell it by."""
    values, precision = [], []
    for sign, system in zip((-1, 1), found, strict=True):
        normal, right = system[:, :UNKNOWNS], system[:, UNKNOWNS]
        if not np.all(np.linalg.eigvalsh(normal / max(np.trace(normal), 1e-12)) > 1e-9):
            return 0.0, np.inf
        inverse = np.linalg.inv(normal)
        values.append(sign * (inverse @ right)[0])
        precision.append(1 / inverse[0, 0])
    total = sum(precision)
    return sum(v * p for v, p in zip(values, precision, strict=True)) / total, total**-0.5


def _unexplained(slopes: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(P,) variance of what no displacement and blur of each patch by itself explain; by what the common one
    leaves, the patches that it moves most would count least.

    Args:
        slopes: (3, P, pixels).
        rest: (P, pixels).
    """
    slopes = slopes.transpose(1, 0, 2).astype(np.float64)  # (P, 3, pixels)
    normal = slopes @ slopes.transpose(0, 2, 1)
    normal += 1e-6 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3) + 1e-12 * np.eye(3)
    right = slopes @ rest[..., None]
    explained = (right * np.linalg.solve(normal, right)).sum((1, 2))
    return np.maximum(np.square(rest).sum(1) - explained, 0) / rest.shape[1]


def _patches(field: np.ndarray) -> np.ndarray:
    """(H, W) -> (P, 256), each patch less its mean."""
    rows, columns = field.shape[0] // PATCH, field.shape[1] // PATCH
    field = field[:rows * PATCH, :columns * PATCH].reshape(rows, PATCH, columns, PATCH)
    field = field.transpose(0, 2, 1, 3).reshape(rows * columns, PATCH**2)
    return field - field.mean(1, keepdims=True)


def _across(field: np.ndarray, green: np.ndarray) -> np.ndarray:
    """What of (P, 256) is not green's doing."""
    return field - (field * green).sum(1, keepdims=True) / np.square(green).sum(1, keepdims=True) * green
