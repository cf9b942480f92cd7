"""Houses with façades in relief: recessed windows, sills, cornices, balconies, shops, roofs."""

from dataclasses import dataclass

import numpy as np

from .meshes import Builder, shift, turn
from .shops import shop_front

GROUND = 4.3  # metres, height of the ground floor


@dataclass
class House:
    """What a façade is made of. Lengths in metres."""

    width: float
    floors: int
    storey: float
    wall: str  # material; takes the object's colour
    trim: str
    sash: str
    bay: float  # least width of a bay
    window: tuple[float, float]
    surround: str  # 'none', 'band', 'pediment' or 'lintel'
    panes: tuple[int, int]
    roof: str  # 'parapet', 'mansard' or 'pitched'
    balcony: str  # 'none', 'some' or 'rows'
    shops: bool
    depth: float = 12.0

    @property
    def eaves(self) -> float:
        return GROUND + self.floors * self.storey


PLASTERS = [(0.60, 0.46, 0.27), (0.55, 0.50, 0.42), (0.50, 0.30, 0.21), (0.62, 0.58, 0.50), (0.36, 0.42, 0.44),
            (0.58, 0.39, 0.33), (0.47, 0.49, 0.38), (0.66, 0.60, 0.47)]
BRICKS = [(0.30, 0.095, 0.06), (0.24, 0.10, 0.075), (0.37, 0.17, 0.09), (0.42, 0.30, 0.18)]
STONES = [(0.52, 0.47, 0.37), (0.46, 0.43, 0.38), (0.58, 0.52, 0.41)]


def draw_house(rng: np.random.Generator, width: float) -> tuple[House, tuple[float, float, float]]:
    """A house at random and the colour of its walls."""
    wall = rng.choice(['plaster', 'brick', 'stone'], p=[0.42, 0.33, 0.25])
    colours = {'plaster': PLASTERS, 'brick': BRICKS, 'stone': STONES}[wall]
    colour = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.88, 1.08, 3)
    house = House(
        width=width, floors=int(rng.integers(2, 5)), storey=rng.uniform(3.1, 3.6), wall=str(wall),
        trim='trim_tint' if wall == 'stone' else 'trim', sash=str(rng.choice(['sash_white', 'sash_dark', 'sash_green'],
                                                                           p=[0.6, 0.25, 0.15])),
        bay=rng.uniform(2.3, 3.1), window=(rng.uniform(1.05, 1.35), rng.uniform(1.75, 2.15)),
        surround=str(rng.choice({'plaster': ['band', 'pediment', 'none'], 'brick': ['lintel', 'band', 'lintel'],
                                 'stone': ['band', 'pediment', 'lintel']}[str(wall)])),
        panes=[(2, 2), (2, 3), (1, 2), (2, 4)][rng.integers(4)],
        roof=str(rng.choice(['parapet', 'mansard', 'pitched'], p=[0.35, 0.4, 0.25])),
        balcony=str(rng.choice(['none', 'some', 'rows'], p=[0.45, 0.35, 0.2])), shops=bool(rng.random() < 0.72))
    return house, tuple(colour)


def build_house(house: House, rng: np.random.Generator, both_ends: bool = False) -> Builder:
    """The house: its front lies on y = 0 and faces -y, x from 0 to its width, the ground at z = 0.

    With ``both_ends``, its ends have façades too, as on a corner.
    """
    b = Builder()
    _facade(b, house, house.width, rng, house.shops)
    for end in (0, 1):
        b.frame = (shift(house.width) @ turn('z', np.pi / 2)) if end else shift(0, house.depth) @ turn('z', -np.pi / 2)
        if both_ends:
            _facade(b, house, house.depth, rng, False)
        else:
            b.wall(0, house.depth, 0, house.eaves, 0, house.wall)
        b.frame = np.eye(4)
    b.quad((house.width, house.depth, 0), (0, house.depth, 0), (0, house.depth, house.eaves),
           (house.width, house.depth, house.eaves), house.wall)
    {'parapet': _parapet, 'mansard': _mansard, 'pitched': _pitched}[house.roof](b, house, rng)
    for _ in range(rng.integers(1, 4)):
        _chimney(b, house, rng)
    return b


