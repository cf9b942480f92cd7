"""Small videos on disk, and modalities that show what a data set hands them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from photoreal.datasets.writers import write_image
from photoreal.modalities.base import Modality


def pictures(count: int, height: int = 12, width: int = 16, seed: int = 0) -> np.ndarray:
    """(T, H, W, 3) uint8 noise; the pixel in the corner tells the frame's number."""
    frames = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    frames[:, 0, 0] = np.arange(count)[:, None]
    return frames


def write_folder(folder: Path, frames: np.ndarray, suffix: str = '.png', first: int = 0) -> Path:
    for i, frame in enumerate(frames):
        write_image(folder / f'{first + i:05d}{suffix}', frame)
    return folder


def write_video(path: Path, frames: np.ndarray, codec: str = 'ffv1', pixels: str = 'bgr0', **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {np.dtype('uint8'): 'gray', np.dtype('uint16'): 'gray16le'}[frames.dtype] if frames.ndim == 3 else 'rgb24'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format=given)
            picture.pts = i
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@contextmanager
def piped(path: Path, data: bytes) -> Iterator[Path]:
    """A named pipe that a thread fills."""
    os.mkfifo(path)

    def fill() -> None:
        try:
            path.write_bytes(data)
        except BrokenPipeError:
            pass  # the reader had enough

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    yield path
    thread.join(5)


def make_video(root: Path, count: int = 6, name: str = 'a', split: str = 'train', domain: str = 'real', *,
               height: int = 12, width: int = 16, seed: int = 0, labels: bool = False) -> np.ndarray:
    """Frames, and `labels` as grey pictures whose values are those of the frames' red; returns the frames."""
    frames = pictures(count, height, width, seed)
    write_folder(root / split / domain / name / 'frames', frames)
    if labels:
        write_folder(root / split / domain / name / 'labels', frames[..., :1])
    return frames


class Copy(Modality):
    """The frame itself."""

    channels = 3

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        return frames

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.float() / 255


class BoxBlur(Copy):
    """Needs a margin."""

    margin = 2

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        return np.stack([cv2.blur(f, (5, 5), borderType=cv2.BORDER_REPLICATE) for f in frames])


class Blocks(Copy):
    """The mean of every block of 4 x 4 pixels: needs an aligned crop."""

    align = 4

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        made = np.empty_like(frames)
        for top in range(0, frames.shape[1], 4):
            for left in range(0, frames.shape[2], 4):
                block = np.s_[:, top:top + 4, left:left + 4]
                made[block] = frames[block].mean((1, 2), keepdims=True).round()
        return made


class Difference(Copy):
    """The difference from the frame before; zero where there is none."""

    context = 1

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        return np.diff(frames.astype(np.float32), axis=0, prepend=frames[:1])


class RandomGain(Copy):
    """A random number a clip."""

    def sample(self, rng: np.random.Generator | None) -> dict[str, float]:
        return {'gain': 0.5 if rng is None else rng.random()}

    def compute(self, frames: np.ndarray, **params: float) -> np.ndarray:
        return np.full((*frames.shape[:3], 1), params['gain'], np.float32)


class Labels(Modality):
    """Recorded numbers; 200 is one that it does not know when strict."""

    channels = 1
    folder = 'labels'
    raw = True
    is_label = True

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        if self.strict and (frames == 200).any():
            raise ValueError('unknown value 200')
        return frames

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.float()


def to_numpy(x: torch.Tensor) -> np.ndarray:
    """(..., c, H, W) -> (..., H, W, c)."""
    return np.moveaxis(x.numpy(), -3, -1)
