"""A street by its seed: ground, houses, trees, cars, people, and where all of it is in each frame."""

from collections.abc import Callable
from dataclasses import dataclass, field

import bpy
import numpy as np

from . import furniture
from .buildings import build_house, draw_house
from .cars import COLOURS, SHAPES, Garage
from .ground import Plan, build_ground
from .meshes import Builder, place, pose, shift, turn
from .palette import make_palette, make_sky
from .passes import NO_LABEL, STRIDE
from .people import PARTS, build_parts, make_person
from .route import Route, camera_pose
from .trees import LIME, PLANE, grow

BUILDING, POLE, LIGHT, SIGN, VEGETATION, TERRAIN, PERSON, CAR, TRUCK = 2, 5, 6, 7, 8, 9, 11, 13, 14  # trainIds
FPS = 25
Poses = list[tuple[bpy.types.Object, np.ndarray]]


@dataclass
class Layout:
    """What differs between seeds. Lengths in metres, angles in radians, speeds in metres a second."""

    bends: list[tuple[float, float, float]]
    crossing: float  # where along the street another one crosses
    start: float  # of the camera
    speed: float
    sun: tuple[float, float, float]  # elevation, azimuth to the left of the street, share of clouds
    tree: str
    tree_gap: float
    ahead: float  # distance to the car in front


LAYOUTS = [
    Layout([(70, 0.10, 80), (190, -0.55, 140)], 78, 14, 9.0, (0.95, 2.62, 0.45), 'plane', 13.5, 17.0),
    Layout([(50, -0.12, 60), (150, 0.6, 130)], 64, 10, 8.0, (0.86, -0.5, 0.3), 'lime', 11.0, 23.0),
]


@dataclass
class Street:
    """The built scene. ``moving`` gives the parts of each thing that moves, by the time in seconds."""

    route: Route
    layout: Layout
    lane: float
    moving: list[Callable[[float], Poses]] = field(default_factory=list)

    def camera(self, frame: int) -> np.ndarray:
        """(4, 4) pose of the camera, which follows its lane, not quite steadily."""
        t = frame / FPS
        s, sway = self.layout.start + self.layout.speed * t, 0.12 * np.sin(0.9 * t)
        where = self.route.frame(s, self.lane / 2 + sway, 1.3 + 0.006 * np.sin(11 * t) + 0.004 * np.sin(17.3 * t))
        return camera_pose(where, 0.012 * np.sin(0.9 * t + 1.2), 0.018 + 0.0022 * np.sin(9.1 * t))

    def poses(self, frame: int) -> Poses:
        """Where everything that moves is."""
        return [part for parts in self.moving for part in parts(frame / FPS)]


def build(seed: int) -> Street:
    """Build the street into the empty scene of bpy."""
    rng = np.random.default_rng([2026, seed])
    layout = LAYOUTS[seed % len(LAYOUTS)]
    plan = Plan(lane=3.3, parking=2.1, pavement=3.9, crossing=layout.crossing)
    route = Route(layout.bends, -60, 420)
    street = Street(route, layout, plan.lane)
    palette = make_palette(plan.half, plan.lane)
    elevation, azimuth, cover = layout.sun
    make_sky(elevation, np.pi / 2 + azimuth, cover)
    build_ground(route, plan, palette, rng)
    _houses(route, plan, palette, rng)
    _trees(route, plan, layout, palette, rng)
    _furniture(route, plan, palette, rng)
    numbers = _Numbers()
    _cars(street, plan, palette, numbers, rng)
    _people(street, plan, palette, numbers, rng)
    for thing, where in street.poses(0):
        pose(thing, where)
    return street


class _Numbers:
    """Hands out numbers to what moves."""

    def __init__(self) -> None:
        self.last = 0

    def take(self, count: int) -> int:
        first = self.last + 1
        self.last += count
        return first


