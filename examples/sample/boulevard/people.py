"""People who walk: rounded limbs on joints. +x is where they go, z = 0 the ground."""

from dataclasses import dataclass

import bpy
import numpy as np

from .meshes import Builder, place, shift, turn

SKINS = [(0.55, 0.33, 0.23), (0.42, 0.24, 0.15), (0.24, 0.12, 0.07), (0.6, 0.38, 0.28)]
TOPS = [(0.03, 0.035, 0.05), (0.25, 0.03, 0.03), (0.4, 0.38, 0.34), (0.05, 0.1, 0.18), (0.16, 0.13, 0.09),
        (0.5, 0.36, 0.1), (0.08, 0.14, 0.08), (0.55, 0.55, 0.55)]
BOTTOMS = [(0.03, 0.045, 0.09), (0.02, 0.02, 0.022), (0.15, 0.13, 0.1), (0.07, 0.07, 0.075)]
HAIRS = [(0.02, 0.014, 0.01), (0.07, 0.035, 0.015), (0.2, 0.13, 0.06), (0.25, 0.24, 0.23)]
_HIP, _KNEE, _SHOULDER, _ELBOW = 0.92, 0.46, 1.42, 0.29  # for a height of 1.75 m


def _lofted(sections: list[tuple[float, float, float, float]], material: str) -> Builder:
    """A soft body of ellipses (height, half depth, half width, forward), from below to above."""
    b, angle = Builder(), np.arange(14) * 2 * np.pi / 14
    z, depth, width, ahead = np.array(sections).T
    fine = np.linspace(0, len(z) - 1, 3 * len(z))
    z, depth, width, ahead = (np.interp(fine, np.arange(len(z)), v) for v in (z, depth, width, ahead))
    rings = np.stack([ahead[:, None] + depth[:, None] * np.cos(angle), width[:, None] * np.sin(angle),
                      np.repeat(z[:, None], 14, 1)], -1)
    b.loft(rings, material)
    return b


def build_parts(palette: dict[str, bpy.types.Material]) -> dict[str, bpy.types.Mesh]:
    """The meshes of a body, each with its joint at the origin."""
    torso = _lofted([(-0.06, 0.09, 0.13, 0), (0.0, 0.125, 0.17, 0), (0.12, 0.115, 0.155, 0), (0.24, 0.115, 0.155, 0),
                     (0.38, 0.125, 0.18, 0.01), (0.48, 0.115, 0.2, 0), (0.53, 0.085, 0.175, 0), (0.56, 0.055, 0.09, 0)],
                    'cloth')
    coat = _lofted([(-0.42, 0.17, 0.215, 0), (-0.2, 0.16, 0.2, 0), (0.0, 0.145, 0.185, 0), (0.14, 0.13, 0.165, 0),
                    (0.38, 0.135, 0.19, 0.01), (0.48, 0.12, 0.208, 0), (0.54, 0.09, 0.18, 0), (0.58, 0.07, 0.09, 0)],
                   'cloth')
    head = _lofted([(0.0, 0.05, 0.052, -0.01), (0.09, 0.052, 0.054, 0), (0.1, 0.07, 0.06, 0.02),
                    (0.14, 0.095, 0.074, 0.015), (0.2, 0.1, 0.08, 0.01), (0.26, 0.096, 0.078, 0.0),
                    (0.31, 0.07, 0.06, -0.005), (0.33, 0.02, 0.02, 0)],
                   'skin')
    head.ellipsoid((0.108, 0, 0.195), (0.022, 0.014, 0.024), 'skin', 6, 5)
    hair = Builder()
    hair.ellipsoid((-0.018, 0, 0.248), (0.107, 0.092, 0.1), 'cloth')
    thigh = _lofted([(-0.48, 0.055, 0.055, 0), (-0.3, 0.07, 0.068, 0), (-0.1, 0.088, 0.085, 0), (0.05, 0.09, 0.085, 0)],
                    'cloth')
    shin = _lofted([(-0.43, 0.042, 0.042, 0), (-0.3, 0.05, 0.048, -0.01), (-0.15, 0.06, 0.056, -0.015),
                    (0.0, 0.058, 0.056, 0), (0.04, 0.045, 0.045, 0)], 'cloth')
    shoe = Builder()
    shoe.ellipsoid((0.06, 0, -0.425), (0.145, 0.052, 0.045), 'plastic')
    arm = _lofted([(-0.3, 0.04, 0.04, 0), (-0.15, 0.048, 0.046, 0), (0.0, 0.058, 0.058, 0), (0.04, 0.04, 0.04, 0)],
                  'cloth')
    forearm = _lofted([(-0.25, 0.03, 0.028, 0), (-0.12, 0.04, 0.038, 0), (0.02, 0.042, 0.04, 0)], 'cloth')
    hand = Builder()
    hand.ellipsoid((0.01, 0, -0.31), (0.035, 0.024, 0.075), 'skin', 8, 7)
    bag = Builder()
    side = [(-0.12, -0.62), (0.12, -0.62), (0.1, -0.38), (-0.1, -0.38)]
    bag.loft(np.array([[(x, y, z) for x, z in side] for y in (-0.04, 0.04)]), 'cloth', smooth=False)
    names = dict(torso=torso, coat=coat, head=head, hair=hair, thigh=thigh, shin=shin, shoe=shoe, arm=arm,
                 forearm=forearm, hand=hand, bag=bag)
    return {name: b.mesh(name, palette) for name, b in names.items()}


