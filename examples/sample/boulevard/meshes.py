"""Collects faces in metres and makes mesh objects of them."""

from collections.abc import Callable, Sequence

import bpy
import numpy as np

Point = Sequence[float]


def shift(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """(4, 4) translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def turn(axis: str, angle: float) -> np.ndarray:
    """(4, 4) rotation about 'x', 'y' or 'z', in radians, counter-clockwise seen from the axis' tip."""
    i, j = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


class Builder:
    """A mesh under construction. What is added goes through ``frame``, a (4, 4) matrix that callers may set.

    Texture coordinates are metres on the face, taken along the two axes to which it is most parallel, so that bricks
    have their size everywhere; ``add`` takes others.
    """

    def __init__(self) -> None:
        self.frame = np.eye(4)
        self._points: list[np.ndarray] = []
        self._faces: list[tuple[int, ...]] = []
        self._slots: list[int] = []
        self._smooth: list[bool] = []
        self._names: dict[str, int] = {}
        self._uv: list[np.ndarray] = []  # per point, NaN where faces decide
        self._count = 0

    def add(self, points: np.ndarray, faces: Sequence[Sequence[int]], material: str | Sequence[str],
            smooth: bool = False, uv: np.ndarray | None = None) -> None:
        """Points (N, 3), faces of indices into them, one material or one a face, texture coordinates (N, 2)."""
        points = np.asarray(points, float)
        self._points.append(points @ self.frame[:3, :3].T + self.frame[:3, 3])
        self._uv.append(np.full((len(points), 2), np.nan) if uv is None else np.asarray(uv, float))
        names = [material] * len(faces) if isinstance(material, str) else material
        self._slots += [self._names.setdefault(name, len(self._names)) for name in names]
        self._faces += [tuple(self._count + i for i in face) for face in faces]
        self._smooth += [smooth] * len(faces)
        self._count += len(points)

    def quad(self, a: Point, b: Point, c: Point, d: Point, material: str) -> None:
        """One face, counter-clockwise seen from outside."""
        self.add(np.array([a, b, c, d]), [(0, 1, 2, 3)], material)

    def wall(self, x0: float, x1: float, z0: float, z1: float, y: float, material: str) -> None:
        """An upright rectangle that faces -y."""
        if x1 - x0 > 1e-4 and z1 - z0 > 1e-4:
            self.quad((x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1), material)

    def box(self, low: Point, high: Point, material: str) -> None:
        """A box between two corners."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        points = np.array([(x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])
        faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
        self.add(points, faces, material)

    def loft(self, rings: np.ndarray, material: str | Callable[[int, int], str], smooth: bool = True,
             caps: bool = True) -> None:
        """Skin over closed rings (R, K, 3), counter-clockwise seen from the last one; material by (ring, side)."""
        count, sides = rings.shape[:2]
        faces, names = [], []
        for r in range(count - 1):
            for k in range(sides):
                after = (k + 1) % sides
                faces.append((r * sides + k, r * sides + after, (r + 1) * sides + after, (r + 1) * sides + k))
                names.append(material if isinstance(material, str) else material(r, k))
        if caps:
            faces += [tuple(range(sides))[::-1], tuple((count - 1) * sides + k for k in range(sides))]
            names += [names[0], names[-1]]
        self.add(rings.reshape(-1, 3), faces, names, smooth)

    def tube(self, path: np.ndarray, radii: Sequence[float], material: str, sides: int = 8) -> None:
        """A round tube along points (N, 3), with one radius a point."""
        path = np.asarray(path, float)
        along = np.gradient(path, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        axis = np.eye(3)[np.argmin(np.abs(along).max(0))]
        right = np.cross(along, axis)
        right /= np.linalg.norm(right, axis=1, keepdims=True)
        up = np.cross(along, right)
        angle = np.arange(sides) * 2 * np.pi / sides
        circle = np.cos(angle)[None, :, None] * right[:, None] + np.sin(angle)[None, :, None] * up[:, None]
        self.loft(path[:, None] + circle * np.asarray(radii, float)[:, None, None], material)

    def lathe(self, profile: Sequence[tuple[float, float]], material: str | Callable[[int, int], str], sides: int = 16,
              smooth: bool = True) -> None:
        """Turn (radius, height) points, from below to above, about z."""
        angle = np.arange(sides) * 2 * np.pi / sides
        circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], -1)
        rings = np.array([circle * radius + (0, 0, height) for radius, height in profile])
        self.loft(rings, material, smooth)

    def ellipsoid(self, centre: Point, radii: Point, material: str, sides: int = 12, rings: int = 8) -> None:
        """An ellipsoid with its axes along x, y, z."""
        angle = np.linspace(-np.pi / 2, np.pi / 2, rings)
        around = np.arange(sides) * 2 * np.pi / sides
        unit = np.stack([np.cos(angle)[:, None] * np.cos(around), np.cos(angle)[:, None] * np.sin(around),
                         np.repeat(np.sin(angle)[:, None], sides, 1)], -1)
        self.loft(unit * np.asarray(radii) + np.asarray(centre), material)

    def mesh(self, name: str, palette: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
        """The mesh of all that was added."""
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(np.concatenate(self._points).tolist(), [], self._faces)
        for material in self._names:
            mesh.materials.append(palette[material])
        mesh.polygons.foreach_set('material_index', self._slots)
        mesh.polygons.foreach_set('use_smooth', self._smooth)
        layer = mesh.uv_layers.new(name='metres')
        layer.data.foreach_set('uv', self._coordinates(mesh).ravel())
        return mesh

    def _coordinates(self, mesh: bpy.types.Mesh) -> np.ndarray:
        corners = np.concatenate([np.asarray(face) for face in self._faces])
        lengths = np.array([len(face) for face in self._faces])
        normals = np.empty(len(self._faces) * 3)
        mesh.polygons.foreach_get('normal', normals)
        axis = np.repeat(np.abs(normals.reshape(-1, 3)).argmax(1), lengths)
        points = np.concatenate(self._points)[corners]
        flat = np.stack([np.where(axis == 0, points[:, 1], points[:, 0]),
                         np.where(axis == 2, points[:, 1], points[:, 2])], -1)
        given = np.concatenate(self._uv)[corners]
        return np.where(np.isnan(given), flat, given)


def place(mesh: bpy.types.Mesh, index: int, matrix: np.ndarray | None = None,
          colour: Sequence[float] = (1, 1, 1)) -> bpy.types.Object:
    """An object that shows the mesh, with its index in the label pass, its pose (4, 4), and a colour for shaders."""
    thing = bpy.data.objects.new(mesh.name, mesh)
    thing.pass_index = index
    thing.color = (*colour, 1)
    pose(thing, np.eye(4) if matrix is None else matrix)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def pose(thing: bpy.types.Object, matrix: np.ndarray) -> None:
    """Put an object where the (4, 4) matrix says."""
    thing.matrix_world = np.asarray(matrix).T.tolist()
