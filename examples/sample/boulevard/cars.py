"""Cars: rounded bodies lofted from a side view, with cut wheel arches. +x is forward, z = 0 the ground."""

from dataclasses import dataclass

import bpy
import numpy as np

from .meshes import Builder, place, pose, shift, turn


@dataclass
class Shape:
    """Side view of a car; lengths in metres, x from the tail."""

    name: str
    length: float
    width: float
    axles: tuple[float, float]
    top: list[tuple[float, float]]  # (x, z) of the upper outline
    belt: list[tuple[float, float]]  # (x, z) of the lower edge of the windows
    glass: list[tuple[float, float]]  # (from, to) of the side windows
    screens: tuple[float, float, float, float]  # x of the rear window's foot and head, the windscreen's head and foot
    wheel: float = 0.33


SEDAN = Shape('sedan', 4.6, 1.82, (0.92, 3.66),
              [(0, 0.66), (0.04, 0.9), (0.12, 1.0), (0.75, 1.06), (0.95, 1.10), (1.35, 1.30), (1.7, 1.42), (2.15, 1.46),
               (2.6, 1.43), (2.95, 1.32), (3.45, 1.02), (3.6, 0.97), (4.2, 0.85), (4.45, 0.74), (4.57, 0.6),
               (4.6, 0.5)],
              [(0, 0.66), (0.1, 0.9), (0.9, 0.97), (2.2, 0.94), (3.4, 0.9), (4.2, 0.76), (4.6, 0.48)],
              [(1.22, 1.98), (2.08, 2.95)], (0.92, 1.62, 2.68, 3.42))
HATCH = Shape('hatch', 4.05, 1.76, (0.68, 3.2),
              [(0, 0.6), (0.03, 0.85), (0.09, 0.98), (0.22, 1.2), (0.42, 1.40), (0.75, 1.48), (1.4, 1.52), (2.1, 1.49),
               (2.5, 1.36), (3.0, 1.06), (3.15, 1.0), (3.7, 0.88), (3.92, 0.76), (4.03, 0.6), (4.05, 0.5)],
              [(0, 0.6), (0.08, 0.92), (0.5, 1.0), (1.8, 0.97), (2.9, 0.92), (3.7, 0.78), (4.05, 0.48)],
              [(0.58, 1.3), (1.4, 2.5)], (0.1, 0.4, 2.2, 3.0))
SUV = Shape('suv', 4.5, 1.88, (0.82, 3.55),
            [(0, 0.7), (0.03, 0.98), (0.1, 1.12), (0.25, 1.4), (0.45, 1.62), (0.8, 1.69), (1.7, 1.72), (2.4, 1.69),
             (2.8, 1.56), (3.3, 1.22), (3.42, 1.16), (4.1, 1.05), (4.36, 0.92), (4.47, 0.7), (4.5, 0.58)],
            [(0, 0.7), (0.08, 1.05), (0.5, 1.14), (2.0, 1.1), (3.2, 1.06), (4.1, 0.92), (4.5, 0.58)],
            [(0.55, 1.15), (1.23, 2.0), (2.1, 2.9)], (0.12, 0.42, 2.5, 3.28), 0.37)
VAN = Shape('van', 5.1, 2.0, (0.95, 4.1),
            [(0, 0.7), (0.02, 1.3), (0.06, 2.15), (0.16, 2.28), (0.5, 2.34), (2.5, 2.36), (3.5, 2.28), (3.8, 2.1),
             (4.4, 1.42), (4.55, 1.3), (4.9, 1.1), (5.06, 0.85), (5.1, 0.6)],
            [(0, 0.7), (0.1, 1.2), (3.2, 1.22), (4.4, 1.14), (4.9, 0.95), (5.1, 0.6)],
            [(3.1, 4.0)], (-1.0, -0.9, 3.62, 4.42), 0.35)
