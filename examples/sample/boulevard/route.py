"""The street's centre line and what is measured along it."""

import numpy as np


class Route:
    """A gently winding line in the ground plane.

    Args:
        bends: (where, radians, over) of each bend: the middle of it along the line, the change of heading to the left
            and the metres that it takes.
        start: Where along the line it begins.
        end: Where it ends.
    """

    def __init__(self, bends: list[tuple[float, float, float]], start: float, end: float) -> None:
        self.s = np.arange(start, end + 0.5, 0.5)
        self.heading = np.full(len(self.s), np.pi / 2)
        for where, angle, over in bends:
            share = ((self.s - where) / over + 0.5).clip(0, 1)
            self.heading += angle * share * share * (3 - 2 * share)
        steps = 0.5 * np.stack([np.cos(self.heading), np.sin(self.heading)], -1)
        self.points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)[:-1]])

    def frame(self, s: float, right: float = 0.0, z: float = 0.0) -> np.ndarray:
        """(4, 4) pose on the line, moved to the right and up: +x is ahead, +y to the left, +z up."""
        x, y, heading = (np.interp(s, self.s, v) for v in (self.points[:, 0], self.points[:, 1], self.heading))
        ahead, left = np.array([np.cos(heading), np.sin(heading), 0]), np.array([-np.sin(heading), np.cos(heading), 0])
        pose = np.eye(4)
        pose[:3, 0], pose[:3, 1] = ahead, left
        pose[:3, 3] = np.array([x, y, z]) - right * left
        return pose

    def point(self, s: float, right: float, z: float = 0.0) -> np.ndarray:
        return self.frame(s, right, z)[:3, 3]

    def advance(self, s: float, right: float, length: float) -> float:
        """How far along the line one is after ``length`` metres beside it."""
        ahead = np.linalg.norm(self.point(s + length, right) - self.point(s, right))
        return s + length * length / ahead


def camera_pose(where: np.ndarray, yaw: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    """(4, 4) pose of a camera (x right, y up, z back) that looks along +x of ``where``; yaw to the left, pitch up."""
    axes = np.eye(4)
    axes[:3, 0], axes[:3, 1], axes[:3, 2] = (0, -1, 0), (0, 0, 1), (-1, 0, 0)
    c, s = np.cos(yaw), np.sin(yaw)
    turned = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    c, s = np.cos(pitch), np.sin(pitch)
    raised = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
    return where @ turned @ axes @ raised
