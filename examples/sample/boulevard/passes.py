"""What a render gives, as the maps that the project reads. Runs without bpy."""

import numpy as np

SKY = 10
VOID = 255
STRIDE = 32  # an index is a label plus this many times the number of what moves, 0 for what stands still
NO_LABEL = 31  # of an index: what Cityscapes has no class for
FAR = 1e6  # metres; beyond is sky


def split_index(index: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) indices and metres -> (H, W) uint8 Cityscapes trainIds and (H, W) int numbers of what moves."""
    whole = np.rint(index).astype(int)
    labels = np.where(whole % STRIDE == NO_LABEL, VOID, whole % STRIDE)
    return np.where(depth > FAR, SKY, labels).astype(np.uint8), np.where(depth > FAR, 0, whole // STRIDE)


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """(H, W) metres along the optical axis -> uint16 centimetres, 0 for the sky; at most 655 m."""
    return np.where(depth > FAR, 0, np.rint(depth * 100).clip(1, 65535)).astype(np.uint16)


def encode_normals(normals: np.ndarray, camera: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(H, W, 3) world normals -> uint8 view space (x right, y up, z toward the camera); the sky is black."""
    view = normals @ camera[:3, :3]
    view /= np.linalg.norm(view, axis=-1, keepdims=True).clip(1e-6)
    return np.where((depth > FAR)[..., None], 0, np.rint((view + 1) * 127.5)).astype(np.uint8)


def backward_flow(depth: np.ndarray, mover: np.ndarray, cameras: tuple[np.ndarray, np.ndarray],
                  moved: dict[int, np.ndarray], angle: float) -> np.ndarray:
    """How far from here each pixel was in the frame before.

    Args:
        depth: (H, W) metres along the optical axis.
        mover: (H, W) numbers of what moves, 0 for what stands still.
        cameras: Poses (4, 4), now and before, x right, y up, z back.
        moved: By number, the (4, 4) that takes a point of the world from now to where it was before.
        angle: Horizontal field of view in radians.

    Returns:
        (H, W, 2) pixels to the right and downward.
    """
    height, width = depth.shape
    focal = width / 2 / np.tan(angle / 2)
    y, x = np.mgrid[:height, :width] + 0.5
    sky = depth > FAR
    distance = np.where(sky, 1.0, depth)
    view = np.stack([(x - width / 2) / focal, (height / 2 - y) / focal, -np.ones_like(x)], -1) * distance[..., None]
    now, before = cameras
    world = np.concatenate([view @ now[:3, :3].T + now[:3, 3], np.ones((height, width, 1))], -1)
    for number, motion in moved.items():
        where = mover == number
        world[where] = world[where] @ motion.T
    ahead = np.where(sky[..., None], view @ now[:3, :3].T, world[..., :3] - before[:3, 3])  # the sky is not approached
    view = ahead @ before[:3, :3]
    forward = (-view[..., 2]).clip(1e-3)
    there = np.stack([view[..., 0], -view[..., 1]], -1) / forward[..., None] * focal + (width / 2, height / 2)
    return there - np.stack([x, y], -1)


def encode_flow(flow: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 2) pixels -> (H, W, 3) uint16 as in KITTI: dx, dy at 1/64 pixel with 32768 at rest, and 1 where known."""
    maps = np.full((*shape, 3), 32768, np.uint16)
    maps[..., 2] = flow is not None
    if flow is not None:
        maps[..., :2] = np.rint(flow * 64 + 32768).clip(0, 65535)
    return maps
