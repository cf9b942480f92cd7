"""Shop fronts: pillars, glass with a lit room behind it, signs, awnings."""

import numpy as np

from .meshes import Builder, shift, turn

# Strokes of letters on a grid 2 wide and 4 high.
_STROKES: dict[str, list[tuple[float, float, float, float]]] = {
    'A': [(0, 0, 0, 3), (2, 0, 2, 3), (0, 3, 1, 4), (1, 4, 2, 3), (0, 2, 2, 2)],
    'B': [(0, 0, 0, 4), (0, 4, 2, 3.2), (2, 3.2, 0, 2.2), (0, 2.2, 2, 1), (2, 1, 0, 0)],
    'C': [(2, 4, 0, 4), (0, 4, 0, 0), (0, 0, 2, 0)],
    'E': [(0, 0, 0, 4), (0, 4, 2, 4), (0, 2, 1.6, 2), (0, 0, 2, 0)],
    'F': [(0, 0, 0, 4), (0, 4, 2, 4), (0, 2, 1.6, 2)],
    'H': [(0, 0, 0, 4), (2, 0, 2, 4), (0, 2, 2, 2)],
    'I': [(1, 0, 1, 4)],
    'K': [(0, 0, 0, 4), (0, 2, 2, 4), (0, 2, 2, 0)],
    'L': [(0, 0, 0, 4), (0, 0, 2, 0)],
    'M': [(0, 0, 0, 4), (0, 4, 1, 2), (1, 2, 2, 4), (2, 4, 2, 0)],
    'N': [(0, 0, 0, 4), (0, 4, 2, 0), (2, 0, 2, 4)],
    'O': [(0, 0, 0, 4), (0, 4, 2, 4), (2, 4, 2, 0), (2, 0, 0, 0)],
    'R': [(0, 0, 0, 4), (0, 4, 2, 4), (2, 4, 2, 2), (2, 2, 0, 2), (0.6, 2, 2, 0)],
    'S': [(2, 4, 0, 4), (0, 4, 0, 2), (0, 2, 2, 2), (2, 2, 2, 0), (2, 0, 0, 0)],
    'T': [(1, 0, 1, 4), (0, 4, 2, 4)],
    'W': [(0, 4, 0.5, 0), (0.5, 0, 1, 2.5), (1, 2.5, 1.5, 0), (1.5, 0, 2, 4)],
}
WORDS = ['BAKERS', 'BOOKS', 'CAFE', 'HATS', 'SHOES', 'TEA ROOM', 'FLOWERS', 'OTTO BROS', 'CORNER', 'HOME', 'WINE',
         'FISH BAR', 'LAMBERT', 'RECORDS', 'ATELIER', 'BIKES']


def write(b: Builder, text: str, x: float, y: float, z: float, height: float, material: str) -> None:
    """Raised letters, centred on x, from z upward, on a wall that faces -y."""
    unit = height / 4
    x -= (len(text) * 3 - 1) * unit / 2
    thick = 0.3 * unit
    for letter in text:
        for x0, z0, x1, z1 in _STROKES.get(letter, []):
            start, end = np.array([x + x0 * unit, z + z0 * unit]), np.array([x + x1 * unit, z + z1 * unit])
            along = (end - start) / np.linalg.norm(end - start) * thick
            side = np.array([-along[1], along[0]])
            flat = [start - along - side, end + along - side, end + along + side, start - along + side]
            rings = np.array([[(p[0], y - out, p[1]) for p in flat] for out in (0.0, 0.04)])
            b.loft(rings[:, ::1], material, smooth=False)
        x += 3 * unit


def shop_front(b: Builder, width: float, height: float, rng: np.random.Generator, trim: str) -> None:
    """The ground floor of a house as one to three shops, on y = 0 and facing -y."""
    count = max(1, round(width / rng.uniform(5, 8)))
    edges = np.linspace(0, width, count + 1)
    for x in edges:
        low, high = max(0, x - 0.3), min(width, x + 0.3)
        b.box((low, -0.06, 0), (high, 0.4, height), trim)
        b.box((low - 0.05, -0.12, 0), (high + 0.05, 0, 0.5), trim)
        b.box((low - 0.05, -0.12, height - 0.55), (high + 0.05, 0, height - 0.3), trim)
    for x0, x1 in zip(edges, edges[1:]):
        _shop(b, x0 + 0.25, x1 - 0.25, height, int(rng.integers(6)), rng)


def _shop(b: Builder, x0: float, x1: float, height: float, colour: int, rng: np.random.Generator) -> None:
    paint, top, y = f'shop_{colour}', height - 1.15, 0.3
    door = x0 + 0.3 if rng.random() < 0.5 else x1 - 1.4
    b.box((x0, 0.0, top), (x1, 0.4, height), paint)
    b.box((x0, -0.16, top + 0.12), (x1, 0.02, height - 0.2), paint)
    b.box((x0 - 0.04, -0.22, height - 0.2), (x1 + 0.04, 0.02, height - 0.12), paint)
    letters = 'shop_3' if colour == 5 else 'letters'
    write(b, str(rng.choice(WORDS)), (x0 + x1) / 2, -0.16, top + 0.27, 0.42, letters)
    parts = [(x0, door), (door + 1.1, x1)]
    for low, high in parts:
        if high - low < 0.3:
            continue
        b.box((low, y - 0.12, 0), (high, y + 0.05, 0.55), paint)
        panes = max(1, round((high - low) / 1.6))
        for i in range(panes):
            a, c = low + (high - low) * i / panes, low + (high - low) * (i + 1) / panes
            b.wall(a, c, 0.55, top, y, 'shop_glass')
            for x in (a, c - 0.07):
                b.box((x, y - 0.07, 0.55), (x + 0.07, y, top), paint)
        b.box((low, y - 0.07, 0.55), (high, y, 0.63), paint)
        b.box((low, y - 0.06, 2.55), (high, y, 2.61), paint)
    b.box((door, y - 0.04, 0), (door + 0.12, y + 0.04, 2.4), paint)
    b.box((door + 0.98, y - 0.04, 0), (door + 1.1, y + 0.04, 2.4), paint)
    b.box((door, y - 0.04, 2.3), (door + 1.1, y + 0.04, 2.42), paint)
    b.box((door, y - 0.04, 0), (door + 1.1, y + 0.04, 0.35), paint)
    b.wall(door, door + 1.1, 0.35, top, y, 'shop_glass')
    _room(b, x0, x1, y + 0.06, top, rng)
    if rng.random() < 0.55:
        _awning(b, x0 + 0.05, x1 - 0.05, top + 0.1, colour, rng)
    if rng.random() < 0.5:
        _hanging_sign(b, x1 - 0.25, height + 0.1, paint)