SHAPES = {shape.name: shape for shape in (SEDAN, HATCH, SUV, VAN)}
COLOURS = [(0.55, 0.56, 0.57), (0.02, 0.021, 0.023), (0.16, 0.17, 0.18), (0.66, 0.66, 0.64), (0.28, 0.012, 0.014),
           (0.015, 0.045, 0.16), (0.07, 0.085, 0.1), (0.09, 0.12, 0.09), (0.36, 0.33, 0.27), (0.02, 0.10, 0.19)]


def _curve(points: list[tuple[float, float]], x: np.ndarray, soft: float) -> np.ndarray:
    """Values of a polyline at x, its corners rounded over about ``soft`` metres."""
    offsets = np.linspace(-soft, soft, 9)
    weights = np.cos(offsets / soft * np.pi / 2) + 1e-3
    values = np.interp(x[:, None] + offsets, *np.array(points).T)
    return (values * weights).sum(1) / weights.sum()


def _rings(shape: Shape, x: np.ndarray) -> np.ndarray:
    """Cross-sections (N, 26, 3) at the stations x, from the middle of the floor up the right side and round."""
    top, belt = _curve(shape.top, x, 0.07), _curve(shape.belt, x, 0.12)
    belt = np.minimum(belt, top - 0.035)
    away = np.minimum(x / 0.55, (shape.length - x) / 0.75).clip(0, 1)
    half = shape.width / 2 * (0.76 + 0.24 * np.sqrt(1 - (1 - away)**2))
    low = 0.2 + 0.16 * (1 - np.minimum(x / 0.3, (shape.length - x) / 0.3).clip(0, 1))
    low = np.minimum(low, belt - 0.12)
    cabin = ((top - belt) / 0.42).clip(0, 1)
    head = half * (0.95 - 0.21 * cabin)
    rise = top - belt
    body = belt - low
    side = [(0 * half, low), (0.8 * half, low), (0.93 * half, low + 0.03 * body), (0.985 * half, low + 0.14 * body),
            (1.0 * half, low + 0.4 * body), (0.995 * half, low + 0.66 * body), (0.975 * half, low + 0.88 * body),
            (0.945 * half, belt), (0.945 * half - 0.02, belt + 0.03 * rise),
            (0.55 * (0.92 * half) + 0.45 * head, belt + 0.45 * rise), (head, belt + 0.84 * rise),
            (0.9 * head, belt + 0.945 * rise), (0.55 * head, top - 0.012), (0 * half, top)]
    right = np.array([[x, -y, z] for y, z in side]).transpose(2, 0, 1)  # (N, 14, 3)
    left = right[:, 1:-1][:, ::-1] * (1, -1, 1)
    return np.concatenate([right, left], 1)


