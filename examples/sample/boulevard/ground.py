"""Road, markings, kerbs and pavements."""

from dataclasses import dataclass

import bpy
import numpy as np

from .meshes import Builder, place
from .route import Route

ROAD, SIDEWALK, MARKING = 0, 1, 24


@dataclass
class Plan:
    """The street across: one lane and parked cars each way, pavements, houses. Lengths in metres."""

    lane: float
    parking: float
    pavement: float
    crossing: float
    kerb: float = 0.13
    cross_half: float = 4.2  # of the road that crosses
    cross_line: float = 7.6  # where its houses begin

    @property
    def half(self) -> float:
        return self.lane + self.parking

    @property
    def line(self) -> float:
        return self.half + self.pavement


def build_ground(route: Route, plan: Plan, palette: dict[str, bpy.types.Material], rng: np.random.Generator) -> None:
    """Place the ground."""
    road, walk, marks = Builder(), Builder(), Builder()
    start, end = -55.0, 395.0
    _strip(road, route, (start, end), [(-plan.half, 0), (plan.half, 0)], 'asphalt')
    before, after = plan.crossing - plan.cross_half, plan.crossing + plan.cross_half
    for side in (-1, 1):
        for span in ((start, before), (after, end)):
            _pavement(walk, route, span, side, plan)
        _crossing_street(road, walk, route, plan, side)
    for s in np.arange(4, 300, 23.0):
        for right in (plan.lane * 0.55, -plan.lane * 0.4):
            road.frame = route.frame(s + rng.uniform(0, 15), right, 0.0)
            road.lathe([(0.31, 0), (0.31, 0.006)], 'iron', 20, smooth=False)
            road.frame = np.eye(4)
    _markings(marks, route, plan)
    under = Builder()
    under.quad((-400, -200, -0.3), (400, -200, -0.3), (400, 600, -0.3), (-400, 600, -0.3), 'gravel')
    place(under.mesh('under', palette), ROAD)
    for builder, name, label in ((road, 'road', ROAD), (walk, 'pavement', SIDEWALK), (marks, 'markings', MARKING)):
        place(builder.mesh(name, palette), label)


def _strip(b: Builder, route: Route, span: tuple[float, float], profile: list[tuple[float, float]],
           material: str) -> None:
    """A surface along the line with the profile (to the right, up), from left to right."""
    s = np.linspace(*span, max(2, int((span[1] - span[0]) / 2)))
    profile_ = np.array(profile)
    across = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(profile_, axis=0), axis=1))]) + profile_[0, 0]
    points = np.array([route.point(at, right, z) for at in s for right, z in profile])
    uv = np.array([(u, at) for at in s for u in across])
    n = len(profile)
    faces = [(i * n + k, i * n + k + 1, (i + 1) * n + k + 1, (i + 1) * n + k)
             for i in range(len(s) - 1) for k in range(n - 1)]
    b.add(points, faces, material, uv=uv)


def _pavement(b: Builder, route: Route, span: tuple[float, float], side: int, plan: Plan) -> None:
    half, kerb = plan.half, plan.kerb
    stone = [(half, 0), (half, kerb - 0.02), (half + 0.02, kerb), (half + 0.3, kerb)]
    slabs = [(half + 0.3, kerb - 0.003), (plan.line + 1.2, kerb - 0.003)]
    gutter = [(half - 0.35, 0.006), (half, 0.006)]
    for profile, material in ((stone, 'kerb'), (slabs, 'paving'), (gutter, 'kerb')):
        if side < 0:
            profile = [(-right, z) for right, z in profile][::-1]
        _strip(b, route, span, profile, material)
    for s, turned in zip(span, (-1, 1)):  # the kerb's end at a crossing
        a, c = (route.point(s, side * half), route.point(s, side * (plan.line + 1)))
        points = np.array([a, c, c + (0, 0, kerb), a + (0, 0, kerb)])
        b.add(points, [(0, 1, 2, 3) if turned * side < 0 else (3, 2, 1, 0)], 'kerb')


def _crossing_street(road: Builder, walk: Builder, route: Route, plan: Plan, side: int) -> None:
    """The arm of the other street on one side: +y is away from the line."""
    half, line, far = plan.cross_half, plan.cross_line, 92.0
    road.frame = walk.frame = route.frame(plan.crossing) @ np.diag([1, -side, 1, 1]).astype(float)
    points = np.array([(-half, plan.half, 0), (half, plan.half, 0), (half, far, 0), (-half, far, 0)])
    road.add(points, [(0, 1, 2, 3) if side < 0 else (3, 2, 1, 0)], 'asphalt', uv=points[:, :2] * (0.75, 1))
    for end in (-1, 1):
        low, high = sorted((end * half, end * (line + 0.8)))
        walk.box((low, plan.line, -0.1), (high, far, plan.kerb - 0.004), 'paving')
        low, high = sorted((end * half, end * (half + 0.3)))
        walk.box((low, plan.line, -0.1), (high, far, plan.kerb), 'kerb')
    road.frame = walk.frame = np.eye(4)


def _mark(b: Builder, route: Route, s: tuple[float, float], right: tuple[float, float]) -> None:
    _strip(b, route, s, [(right[0], 0.007), (right[1], 0.007)], 'marking')


def _markings(b: Builder, route: Route, plan: Plan) -> None:
    crossing, reach = plan.crossing, plan.cross_half
    for s in np.arange(-40, 380, 6.0):
        if abs(s + 1.5 - crossing) > reach + 9:
            _mark(b, route, (s, s + 3.0), (-0.06, 0.06))
    for side in (-1, 1):
        for span in ((-40, crossing - reach - 8), (crossing + reach + 8, 380)):
            edge = side * plan.lane
            _mark(b, route, span, (edge - 0.05, edge + 0.05))
        low = crossing + side * (reach + 1.0)
        zebra = sorted((low, low + side * 3.0))
        for right in np.arange(-plan.half + 0.4, plan.half - 0.5, 0.95):
            _mark(b, route, (zebra[0], zebra[1]), (right, right + 0.5))
        stop = sorted((low + side * 4.2, low + side * 4.6))
        _mark(b, route, (stop[0], stop[1]), (0.15, plan.lane) if side < 0 else (-plan.lane, -0.15))
        _mark(b, route, tuple(sorted((low + side * 4.6, low + side * 18))), (-0.07, 0.07))