def _room(b: Builder, x0: float, x1: float, y: float, top: float, rng: np.random.Generator) -> None:
    back = y + 2.6
    b.wall(x0, x1, 0, top, back, 'interior')
    b.quad((x0, y, 0.02), (x1, y, 0.02), (x1, back, 0.02), (x0, back, 0.02), 'wood')
    b.quad((x0, back, top), (x1, back, top), (x1, y, top), (x0, y, top), 'interior')
    b.quad((x0, back, 0), (x0, back, top), (x0, y, top), (x0, y, 0), 'interior')
    b.quad((x1, y, 0), (x1, y, top), (x1, back, top), (x1, back, 0), 'interior')
    for x in np.arange(x0 + 0.8, x1 - 0.4, 1.5):
        b.ellipsoid((x, y + 1.2, top - 0.35), (0.13, 0.13, 0.13), 'bulb', 8, 6)
    kept = b.frame
    _shelves(b, x1 - x0, rng, kept @ shift(x0, back))
    _shelves(b, 1.9, rng, kept @ shift(x1, back) @ turn('z', -np.pi / 2))  # what a street sees of a room is its ends
    _shelves(b, 1.9, rng, kept @ shift(x0, back - 1.9) @ turn('z', np.pi / 2))
    b.frame = kept
    for x in np.arange(x0 + 0.4, x1 - 0.4, 0.55):  # the display behind the pane
        if rng.random() < 0.75:
            h = rng.uniform(0.15, 0.9)
            name = f'goods_{rng.integers(6)}'
            if rng.random() < 0.5:
                b.box((x, y + 0.2, 0.5), (x + rng.uniform(0.2, 0.45), y + 0.55, 0.55 + h), name)
            else:
                b.ellipsoid((x + 0.2, y + 0.4, 0.6 + h / 2), (0.16, 0.16, h / 2), name, 10, 7)
    b.box((x0 + 0.1, y + 0.1, 0), (x1 - 0.1, y + 0.7, 0.52), 'wood')


def _shelves(b: Builder, length: float, rng: np.random.Generator, where: np.ndarray) -> None:
    """Goods on shelves along x, against a wall at y = 0."""
    b.frame = where
    b.box((0.1, -0.5, 0), (length - 0.1, -0.02, 0.7), 'wood')
    for shelf in (0.7, 1.25, 1.8, 2.35):
        b.box((0.1, -0.42, shelf), (length - 0.1, -0.02, shelf + 0.05), 'wood')
        x = 0.15
        while x < length - 0.4:
            size = rng.uniform(0.1, 0.4)
            b.box((x, -0.38, shelf + 0.05), (x + size, -0.1, shelf + rng.uniform(0.2, 0.5)), f'goods_{rng.integers(6)}')
            x += size + rng.uniform(0.03, 0.25)


def _awning(b: Builder, x0: float, x1: float, z: float, colour: int, rng: np.random.Generator) -> None:
    reach, drop, stripes = rng.uniform(1.0, 1.5), rng.uniform(0.5, 0.8), rng.random() < 0.6
    count = max(2, int((x1 - x0) / 0.4))
    for i in range(count):
        a, c = x0 + (x1 - x0) * i / count, x0 + (x1 - x0) * (i + 1) / count
        name = 'goods_5' if stripes and i % 2 else f'shop_{colour}'
        sag = np.linspace(0, 1, 5)
        profile = [(-0.16 - reach * t, z - drop * t - 0.1 * np.sin(np.pi * t)) for t in sag]
        profile.append((profile[-1][0], profile[-1][1] - 0.2))
        points = np.array([(x, y, h) for y, h in profile for x in (a, c)])
        b.add(points, [(2 * k + 2, 2 * k + 3, 2 * k + 1, 2 * k) for k in range(5)], name)
    for x in (x0 + 0.05, x1 - 0.05):
        b.tube(np.array([(x, -0.1, z - drop - 0.15), (x, -0.1 - reach / 2, z - drop - 0.07),
                         (x, -0.16 - reach, z - drop)]), [0.02] * 3, 'iron', 5)


def _hanging_sign(b: Builder, x: float, z: float, paint: str) -> None:
    b.box((x - 0.025, -1.0, z + 0.75), (x + 0.025, 0, z + 0.8), 'iron')
    b.box((x - 0.05, -0.95, z), (x + 0.05, -0.3, z + 0.72), paint)
    b.box((x - 0.06, -0.88, z + 0.1), (x + 0.06, -0.37, z + 0.62), 'letters')