def _houses(route: Route, plan: Plan, palette: dict[str, bpy.types.Material], rng: np.random.Generator) -> None:
    gap = plan.cross_line
    for side in (-1, 1):
        s = -40.0
        while s < 380:
            width = rng.uniform(9, 18)
            if s < plan.crossing < s + width + gap + 5:
                width = plan.crossing - gap - s
            if width < 5:
                s = plan.crossing + gap
                continue
            after = route.advance(s, side * plan.line, width)
            ends = abs(after - (plan.crossing - gap)) < 1 or abs(s - (plan.crossing + gap)) < 1
            _house(route.frame(after if side > 0 else s, side * plan.line) @ turn('z', np.pi * (side > 0)), width, ends,
                   palette, rng)
            s = after
        for end in (-1, 1):  # the street that crosses
            out = plan.line + 12.0
            while out < 85:
                width = rng.uniform(10, 16)
                where = route.frame(plan.crossing) @ shift(end * plan.cross_line, -side * out)
                turned = where @ turn('z', -np.pi / 2 * end)
                _house(turned @ shift(-width if side * end < 0 else 0.0), width, False, palette, rng)
                out += width
        closing = route.frame(plan.crossing) @ shift(0, -side * 92) @ turn('z', 0 if side < 0 else np.pi)
        _house(closing @ shift(-12), 24.0, False, palette, rng)
    _house(route.frame(385, 0) @ turn('z', -np.pi / 2) @ shift(-15), 30.0, False, palette, rng)


def _house(where: np.ndarray, width: float, ends: bool, palette: dict[str, bpy.types.Material],
           rng: np.random.Generator) -> None:
    house, colour = draw_house(rng, width)
    place(build_house(house, rng, ends).mesh('house', palette), BUILDING, where, colour)


def _beside(route: Route, s: float, right: float, z: float) -> np.ndarray:
    """A pose on one of the pavements whose -y points to the road."""
    return route.frame(s, right, z) @ turn('z', np.pi * (right > 0))


def _trees(route: Route, plan: Plan, layout: Layout, palette: dict[str, bpy.types.Material],
           rng: np.random.Generator) -> None:
    species = {'plane': PLANE, 'lime': LIME}[layout.tree]
    kinds = [[part.mesh('tree', palette) for part in grow(species, rng)] for _ in range(4)]
    pit = Builder()
    pit.box((-0.6, -0.6, -0.05), (0.6, 0.6, 0.012), 'earth')
    earth = pit.mesh('earth', palette)
    for side in (-1, 1):
        for s in np.arange(-31 + 3 * side, 330, layout.tree_gap):
            if abs(s - plan.crossing) < plan.cross_line + 3 or rng.random() < 0.08:
                continue
            spot = route.frame(s + rng.uniform(-0.5, 0.5), side * (plan.half + 1.0), plan.kerb)
            place(earth, TERRAIN, spot)
            size = rng.uniform(0.85, 1.12)
            standing = spot @ turn('z', rng.uniform(0, 6.3)) @ np.diag([size, size, size, 1])
            for mesh in kinds[rng.integers(len(kinds))]:
                place(mesh, VEGETATION, standing)


def _furniture(route: Route, plan: Plan, palette: dict[str, bpy.types.Material], rng: np.random.Generator) -> None:
    near = plan.half + 0.55
    meshes = {name: make().mesh(name, palette) for name, make in (
        ('lamp', furniture.lamp), ('post', furniture.post), ('bin', furniture.bin_), ('bench', furniture.bench),
        ('bollard', furniture.bollard), ('signal', furniture.signal), ('signal_post', furniture.signal_post))}
    signs = {kind: furniture.sign(kind).mesh(kind, palette) for kind in ('parking', 'no_entry', 'limit', 'warning')}
    trough, hedge = (part.mesh('planter', palette) for part in furniture.planter(rng))

    def free(s: float) -> bool:
        return abs(s - plan.crossing) > plan.cross_line + 1

    for side in (-1, 1):
        for s in np.arange(5 + 9 * side, 330, 26):
            if free(s):
                place(meshes['lamp'], POLE, _beside(route, s, side * near, plan.kerb))
        for s in np.arange(0, 320, 17):
            at = s + rng.uniform(0, 8)
            if not free(at):
                continue
            what = rng.choice(['sign', 'bin', 'bench', 'bollards', 'planter', 'nothing'],
                              p=[0.27, 0.16, 0.14, 0.18, 0.15, 0.1])
            if what == 'sign':
                spot = route.frame(at, side * near, plan.kerb) @ turn('z', np.pi * (side < 0))
                place(meshes['post'], POLE, spot)
                place(signs[str(rng.choice(list(signs)))], SIGN, spot)
            elif what in ('bin', 'bench'):
                spot = _beside(route, at, side * (near + 0.2), plan.kerb) @ turn('z', np.pi)
                place(meshes[str(what)], NO_LABEL, spot)
            elif what == 'bollards':
                for i in range(5):
                    place(meshes['bollard'], POLE, route.frame(at + 1.5 * i, side * (near - 0.15), plan.kerb))
            elif what == 'planter':
                for i in range(2):
                    spot = route.frame(at + 2.2 * i, side * (plan.line - 1.0), plan.kerb)
                    place(trough, NO_LABEL, spot)
                    place(hedge, VEGETATION, spot)
        for end in (-1, 1):
            spot = route.frame(plan.crossing + end * (plan.cross_half + 1.2), side * near, plan.kerb)
            spot = spot @ turn('z', 0 if side > 0 else np.pi)
            place(meshes['signal_post'], POLE, spot)
            place(meshes['signal'], LIGHT, spot)


