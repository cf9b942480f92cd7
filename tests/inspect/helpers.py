"""Data roots with known faults."""

from pathlib import Path

import numpy as np

from photoreal.datasets.writers import write_json
from photoreal.testing.modality import street_frames
from tests.datasets.helpers import write_folder

HEIGHT, WIDTH = 64, 80


def frames(seed: int, count: int = 12) -> np.ndarray:
    return street_frames(np.random.default_rng(seed), count, HEIGHT, WIDTH)


def put(root: Path, where: str, pictures: np.ndarray, fps: float = 25, **maps: np.ndarray) -> Path:
    """Write `<root>/<where>/frames` and maps beside it; returns the video's folder."""
    video = root / where
    write_folder(video / 'frames', pictures)
    write_json(video / 'meta.json', {'fps': fps})
    for name, recorded in maps.items():
        write_folder(video / name, recorded)
    return video


def labels(count: int, *classes: int) -> np.ndarray:
    """(T, H, W, 1) uint8: vertical bands of the classes."""
    row = np.repeat(np.array(classes, np.uint8), -(-WIDTH // len(classes)))[:WIDTH]
    return np.broadcast_to(row[None, None, :, None], (count, HEIGHT, WIDTH, 1)).copy()


def sound_root(root: Path) -> Path:
    """Four videos without faults."""
    for seed, where in enumerate(('train/real/a', 'train/real/b', 'val/real/c', 'val/virtual/d')):
        put(root, where, frames(seed))
    return root
