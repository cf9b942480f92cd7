"""Scenes of known light that a known camera films: what a fit has to find is known."""

from collections.abc import Sequence

import cv2
import numpy as np

from photoreal.camera import Camera, CameraSettings

HEIGHT, WIDTH, FINE = 216, 384, 4  # pixels of a frame, and of the scene to each of them
LATER = 4  # frames from the first of a shot to its last


def canvas(seed: int = 0, height: int = 3 * HEIGHT, width: int = 3 * WIDTH, lit: float = 0.12) -> np.ndarray:
    """(height * FINE, width * FINE, 3) uint8: flat things of many greys and faint colours with a shade across each;
    a share of them are lights, up to white and beyond."""
    rng = np.random.default_rng(seed)
    scene = np.full((height * FINE, width * FINE, 3), 0.4, np.float32)
    for _ in range(height * width // 1500):
        tall, wide = rng.integers(16 * FINE, 60 * FINE, 2)
        top, left = rng.integers(0, (height - 16) * FINE), rng.integers(0, (width - 16) * FINE)
        part = scene[top:top + tall, left:left + wide]
        shade = np.linspace(-0.5, 0.5, part.shape[1], dtype=np.float32)[:, None]
        if rng.random() < lit:
            part[:] = 1.0 + 0.2 * shade  # half of it beyond white
        else:
            part[:] = rng.uniform(0.07, 0.75) * (1 + 0.12 * rng.standard_normal(3)) + 0.03 * shade
    return (255 * np.clip(scene, 0, 1)).round().astype(np.uint8)


def shots(settings: CameraSettings, number: int = 16, fastest: float = 9.0, seed: int = 0,
          scene: np.ndarray | None = None, frames: Sequence[int] = (0, 1, LATER)) -> list[list[np.ndarray]]:
    """Shots of a scene that a camera pans over, each in a direction and at a speed of its own; these frames of each."""
    rng, camera = np.random.default_rng(seed), Camera(settings, seed)
    scene = canvas(seed) if scene is None else scene
    found = []
    for number_of_shot in range(number):
        speed, angle = rng.uniform(0, fastest), rng.uniform(0, 2 * np.pi)
        step = np.rint(FINE * speed * np.array([np.sin(angle), np.cos(angle)])).astype(int)
        reach = np.abs(step) * (max(frames) + 1)
        start = rng.integers(reach, np.array(scene.shape[:2]) - reach - (HEIGHT * FINE, WIDTH * FINE))
        sharp = {i: _view(scene, start + i * step) for k in frames for i in (k - 1, k)}
        found.append([camera.film(sharp[i], 10 * number_of_shot + i, moving=(sharp[i], sharp[i - 1])) for i in frames])
    return found


def _view(scene: np.ndarray, at: np.ndarray) -> np.ndarray:
    part = scene[at[0]:at[0] + HEIGHT * FINE, at[1]:at[1] + WIDTH * FINE]
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