def build_body(shape: Shape, palette: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
    """The body with windows, lamps, mirrors and plates, on no wheels."""
    marks = [m for span in shape.glass for m in span] + [m for m in shape.screens if m > 0]
    x = np.unique(np.concatenate([np.linspace(0, shape.length, 58), [0.02, 0.05, shape.length - 0.02], marks]))
    x = x[np.concatenate([[True], np.diff(x) > 0.008])]
    rings = _rings(shape, x)
    middles = (x[1:] + x[:-1]) / 2
    foot, head, screen_head, screen_foot = shape.screens

    def material(r: int, k: int) -> str:
        k = k if k < 13 else 25 - k  # the left mirrors the right
        at = middles[r]
        if k in (8, 9) and any(a <= at <= c for a, c in shape.glass):
            return 'car_glass'
        if k in (10, 11, 12) and (screen_head < at < screen_foot - 0.03 or foot + 0.03 < at < head):
            return 'car_glass'
        if k == 9 and screen_head + 0.35 < at < screen_foot - 0.05:
            return 'car_paint'
        if k in (4, 5) and shape.length - 0.5 < at < shape.length - 0.1:
            return 'headlight' if k == 5 else 'car_paint'
        return 'plastic' if k < 3 or k == 7 and foot < at < screen_foot else 'car_paint'

    b = Builder()
    b.loft(rings, material)
    mesh = _cut_arches(b.mesh(f'{shape.name}_shell', palette), shape, palette)
    return _join(mesh, _details(shape), palette)


def _details(shape: Shape) -> Builder:
    b, half, length = Builder(), shape.width / 2, shape.length
    nose, tail = np.interp([length - 0.35], *np.array(shape.top).T)[0], shape.belt[1][1]
    b.loft(_plate(length - 0.05, 0.44, 0.2, nose * 0.66, 0.08), 'plastic', smooth=False)  # grille
    b.loft(_plate(length + 0.005, 0.4, 0.03, nose * 0.66 + 0.04, 0.035), 'chrome', smooth=False)
    b.loft(_plate(length - 0.04, 0.62 * half, 0.12, 0.32, 0.07), 'plastic', smooth=False)
    b.loft(_plate(length + 0.015, 0.26, 0.055, 0.43, 0.02), 'plate', smooth=False)
    b.loft(_plate(-0.03, 0.26, 0.055, tail - 0.22, 0.04), 'plate', smooth=False)
    b.loft(_plate(-0.02, 0.62 * half, 0.07, 0.36, 0.06), 'plastic', smooth=False)
    for y in (-1, 1):
        b.ellipsoid((0.1, y * 0.77 * half, tail - 0.09), (0.1, 0.13, 0.085), 'taillight')
        b.ellipsoid((length - 0.17, y * 0.70 * half, nose * 0.74), (0.15, 0.19, 0.075), 'headlight')
        mirror = shape.glass[-1][1] - 0.05
        z = np.interp(mirror, *np.array(shape.belt).T)
        b.ellipsoid((mirror, y * (half + 0.06), z + 0.1), (0.08, 0.12, 0.08), 'car_paint')
        for a, c in shape.glass:  # handles
            if c - a > 0.5:
                b.ellipsoid((a + 0.02, y * 0.985 * half, z - 0.16), (0.09, 0.02, 0.016), 'chrome', 8, 6)
        for a, _ in shape.glass[1:]:  # the seam of a door
            path = np.array([(a - 0.06, y * (half * w + 0.002), h) for w, h in ((0.97, 0.3), (0.995, 0.5), (0.99, 0.7),
                                                                               (0.965, z - 0.03))])
            b.tube(path, [0.007] * 4, 'plastic', 4)
    return b


def _plate(x: float, half: float, height: float, z: float, thick: float) -> np.ndarray:
    """Rings of a flat box with cut corners across the car, up to x + thick."""
    c = min(half, height / 2) * 0.4
    low, high = z - height / 2, z + height / 2
    flat = [(-half + c, low), (half - c, low), (half, low + c), (half, high - c), (half - c, high), (-half + c, high),
            (-half, high - c), (-half, low + c)]
    return np.array([[(at, y, h) for y, h in flat] for at in (x, x + thick)])


def _cut_arches(mesh: bpy.types.Mesh, shape: Shape, palette: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
    """Cut the wheel arches and paint their insides black."""
    cutter, radius, reach = Builder(), shape.wheel * 1.17, 0.42
    for axle in shape.axles:
        for side in (-1, 1):
            cutter.frame = shift(axle, side * shape.width / 2, shape.wheel) @ turn('x', np.pi / 2)
            cutter.lathe([(radius, -reach / 2 - 0.1), (radius, reach / 2 + 0.1)], 'rubber', 40)
    thing, tool = place(mesh, 0), place(cutter.mesh('arches', palette), 0)
    modifier = thing.modifiers.new('arches', 'BOOLEAN')
    modifier.object, modifier.operation, modifier.solver = tool, 'DIFFERENCE', 'EXACT'
    graph = bpy.context.evaluated_depsgraph_get()
    cut = bpy.data.meshes.new_from_object(thing.evaluated_get(graph))
    black = len(cut.materials)
    cut.materials.append(palette['rubber'])
    for face in cut.polygons:
        for axle in shape.axles:
            distance = np.hypot(face.center.x - axle, face.center.z - shape.wheel)
            if distance < radius * 1.005 and abs(face.center.y) < shape.width / 2 - 0.008 and face.center.z > 0.21:
                face.material_index, face.use_smooth = black, False
    for leftover in (thing, tool):
        bpy.data.objects.remove(leftover)
    return cut


def _join(mesh: bpy.types.Mesh, details: Builder, palette: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
    things = [place(mesh, 0), place(details.mesh('details', palette), 0)]
    with bpy.context.temp_override(active_object=things[0], selected_editable_objects=things):
        bpy.ops.object.join()
    mesh = things[0].data
    bpy.data.objects.remove(things[0])
    return mesh


def build_wheel(radius: float, palette: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
    """A wheel about the y axis: tyre, rim, five spokes."""
    b = Builder()
    b.frame = turn('x', np.pi / 2)
    r, w = radius, 0.1
    b.lathe([(0.68 * r, -w), (0.9 * r, -w - 0.01), (0.98 * r, -w + 0.03), (r, 0), (0.98 * r, w - 0.03),
             (0.9 * r, w + 0.01), (0.68 * r, w)], 'rubber', 28)
    b.lathe([(0.71 * r, -w - 0.002), (0.71 * r, -w + 0.06), (0.64 * r, -w + 0.06), (0.62 * r, -w - 0.012)], 'rim', 28)
    b.lathe([(0.71 * r, w - 0.06), (0.64 * r, w - 0.06), (0.62 * r, w + 0.012), (0.71 * r, w + 0.002)], 'rim', 28)
    b.lathe([(0.64 * r, -0.045), (0.64 * r, 0.045)], 'plastic', 24)
    for side in (-1, 1):
        b.ellipsoid((0, 0, side * 0.085), (0.17 * r, 0.17 * r, 0.02), 'rim', 12, 6)
        for i in range(5):
            b.frame = turn('x', np.pi / 2) @ turn('z', 2 * np.pi * i / 5)
            b.box((0.1 * r, -0.1 * r, side * 0.075 - 0.015), (0.66 * r, 0.1 * r, side * 0.075 + 0.015), 'rim')
        b.frame = turn('x', np.pi / 2)
    return b.mesh('wheel', palette)


class Garage:
    """Makes cars of shared meshes."""

    def __init__(self, palette: dict[str, bpy.types.Material]) -> None:
        self.bodies = {name: build_body(shape, palette) for name, shape in SHAPES.items()}
        self.wheels = {name: build_wheel(shape.wheel, palette) for name, shape in SHAPES.items()}

    def make(self, kind: str, colour: tuple[float, ...], index: int) -> 'Car':
        """A car at the origin whose parts have the given index in the label pass."""
        shape = SHAPES[kind]
        body = place(self.bodies[kind], index, colour=colour)
        wheels = [place(self.wheels[kind], index) for _ in range(4)]
        return Car(shape, body, wheels)


@dataclass
class Car:
    """A body and its four wheels."""

    shape: Shape
    body: bpy.types.Object
    wheels: list[bpy.types.Object]

    def poses(self, matrix: np.ndarray, travelled: float = 0.0,
              steer: float = 0.0) -> list[tuple[bpy.types.Object, np.ndarray]]:
        """Where its parts are when its middle is at ``matrix``, +x ahead, and its wheels have rolled so far."""
        origin = matrix @ shift(-self.shape.length / 2)
        parts = [(self.body, origin)]
        for i, wheel in enumerate(self.wheels):
            axle, side = self.shape.axles[i // 2], (-1, 1)[i % 2]
            hub = shift(axle, side * (self.shape.width / 2 - 0.125), self.shape.wheel)
            spin = turn('y', travelled / self.shape.wheel)
            parts.append((wheel, origin @ hub @ turn('z', steer if i // 2 else 0.0) @ spin))
        return parts

    def park(self, matrix: np.ndarray) -> None:
        for thing, where in self.poses(matrix, travelled=matrix[0, 3]):
            pose(thing, where)