def _facade(b: Builder, house: House, width: float, rng: np.random.Generator, shops: bool) -> None:
    count = max(2, int(width / house.bay))
    edges = np.linspace(0, width, count + 1)
    if shops:
        shop_front(b, width, GROUND, rng, house.trim)
    else:
        _ground_floor(b, house, edges, rng)
    style = rng.random(4)
    for floor in range(house.floors):
        z = GROUND + floor * house.storey
        tall = house.balcony != 'none' and (floor == 0 or house.balcony == 'rows')
        for i, (x0, x1) in enumerate(zip(edges, edges[1:])):
            middle, half = (x0 + x1) / 2, house.window[0] / 2
            sill = z + (0.12 if tall else 0.95)
            top = min(z + house.storey - 0.45, z + 0.95 + house.window[1])
            hole = (middle - half, middle + half, sill, top)
            _pierce(b, (x0, x1, z, z + house.storey), hole, house.wall)
            _window(b, hole, house, rng, 'none' if floor == house.floors - 1 and style[0] < 0.5 else house.surround)
            if tall and (house.balcony == 'rows' or i % 2 == 0):
                _balcony(b, middle - half - 0.35, middle + half + 0.35, z, house.trim)
        if floor and style[1] < 0.6:
            b.box((0, -0.09, z - 0.14), (width, 0.02, z + 0.08), house.trim)
    _cornice(b, width, GROUND - 0.12, 0.5, house.trim)
    _cornice(b, width, house.eaves - 0.15, 1.0, house.trim)
    if style[2] < 0.7:
        for x in np.arange(0.25, width - 0.2, 0.62):
            b.box((x, -0.26, house.eaves - 0.42), (x + 0.2, 0, house.eaves - 0.13), house.trim)
    if style[3] < 0.5:
        _quoins(b, width, house)
    x = 0.18 if rng.random() < 0.5 else width - 0.18
    b.tube(np.array([(x, -0.1, 0.1), (x, -0.1, house.eaves / 2), (x, -0.1, house.eaves - 0.2)]), [0.055] * 3, 'pipe', 6)


def _pierce(b: Builder, cell: tuple[float, ...], hole: tuple[float, ...], material: str) -> None:
    """A wall from x0 to x1 and z0 to z1 that leaves a hole."""
    (x0, x1, z0, z1), (a0, a1, c0, c1) = cell, hole
    b.wall(x0, a0, z0, z1, 0, material)
    b.wall(a1, x1, z0, z1, 0, material)
    b.wall(a0, a1, z0, c0, 0, material)
    b.wall(a0, a1, c1, z1, 0, material)


def reveal(b: Builder, hole: tuple[float, ...], depth: float, material: str) -> None:
    """The four sides of a hole in the wall."""
    x0, x1, z0, z1 = hole
    b.quad((x0, 0, z0), (x0, depth, z0), (x0, depth, z1), (x0, 0, z1), material)
    b.quad((x1, depth, z0), (x1, 0, z0), (x1, 0, z1), (x1, depth, z1), material)
    b.quad((x0, depth, z1), (x1, depth, z1), (x1, 0, z1), (x0, 0, z1), material)
    b.quad((x0, 0, z0), (x1, 0, z0), (x1, depth, z0), (x0, depth, z0), material)


