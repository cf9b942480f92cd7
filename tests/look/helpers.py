import numpy as np

from photoreal.look import Look


def warm(colours):
    """A look with contrast and a cast, which clips nothing: (n, 3) -> (n, 3)."""
    smooth = colours * colours * (3 - 2 * colours)
    return np.array([0.03, 0.02, 0.05]) + np.array([0.94, 0.9, 0.82]) * (0.5 * colours + 0.5 * smooth)


def warm_look(size=33):
    return Look.from_function(warm, size, 'warm')


def colours(count=2000, seed=0):
    """Random frames (1, count, 3) uint8 with the corners of the cube among them."""
    frame = np.random.default_rng(seed).integers(0, 256, (1, count, 3), dtype=np.uint8)
    corners = np.stack(np.meshgrid(*[[0, 255]] * 3, indexing='ij'), -1).reshape(8, 3)
    frame[0, :8] = corners
    return frame
