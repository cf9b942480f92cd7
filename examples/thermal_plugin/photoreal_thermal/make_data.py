"""Make a small data set with thermal maps: warm discs that move over a cold scene.

example: python -m photoreal_thermal.make_data data/thermal
"""

import sys
from pathlib import Path

import numpy as np

from photoreal.datasets import write_image

LENGTH, HEIGHT, WIDTH = 8, 64, 80


def make_video(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, H, W, 3) uint8 and temperatures (T, H, W) uint16 in hundredths of a kelvin."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ground = rng.uniform(40, 120, 3) + rows[..., None] * 0.8
    frames = np.empty((LENGTH, HEIGHT, WIDTH, 3), np.uint8)
    heat = np.empty((LENGTH, HEIGHT, WIDTH), np.uint16)
    centres, speeds = rng.uniform(0, 1, (3, 2)) * (HEIGHT, WIDTH), rng.uniform(-2, 2, (3, 2))
    for t in range(LENGTH):
        picture, celsius = ground.copy(), 5 + 0.05 * rows
        for i, (row, column) in enumerate(centres + t * speeds):
            disc = (rows - row) ** 2 + (columns - column) ** 2 < 10**2
            picture[disc], celsius = (200, 160 - 40 * i, 60), np.where(disc, 30 + 5 * i, celsius)
        frames[t] = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255)
        heat[t] = np.round((celsius + 273.15) * 100)
    return frames, heat


def make_data(root: Path) -> None:
    """Videos to train on as .npz files, one real and one virtual to validate with as folders of pictures."""
    (root / 'train/real').mkdir(parents=True, exist_ok=True)
    for seed in (0, 1):
        frames, heat = make_video(seed)
        np.savez_compressed(root / f'train/real/video{seed}.npz', frames=frames, thermal=heat)
    for seed, video in ((2, 'val/real/yard'), (3, 'val/virtual/game')):
        for t, (frame, heat) in enumerate(zip(*make_video(seed))):
            write_image(root / video / f'frames/{t:03d}.png', frame)
            write_image(root / video / f'thermal/{t:03d}.png', heat)


if __name__ == '__main__':
    make_data(Path(sys.argv[1]))