def _cars(street: Street, plan: Plan, palette: dict[str, bpy.types.Material], numbers: _Numbers,
          rng: np.random.Generator) -> None:
    garage, route, layout = Garage(palette), street.route, street.layout
    kinds, shares = ['sedan', 'hatch', 'suv', 'van'], [0.32, 0.34, 0.24, 0.1]

    def colour() -> tuple[float, ...]:
        return COLOURS[rng.integers(len(COLOURS))]

    for side in (-1, 1):
        s = -25.0
        while s < 300:
            kind = str(rng.choice(kinds, p=shares))
            length = SHAPES[kind].length
            if abs(s - plan.crossing) > plan.cross_line + 6 and rng.random() < (0.52 if side > 0 else 0.7):
                car = garage.make(kind, colour(), TRUCK if kind == 'van' else CAR)
                spot = route.frame(s, side * (plan.half - 1.02 + rng.uniform(-0.08, 0.08)), 0.0)
                car.park(spot @ turn('z', np.pi * (side < 0) + rng.uniform(-0.015, 0.015)))
            s += length + rng.uniform(0.8, 1.8)

    def drive(kind: str, start: float, speed: float, right: float, tint: tuple[float, ...]) -> None:
        number = numbers.take(5)
        car = garage.make(kind, tint, (TRUCK if kind == 'van' else CAR) + STRIDE * number)
        for i, wheel in enumerate(car.wheels):
            wheel.pass_index += STRIDE * (i + 1)
        back = turn('z', np.pi * (speed < 0))
        street.moving.append(lambda t: car.poses(route.frame(start + speed * t, right, 0.0) @ back, abs(speed) * t))

    half = plan.lane / 2
    drive('hatch', layout.start + layout.ahead, layout.speed + 0.6, half + 0.05, COLOURS[4 if layout.ahead < 20 else 5])
    drive('sedan', layout.start + layout.ahead + 14, layout.speed + 0.5, half - 0.1, COLOURS[1])
    for start, kind, tint in ((30, 'suv', 6), (52, 'sedan', 0), (75, 'van', 3), (108, 'hatch', 9)):
        drive(kind, layout.start + start + rng.uniform(-3, 3), -rng.uniform(7.5, 8.5), -half, COLOURS[tint])


def _people(street: Street, plan: Plan, palette: dict[str, bpy.types.Material], numbers: _Numbers,
            rng: np.random.Generator) -> None:
    meshes, route, start = build_parts(palette), street.route, street.layout.start

    def walk(s: float, right: float, speed: float, across: bool = False) -> None:
        person = make_person(meshes, rng, PERSON + STRIDE * numbers.take(PARTS))
        back = turn('z', np.pi * (speed < 0))

        def parts(t: float) -> Poses:
            if not across:
                return person.poses(route.frame(s + speed * t, right, plan.kerb) @ back, abs(speed) * t)
            at = right + speed * t
            step = np.interp(abs(at), [plan.half - 0.1, plan.half + 0.1], [0.0, plan.kerb])
            where = route.frame(plan.crossing - plan.cross_half - 2.5 + s, at, step)
            return person.poses(where @ turn('z', -np.pi / 2) @ back, abs(speed) * t)

        street.moving.append(parts)

    for i in range(30):
        side = 1 if i % 5 < 3 else -1
        right = side * rng.uniform(plan.half + 1.6, plan.line - 0.7)
        walk(start + rng.uniform(9, 70), right, float(rng.choice([-1, 1])) * rng.uniform(1.1, 1.6))
    for s, right, speed in ((-1.2, -plan.half - 2, 1.35), (-0.4, -plan.half - 0.5, 1.3), (0.6, plan.half + 1.5, -1.25)):
        walk(s, right, speed, across=True)  # at the zebra crossing this side of the other street
