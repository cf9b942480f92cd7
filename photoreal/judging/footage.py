"""Frames to be judged: folders of pictures, video files, videos of a data set, outputs of a test."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from photoreal.datasets.sources import IMAGE_SUFFIXES, FolderSource, FrameSource, VideoSource, open_source, visible
from photoreal.errors import DataError


@dataclass(frozen=True)
class Footage:
    """Consecutive frames of one video.

    Attributes:
        source: The whole video.
        start: Its first frame that counts.
        stop: The frame after the last one that counts.
        change: What is done to each frame (H, W, 3) uint8, whose size stays; None: nothing.
    """

    source: FrameSource
    start: int
    stop: int
    change: Callable[[np.ndarray], np.ndarray] | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames."""
        return self.source.size

    def read(self, index: int) -> np.ndarray:
        """A frame, (H, W, 3) uint8 RGB."""
        frame = self.source.read([self.start + index])[0]
        return frame if self.change is None else self.change(frame)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.read, range(len(self)))

    def first(self, count: int | None) -> 'Footage':
        """The first so many frames, or all there are; None: all."""
        stop = self.stop if count is None else min(self.stop, self.start + count)
        return replace(self, stop=stop)

    def split(self, part: float) -> tuple['Footage', 'Footage']:
        """The first ``part`` of the frames, 0 to 1, and the rest."""
        middle = self.start + round(len(self) * part)
        return replace(self, stop=middle), replace(self, start=middle)


def open_footage(path: str | os.PathLike) -> Footage:
    """Open a video to be judged.

    Args:
        path: A video file, a folder of pictures, a video of a data set (a folder with ``frames/`` or ``frames.mp4``
            in it), or an output folder of a test that has made one virtual video.

    Raises:
        DataError: It is none of them, or a test with several videos.
    """
    source = _open(Path(path))
    return Footage(source, 0, len(source))


def _open(path: Path) -> FrameSource:
    if path.is_file():
        return VideoSource(path)
    if not path.is_dir():
        raise DataError(f'{path}: no such file or folder; expected a video file or a folder of frames')
    if any(p.suffix.lower() in IMAGE_SUFFIXES for p in visible(path)):
        return FolderSource(path)
    source = open_source(path, 'frames')
    if source is not None:
        return source
    outputs = [p for p in visible(path / 'virtual') if p.is_dir()] if (path / 'virtual').is_dir() else []
    if len(outputs) == 1:
        return FolderSource(outputs[0])
    found = ', '.join(p.name for p in outputs) or ', '.join(p.name for p in visible(path)[:5]) or 'nothing'
    raise DataError(f'{path}: found {found}; expected pictures, a folder frames/, or virtual/<video>/ of a test with '
                    'one virtual video; name the folder of one video')


def fit(frame: np.ndarray, height: int, labels: bool = False) -> np.ndarray:
    """A frame (H, W, ...) brought to a height, its proportions kept."""
    own_height, width = frame.shape[:2]
    if own_height == height:
        return frame
    size = max(1, round(width * height / own_height)), height
    if labels:
        return cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if height < own_height else cv2.INTER_CUBIC)