def frame(b: Builder, hole: tuple[float, ...], y: float, thick: float, material: str, panes: tuple[int, int]) -> None:
    """A window's frame and glazing bars, in front of a pane at y."""
    x0, x1, z0, z1 = hole
    for low, high in (((x0, z0), (x0 + thick, z1)), ((x1 - thick, z0), (x1, z1)), ((x0, z0), (x1, z0 + thick)),
                      ((x0, z1 - thick), (x1, z1))):
        b.box((low[0], y - 0.06, low[1]), (high[0], y, high[1]), material)
    for i in range(1, panes[0]):
        x = x0 + (x1 - x0) * i / panes[0]
        b.box((x - 0.035, y - 0.055, z0), (x + 0.035, y, z1), material)
    for i in range(1, panes[1]):
        z = z0 + (z1 - z0) * i / panes[1]
        b.box((x0, y - 0.045, z - 0.022), (x1, y, z + 0.022), material)


def _window(b: Builder, hole: tuple[float, ...], house: House, rng: np.random.Generator, surround: str) -> None:
    x0, x1, z0, z1 = hole
    reveal(b, hole, 0.24, house.wall)
    pane = str(rng.choice(['pane_dark', 'pane_dim', 'pane_blue', 'pane_curtain'], p=[0.4, 0.2, 0.15, 0.25]))
    drawn = rng.random()
    if pane != 'pane_curtain' and drawn < 0.35:  # a blind, part of the way down
        z = z1 - (z1 - z0) * rng.uniform(0.2, 0.6)
        b.wall(x0, x1, z, z1, 0.2, 'pane_curtain')
        b.wall(x0, x1, z0, z, 0.2, pane)
    else:
        b.wall(x0, x1, z0, z1, 0.2, pane)
    frame(b, hole, 0.2, 0.075, house.sash, house.panes)
    b.box((x0 - 0.1, -0.13, z0 - 0.09), (x1 + 0.1, 0.14, z0), house.trim)
    if surround in ('band', 'pediment'):
        b.box((x0 - 0.17, -0.05, z0), (x0, 0.03, z1), house.trim)
        b.box((x1, -0.05, z0), (x1 + 0.17, 0.03, z1), house.trim)
        b.box((x0 - 0.17, -0.07, z1), (x1 + 0.17, 0.03, z1 + 0.2), house.trim)
    if surround == 'pediment':
        b.box((x0 - 0.28, -0.2, z1 + 0.2), (x1 + 0.28, 0.02, z1 + 0.3), house.trim)
        middle, top = (x0 + x1) / 2, z1 + 0.3
        b.loft(np.array([[(x1 + 0.26, y, top), (middle, y, top + 0.3), (x0 - 0.26, y, top)] for y in (0.02, -0.16)]),
               house.trim, smooth=False)
    if surround == 'lintel':
        b.box((x0 - 0.14, -0.04, z1), (x1 + 0.14, 0.03, z1 + 0.26), house.trim)
        b.box(((x0 + x1) / 2 - 0.1, -0.09, z1 - 0.02), ((x0 + x1) / 2 + 0.1, 0.03, z1 + 0.32), house.trim)


def _balcony(b: Builder, x0: float, x1: float, z: float, trim: str) -> None:
    reach = -0.75
    b.box((x0, reach, z - 0.16), (x1, 0, z), trim)
    for x in (x0 + 0.15, x1 - 0.3):
        b.box((x, reach + 0.25, z - 0.42), (x + 0.15, 0, z - 0.16), trim)
    for rail in (0.08, 0.98):
        b.box((x0, reach, z + rail), (x1, reach + 0.045, z + rail + 0.045), 'iron')
        for x in (x0, x1 - 0.045):
            b.box((x, reach, z + rail), (x + 0.045, 0, z + rail + 0.045), 'iron')
    for x in np.arange(x0 + 0.02, x1, 0.13):
        b.box((x, reach + 0.012, z), (x + 0.02, reach + 0.032, z + 1), 'iron')
    for y in np.arange(reach + 0.13, 0, 0.13):
        for x in (x0 + 0.012, x1 - 0.032):
            b.box((x, y, z), (x + 0.02, y + 0.02, z + 1), 'iron')


