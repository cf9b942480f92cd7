"""What stands on the pavement: lamps, signs, signals, bins, benches, bollards, planters."""

import numpy as np

from .meshes import Builder, shift, turn
from .trees import scatter_leaves


def lamp() -> Builder:
    """A street lamp, its arm over -y."""
    b = Builder()
    b.lathe([(0.15, 0), (0.15, 0.25), (0.1, 0.4), (0.09, 1.0), (0.075, 1.05), (0.06, 6.2)], 'iron', 12)
    angle = np.linspace(0, np.pi / 2, 7)
    arm = np.stack([0 * angle, -1.3 * (1 - np.cos(angle)), 6.1 + 0.9 * np.sin(angle)], -1)
    b.tube(np.concatenate([arm, [[0, -1.9, 7.02]]]), [0.055, 0.05, 0.045, 0.04, 0.04, 0.04, 0.04, 0.035], 'iron')
    b.ellipsoid((0, -1.95, 6.97), (0.16, 0.38, 0.09), 'iron')
    b.ellipsoid((0, -1.95, 6.92), (0.12, 0.3, 0.07), 'sign_white')
    return b


def post(height: float = 2.7) -> Builder:
    """The post of a sign."""
    b = Builder()
    b.lathe([(0.03, 0), (0.03, height)], 'steel', 8)
    return b


def _disc(b: Builder, radius: float, z: float, x: float, material: str, sides: int = 28) -> None:
    b.frame = shift(x, 0, z) @ turn('y', -np.pi / 2) @ turn('z', np.pi / sides)
    b.lathe([(radius, 0.0), (radius, 0.012)], material, sides, smooth=False)
    b.frame = np.eye(4)


def sign(kind: str) -> Builder:
    """The plate of a sign, seen from -x; its post stands at the origin."""
    b = Builder()
    if kind == 'parking':
        b.box((-0.05, -0.26, 2.1), (-0.035, 0.26, 2.65), 'sign_blue')
        for low, high in (((-0.1, 2.2), (-0.02, 2.56)), ((-0.1, 2.49), (0.1, 2.56)), ((-0.1, 2.34), (0.1, 2.41)),
                          ((0.04, 2.36), (0.12, 2.55))):
            b.box((-0.056, -high[0], low[1]), (-0.05, -low[0], high[1]), 'sign_white')
    elif kind == 'no_entry':
        _disc(b, 0.32, 2.35, -0.035, 'sign_red')
        b.box((-0.054, -0.24, 2.29), (-0.047, 0.24, 2.41), 'sign_white')
    elif kind == 'limit':
        _disc(b, 0.32, 2.35, -0.035, 'sign_red')
        _disc(b, 0.25, 2.35, -0.042, 'sign_white')
        for y in (-0.09, 0.09):
            b.box((-0.062, y - 0.055, 2.26), (-0.054, y + 0.055, 2.44), 'shop_3')
            b.box((-0.064, y - 0.025, 2.29), (-0.06, y + 0.025, 2.41), 'sign_white')
    else:  # a warning triangle
        for radius, x, name in ((0.42, -0.035, 'sign_red'), (0.31, -0.043, 'sign_white')):
            b.frame = shift(x, 0, 2.35) @ turn('y', -np.pi / 2)
            b.lathe([(radius, 0.0), (radius, 0.012)], name, 3, smooth=False)
            b.frame = np.eye(4)
        b.box((-0.064, -0.03, 2.26), (-0.055, 0.03, 2.46), 'shop_3')
    return b


def signal_post() -> Builder:
    b = Builder()
    b.lathe([(0.09, 0), (0.09, 0.3), (0.055, 0.35), (0.05, 3.4)], 'iron', 10)
    return b


def signal() -> Builder:
    """The head of a traffic light, seen from -x."""
    b = Builder()
    b.box((-0.22, -0.16, 2.5), (-0.04, 0.16, 3.4), 'plastic')
    for z, name in ((3.22, 'signal_red'), (2.95, 'signal_amber'), (2.68, 'signal_green')):
        b.ellipsoid((-0.22, 0, z), (0.03, 0.1, 0.1), name)
        hood = np.linspace(0, np.pi, 9)
        rings = np.array([[(x, 0.12 * np.cos(a), z + 0.12 * np.sin(a)) for a in hood] for x in (-0.2, -0.38)])
        points = rings.reshape(-1, 3)
        b.add(points, [(k, k + 1, k + 10, k + 9) for k in range(8)], 'plastic', smooth=True)
    return b


def bin_() -> Builder:
    b = Builder()
    b.lathe([(0.22, 0.08), (0.25, 0.1), (0.27, 0.75), (0.29, 0.78), (0.29, 0.84), (0.24, 0.9), (0.1, 0.98)],
            'sash_green', 18)
    b.lathe([(0.12, 0), (0.12, 0.1)], 'iron', 10)
    return b


def bench() -> Builder:
    """A bench along x that is sat on facing -y."""
    b = Builder()
    for i in range(4):
        b.box((-0.8, -0.22 + 0.12 * i, 0.43), (0.8, -0.13 + 0.12 * i, 0.46), 'wood')
    for i in range(3):
        b.box((-0.8, 0.25 + 0.03 * i, 0.56 + 0.13 * i), (0.8, 0.28 + 0.03 * i, 0.65 + 0.13 * i), 'wood')
    for x in (-0.65, 0.65):
        b.box((x - 0.03, -0.22, 0), (x + 0.03, -0.17, 0.43), 'iron')
        b.box((x - 0.03, 0.2, 0), (x + 0.03, 0.26, 0.43), 'iron')
        b.box((x - 0.03, -0.22, 0.39), (x + 0.03, 0.26, 0.43), 'iron')
        b.box((x - 0.03, 0.24, 0.43), (x + 0.03, 0.3, 0.92), 'iron')
    return b


def bollard() -> Builder:
    b = Builder()
    b.lathe([(0.09, 0), (0.09, 0.12), (0.06, 0.18), (0.055, 0.75), (0.075, 0.78), (0.075, 0.84), (0.05, 0.92),
             (0.01, 0.95)], 'iron', 12)
    return b


def planter(rng: np.random.Generator) -> tuple[Builder, Builder]:
    """(trough, hedge) along x."""
    b = Builder()
    b.box((-0.7, -0.22, 0), (0.7, 0.22, 0.5), 'shop_3')
    points = rng.uniform((-0.72, -0.28, 0.48), (0.72, 0.28, 1.05), (900, 3))
    return b, scatter_leaves(points, 0.085, 'leaf_hedge', rng)