@dataclass
class Person:
    """Parts by name and side, and how they walk."""

    parts: list[tuple[str, int, bpy.types.Object]]
    size: float  # of the body, 1 for 1.75 m
    phase: float

    def poses(self, matrix: np.ndarray, walked: float) -> list[tuple[bpy.types.Object, np.ndarray]]:
        """Where the parts are of a person at ``matrix`` after so many metres; 0 throughout: standing still."""
        swing = self.phase + walked * 2 * np.pi / (1.45 * self.size)
        stride = 0.42 if walked else 0.05
        joints = {}
        body = matrix @ np.diag([self.size] * 3 + [1]) @ shift(z=0.02 * np.cos(2 * swing) * (stride > 0.1) - 0.015)
        joints['torso', 0] = joints['coat', 0] = body @ shift(z=_HIP) @ turn('y', 0.04)
        joints['head', 0] = joints['hair', 0] = body @ shift(0.015, 0, _SHOULDER + 0.02)
        for side in (-1, 1):
            angle = stride * np.sin(swing + (0 if side > 0 else np.pi))
            bend = max(0.0, np.cos(swing + (0 if side > 0 else np.pi))) * 1.8 * stride + 0.06
            hip = body @ shift(0, 0.085 * side, _HIP) @ turn('y', -angle)
            knee = hip @ shift(z=-_KNEE) @ turn('y', bend)
            shoulder = body @ shift(0, 0.205 * side, _SHOULDER) @ turn('x', 0.09 * side) @ turn('y', 0.8 * angle)
            elbow = shoulder @ shift(z=-_ELBOW) @ turn('y', -0.3 - 0.6 * max(0.0, -angle))
            joints.update({('thigh', side): hip, ('shin', side): knee, ('shoe', side): knee, ('arm', side): shoulder,
                           ('forearm', side): elbow, ('hand', side): elbow, ('bag', side): elbow})
        return [(thing, joints[name, side]) for name, side, thing in self.parts]


def make_person(meshes: dict[str, bpy.types.Mesh], rng: np.random.Generator, index: int) -> Person:
    """Someone at random, at the origin; ``index`` counts up by 32 from part to part in the label pass."""
    def pick(colours: list[tuple[float, ...]]) -> tuple[float, ...]:
        return tuple(np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.8, 1.2))

    skin, top, bottom, hair = pick(SKINS), pick(TOPS), pick(BOTTOMS), pick(HAIRS)
    wanted = [('coat' if rng.random() < 0.45 else 'torso', 0, top), ('head', 0, skin), ('hair', 0, hair)]
    for side in (-1, 1):
        wanted += [('thigh', side, bottom), ('shin', side, bottom), ('shoe', side, (0.02, 0.02, 0.02)),
                   ('arm', side, top), ('forearm', side, top), ('hand', side, skin)]
    if rng.random() < 0.4:
        wanted.append(('bag', int(rng.choice([-1, 1])), pick(TOPS)))
    parts = [(name, side, place(meshes[name], index + 32 * i, colour=colour))
             for i, (name, side, colour) in enumerate(wanted)]
    return Person(parts, rng.uniform(0.93, 1.05), rng.uniform(0, 2 * np.pi))


PARTS = 16  # most parts that one person has
