"""Trees grown by branching, with a mesh for each leaf."""

from dataclasses import dataclass

import numpy as np

from .meshes import Builder


@dataclass
class Species:
    """How a tree grows. Lengths in metres, angles in radians."""

    leaf: str  # material
    height: float
    clear: float  # trunk without limbs
    spread: float  # reach of the lowest limbs
    lean: tuple[float, float]  # of limbs away from the trunk
    size: float  # of a leaf
    leaves: int  # a twig


PLANE = Species('leaf_plane', 8.6, 2.9, 2.7, (0.6, 1.1), 0.17, 42)
LIME = Species('leaf_lime', 7.4, 2.5, 2.1, (0.5, 0.95), 0.13, 54)
_UP = np.array([0.0, 0.0, 1.0])


def grow(species: Species, rng: np.random.Generator) -> tuple[Builder, Builder]:
    """(wood, leaves) of a tree that stands on z = 0."""
    wood, tips = Builder(), []
    trunk = _limb(wood, np.zeros(3), _UP, species.height * 0.82, 0.17 * species.height / 9, 0.05, 0.06, 9, rng)
    count = 13
    for i in range(count):
        share = i / (count - 1)
        z = species.clear + (species.height * 0.8 - species.clear) * share
        start = _along(trunk, z / (species.height * 0.82))
        turn = i * 2.4 + rng.uniform(-0.4, 0.4)
        lean = np.interp(share, [0, 1], species.lean[::-1]) + rng.uniform(-0.1, 0.1)
        direction = np.array([np.sin(lean) * np.cos(turn), np.sin(lean) * np.sin(turn), np.cos(lean)])
        length = species.spread * np.interp(share, [0, 0.35, 1], [0.95, 1.1, 0.5]) * rng.uniform(0.85, 1.15)
        limb = _limb(wood, start, direction, length, 0.065 - 0.03 * share, 0.015, 0.16, 6, rng)
        _branch(wood, limb, length, tips, rng)
    return wood, _leaves(np.array(tips), species, rng)


def _branch(wood: Builder, limb: np.ndarray, length: float, tips: list[np.ndarray], rng: np.random.Generator) -> None:
    for at in np.linspace(0.3, 1.0, 7):
        start = _along(limb, at)
        direction = _fan(limb, at, rng)
        reach = length * rng.uniform(0.28, 0.42) * (1.15 - 0.4 * at)
        branch = _limb(wood, start, direction, reach, 0.018, 0.006, 0.22, 4, rng)
        for share in (0.45, 0.75, 1.0):
            tip = _along(branch, share)
            tips.append(tip)
            out = _fan(branch, share, rng)
            end = tip + out * rng.uniform(0.25, 0.5)
            wood.tube(np.array([tip, end]), [0.006, 0.003], 'bark', 3)
            tips.append(end)


def _fan(limb: np.ndarray, at: float, rng: np.random.Generator) -> np.ndarray:
    """A direction that leaves a limb sideways."""
    ahead = limb[-1] - limb[0]
    ahead = ahead / np.linalg.norm(ahead)
    side = rng.normal(size=3)
    side -= ahead * (side @ ahead)
    direction = ahead * rng.uniform(0.4, 0.9) + side / np.linalg.norm(side) * rng.uniform(0.5, 1.0) + 0.12 * _UP
    return direction / np.linalg.norm(direction)


def _along(path: np.ndarray, share: float) -> np.ndarray:
    at = share * (len(path) - 1)
    return np.array([np.interp(at, np.arange(len(path)), path[:, i]) for i in range(3)])


def _limb(wood: Builder, start: np.ndarray, direction: np.ndarray, length: float, thick: float, thin: float,
          wander: float, sides: int, rng: np.random.Generator) -> np.ndarray:
    """Add a bent, tapered limb; its path (N, 3)."""
    count = 7
    path, step = [np.asarray(start, float)], np.asarray(direction, float)
    for _ in range(count - 1):
        step = step + rng.normal(scale=wander, size=3) + 0.05 * _UP
        step /= np.linalg.norm(step)
        path.append(path[-1] + step * length / (count - 1))
    radii = np.linspace(thick, thin, count)
    if start[2] == 0:
        radii[0] *= 1.5
    wood.tube(np.array(path), radii, 'bark', sides)
    return np.array(path)


def _leaves(tips: np.ndarray, species: Species, rng: np.random.Generator) -> Builder:
    """Leaves about the tips: each is folded along its middle, of two triangles a side."""
    centre = np.repeat(tips, species.leaves // 2, axis=0)
    centre = centre + rng.normal(scale=0.17, size=centre.shape) * (1, 1, 0.8)
    return scatter_leaves(centre, species.size, species.leaf, rng)


def scatter_leaves(centres: np.ndarray, size: float, material: str, rng: np.random.Generator) -> Builder:
    """One leaf at each of the points (N, 3), turned at random but facing up more than down."""
    count = len(centres)
    normal = rng.normal(size=(count, 3)) + (0, 0, 0.9)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    along = np.cross(normal, rng.normal(size=(count, 3)))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(normal, along)
    length = size * rng.uniform(0.7, 1.25, (count, 1))
    half, fold = 0.36 * length, 0.1 * length
    widest = centres + normal * fold - along * length * 0.05
    points = np.stack([centres - along * length / 2, widest + across * half, centres + along * length / 2,
                       widest - across * half], 1)
    first = np.arange(count) * 4
    faces = np.concatenate([first[:, None] + (0, 2, 1), first[:, None] + (0, 3, 2)])
    b = Builder()
    b.add(points.reshape(-1, 3), faces.tolist(), material)
    return b
