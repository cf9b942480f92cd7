"""Distances of two sets of feature vectors: maximum mean discrepancy with its error, and Frechet distance.

Legend: n, m vectors, D dimensions, B blocks.
"""

from collections.abc import Callable

import numpy as np

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]


def cubic_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3, the kernel of KID and KVD: (n, D), (m, D) -> (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def gaussian_kernel(x: np.ndarray, y: np.ndarray, sigma: float = 10.0) -> np.ndarray:
    """exp(-|x - y|^2 / (2 sigma^2)) of vectors brought to unit length, the kernel of CMMD: (n, D), (m, D) -> (n, m)."""
    x, y = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (x, y))
    return np.exp(-(2 - 2 * x @ y.T) / (2 * sigma**2))


def mmd(x: np.ndarray, y: np.ndarray, kernel: Kernel = cubic_kernel, x_blocks: np.ndarray | None = None,
        y_blocks: np.ndarray | None = None) -> tuple[float, float | None]:
    """Unbiased estimate of the squared maximum mean discrepancy, and its standard error.

    Gretton et al., "A kernel two-sample test", JMLR 13, 2012. It is near 0, and may be below, for two sets drawn
    alike. The error is that of the jackknife, which leaves out one block at a time: vectors of neighbouring frames
    depend on each other, and such dependence has to lie within blocks.

    Args:
        x: (n, D), n of 2 or more.
        y: (m, D), m of 2 or more.
        kernel: (n, D), (m, D) -> (n, m).
        x_blocks: (n,) the block of each vector; None: no error is estimated.
        y_blocks: (m,) likewise.

    Returns:
        The estimate and its standard error; None for the latter where a set has less than two blocks, or leaving one
        out would leave less than two vectors.

    Raises:
        ValueError: A set has less than two vectors.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f'a distance of distributions takes two vectors or more a set, found {len(x)} and {len(y)}')
    x, y = x.astype(np.float64), y.astype(np.float64)
    parts = [np.unique(b, return_inverse=True)[1] if b is not None else np.zeros(len(v), int)
             for v, b in ((x, x_blocks), (y, y_blocks))]
    sizes = [np.bincount(part) for part in parts]
    within = [_block_sums(v, v, part, part, kernel) for v, part in zip((x, y), parts, strict=True)]
    for sums, v, part in zip(within, (x, y), parts, strict=True):
        own = np.array([kernel(row[None], row[None])[0, 0] for row in v])
        sums[np.diag_indices_from(sums)] -= np.bincount(part, own)
    across = _block_sums(x, y, *parts, kernel)

    def estimate(keep_x: np.ndarray, keep_y: np.ndarray) -> float:
        n, m = sizes[0][keep_x].sum(), sizes[1][keep_y].sum()
        return float(within[0][np.ix_(keep_x, keep_x)].sum() / (n * (n - 1))
                     + within[1][np.ix_(keep_y, keep_y)].sum() / (m * (m - 1))
                     - 2 * across[np.ix_(keep_x, keep_y)].sum() / (n * m))

    everything = [np.ones(len(size), bool) for size in sizes]
    value = estimate(*everything)
    if any(len(size) < 2 or size.sum() - size.max() < 2 for size in sizes):
        return value, None
    variance = 0.0
    for side, size in enumerate(sizes):
        left_out = []
        for block in range(len(size)):
            keep = [mask.copy() for mask in everything]
            keep[side][block] = False
            left_out.append(estimate(*keep))
        variance += (len(size) - 1) * np.var(left_out)
    return value, float(np.sqrt(variance))


def _block_sums(x: np.ndarray, y: np.ndarray, x_part: np.ndarray, y_part: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Sums (Bx, By) of the kernel over pairs of blocks; only one block's rows are in memory at a time."""
    blocks = y_part.max() + 1
    return np.stack([np.bincount(y_part, kernel(x[x_part == block], y).sum(0), blocks)
                     for block in range(x_part.max() + 1)])


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Frechet distance of the normal distributions fitted to two sets of vectors, (n, D) and (m, D).

    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
    It is biased upward, the more the fewer vectors there are: only sets of like size compare.

    Raises:
        ValueError: A set has less than two vectors.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f'a distance of distributions takes two vectors or more a set, found {len(x)} and {len(y)}')
    x, y = x.astype(np.float64), y.astype(np.float64)
    first, second = (np.atleast_2d(np.cov(v, rowvar=False)) for v in (x, y))
    # tr((AB)^1/2) by eigenvalues of the symmetric A^1/2 B A^1/2: no complex numbers, and singular matrices will do.
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(first) + np.trace(second) - 2 * overlap)