def _cornice(b: Builder, width: float, z: float, scale: float, material: str) -> None:
    """A moulding: steps that reach out further the higher they are."""
    profile = scale * np.array([(0.04, 0), (0.10, 0.06), (0.12, 0.14), (0.22, 0.2), (0.34, 0.27), (0.36, 0.36),
                                (0.40, 0.38), (0.40, 0.44), (0.0, 0.5), (0.0, 0.0)])
    rings = np.array([[(x, -out, z + up) for out, up in profile] for x in (0.0, width)])
    b.loft(rings, material, smooth=False)


def _quoins(b: Builder, width: float, house: House) -> None:
    for i, z in enumerate(np.arange(GROUND + 0.3, house.eaves - 0.5, 0.46)):
        reach = 0.62 if i % 2 else 0.42
        b.box((-0.03, -0.05, z), (reach, 0.02, z + 0.42), house.trim)
        b.box((width - reach, -0.05, z), (width + 0.03, 0.02, z + 0.42), house.trim)


def _ground_floor(b: Builder, house: House, edges: np.ndarray, rng: np.random.Generator) -> None:
    door = int(rng.integers(len(edges) - 1))
    for i, (x0, x1) in enumerate(zip(edges, edges[1:])):
        middle, half = (x0 + x1) / 2, house.window[0] / 2
        hole = (middle - 0.65, middle + 0.65, 0.16, 3.2) if i == door else (middle - half, middle + half, 1.25, 3.3)
        _pierce(b, (x0, x1, 0, GROUND), hole, house.wall)
        if i != door:
            _window(b, hole, house, rng, house.surround)
            continue
        reveal(b, hole, 0.3, house.trim)
        b.wall(hole[0], hole[1], 0.16, 2.45, 0.3, 'wood')
        b.wall(hole[0], hole[1], 2.45, 3.2, 0.3, 'pane_dark')
        frame(b, (hole[0], hole[1], 0.16, 2.5), 0.3, 0.1, 'wood', (2, 1))
        for x in (-0.5, 0.1):
            for low, high in ((0.35, 1.05), (1.2, 2.25)):
                b.box((middle + x, 0.26, low), (middle + x + 0.4, 0.3, high), 'wood')
        b.box((hole[0] - 0.3, -0.32, 0), (hole[1] + 0.3, 0.1, 0.16), 'trim')
        b.box((hole[0] - 0.25, -0.1, 0.16), (hole[0], 0.05, 3.2), house.trim)
        b.box((hole[1], -0.1, 0.16), (hole[1] + 0.25, 0.05, 3.2), house.trim)
        b.box((hole[0] - 0.4, -0.35, 3.2), (hole[1] + 0.4, 0.05, 3.45), house.trim)
    if not house.shops:
        b.box((0, -0.07, 0.16), (edges[-1], 0.0, 0.75), house.trim)  # plinth


def _parapet(b: Builder, house: House, rng: np.random.Generator) -> None:
    z, w, d = house.eaves, house.width, house.depth
    b.box((0, 0, z), (w, 0.35, z + 1.0), house.wall)
    b.box((-0.05, -0.08, z + 1.0), (w + 0.05, 0.43, z + 1.14), house.trim)
    for x in (0, w - 0.35):
        b.box((x, 0.35, z), (x + 0.35, d, z + 1.0), house.wall)
    b.quad((0, 0, z + 0.1), (w, 0, z + 0.1), (w, d, z + 0.1), (0, d, z + 0.1), 'gravel')
    x = rng.uniform(1.5, w - 4)
    b.box((x, 4, z), (x + 2.5, 7, z + 2.4), house.wall)


def _mansard(b: Builder, house: House, rng: np.random.Generator) -> None:
    z, w, d, up, back = house.eaves + 0.3, house.width, house.depth, 2.9, 1.0
    b.quad((0, 0.1, z), (w, 0.1, z), (w, back, z + up), (0, back, z + up), 'slate')
    b.box((0, back - 0.1, z + up - 0.06), (w, back + 0.12, z + up + 0.1), 'pipe')
    b.quad((0, back, z + up), (w, back, z + up), (w, d, z + up + 0.8), (0, d, z + up + 0.8), 'pipe')
    b.wall(0, w, z - 0.3, z, 0.1, house.trim)
    for x, material in ((0.0, house.wall), (w - 0.3, house.wall)):  # fire walls
        b.box((x, 0.3, z), (x + 0.3, d, z + up + 0.5), material)
    count = max(2, int(w / house.bay))
    for i in range(count):
        _dormer(b, w * (i + 0.5) / count, z + 0.45, house, rng)


def _dormer(b: Builder, x: float, z: float, house: House, rng: np.random.Generator) -> None:
    b.box((x - 0.75, 0.18, z), (x - 0.5, 1.2, z + 1.7), house.trim)
    b.box((x + 0.5, 0.18, z), (x + 0.75, 1.2, z + 1.7), house.trim)
    b.box((x - 0.75, 0.18, z - 0.2), (x + 0.75, 1.2, z + 0.05), house.trim)
    pane = str(rng.choice(['pane_dark', 'pane_dim', 'pane_curtain']))
    b.wall(x - 0.5, x + 0.5, z, z + 1.5, 0.32, pane)
    frame(b, (x - 0.5, x + 0.5, z, z + 1.5), 0.32, 0.07, house.sash, (2, 2))
    angle = np.linspace(0, np.pi, 9)
    arc = np.stack([0.85 * np.cos(angle), 0.42 * np.sin(angle)], -1)
    rings = np.array([[(x + u, y, z + 1.5 + v) for u, v in arc] for y in (1.5, 0.05)])
    b.loft(rings, 'slate' if house.trim == 'trim_tint' else 'pipe', smooth=False)


def _pitched(b: Builder, house: House, rng: np.random.Generator) -> None:
    z, w, d, up = house.eaves + 0.3, house.width, house.depth, 4.2
    cover = 'tiles' if rng.random() < 0.7 else 'slate'
    b.quad((-0.1, -0.5, z), (w + 0.1, -0.5, z), (w + 0.1, d / 2, z + up), (-0.1, d / 2, z + up), cover)
    b.quad((w + 0.1, d + 0.5, z), (-0.1, d + 0.5, z), (-0.1, d / 2, z + up), (w + 0.1, d / 2, z + up), cover)
    b.box((-0.1, -0.6, z - 0.1), (w + 0.1, -0.45, z + 0.04), 'pipe')  # gutter
    b.wall(0, w, z - 0.35, z + 0.2, -0.02, house.trim)
    for x, order in ((0.0, (0, 2, 1)), (w, (0, 1, 2))):
        b.add(np.array([(x, 0, z - 0.3), (x, d, z - 0.3), (x, d / 2, z + up - 0.2)]), [order], house.wall)
    b.tube(np.array([(-0.1, d / 2, z + up), (w / 2, d / 2, z + up), (w + 0.1, d / 2, z + up)]), [0.14] * 3, cover, 6)


def _chimney(b: Builder, house: House, rng: np.random.Generator) -> None:
    x, y = rng.uniform(0.2, house.width - 1.4), rng.uniform(2.5, 5.0)
    z = house.eaves + {'parapet': 0.2, 'mansard': 3.0, 'pitched': 1.2}[house.roof]
    top = z + {'parapet': 1.8, 'mansard': 1.6, 'pitched': 4.2}[house.roof]
    b.box((x, y, z - 1), (x + 1.2, y + 0.6, top), 'trim' if house.wall == 'stone' else house.wall)
    b.box((x - 0.06, y - 0.06, top), (x + 1.26, y + 0.66, top + 0.12), house.trim)
    for i in range(3):
        b.frame = shift(x + 0.25 + 0.35 * i, y + 0.3, top + 0.12)
        b.lathe([(0.11, 0), (0.09, 0.3), (0.13, 0.42)], 'tiles', 8)
    b.frame = np.eye(4)
