"""Frames to fit a look to, and a picture of what came of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from photoreal.datasets.layout import VideoRecord, scan
from photoreal.datasets.sources import FrameSource, open_source
from photoreal.errors import DataError
from photoreal.inference.inputs import find_source
from photoreal.look.table import Look

_SHORTER = 480  # pixels of the shorter side that are enough to tell colours
_SHOWN, _WIDTH = 3, 448  # frames of a comparison, and their width


@dataclass
class Samples:
    """Frames of one side.

    Attributes:
        name: What they are of.
        frames: (H, W, 3) uint8 RGB each.
        labels: (H, W) class numbers for each frame; None: there are none.
    """

    name: str
    frames: list[np.ndarray]
    labels: list[np.ndarray] | None = None


def from_data_root(root: str | os.PathLike, labels: str | None, count: int) -> tuple[Samples, Samples]:
    """Frames of train/virtual and of train/real, spread over all their videos.

    Args:
        root: A data root.
        labels: Name of the folder of class maps, used where every video has one; None: no labels.
        count: Frames of each side, about.

    Raises:
        DataError: The data cannot be used, or the labels are no class numbers.
    """
    sides = [scan(root, 'train', [domain], {}) for domain in ('virtual', 'real')]
    maps = {video.path: open_source(video.path, labels) for side in sides for video in side} if labels else {}
    if not all(maps.values()):
        maps = {}
    virtual, real = (_of_videos(side, maps, count) for side in sides)
    return virtual, real


def from_paths(paths: Sequence[str], count: int) -> Samples:
    """Frames of videos, folders of pictures or pictures, without labels.

    Raises:
        DataError: There is nothing to read.
    """
    sources = [find_source(path) for path in paths]
    chosen = [(source, index) for source in sources for index in _spread(len(source), count, len(sources))]
    return Samples(', '.join(os.path.basename(os.path.normpath(path)) for path in paths),
                   [_read(source, index) for source, index in chosen])


def comparison(frames: Sequence[np.ndarray], look: Look, real: Sequence[np.ndarray]) -> np.ndarray:
    """Three rows of three: frames (H, W, 3) uint8 RGB, the same with the look, and real frames."""
    before, beside = ([side[i] for i in _spread(len(side), _SHOWN, 1)] for side in (frames, real))
    rows = [before, [look.apply(frame) for frame in before], beside]
    height, width = before[0].shape[:2]
    size = _WIDTH, max(1, round(_WIDTH * height / width))
    return np.concatenate([np.concatenate(
        [cv2.resize(row[i % len(row)], size, interpolation=cv2.INTER_AREA) for i in range(_SHOWN)], axis=1)
        for row in rows], axis=0)


def _of_videos(videos: Sequence[VideoRecord], maps: dict[object, FrameSource], count: int) -> Samples:
    chosen = [(video, index) for video in videos for index in _spread(len(video), count, len(videos))]
    frames = [_read(video.frames, index) for video, index in chosen]
    labels = [_read(maps[video.path], index, raw=True) for video, index in chosen] if maps else None
    return Samples(', '.join(dict.fromkeys(video.name for video in videos)), frames, labels)


def _read(source: FrameSource, index: int, raw: bool = False) -> np.ndarray:
    """A frame, or a class map (H, W) as it is stored, thinned out where it is large."""
    frame = source.read([index], raw=raw)[0]
    if raw and (frame.dtype != np.uint8 or frame.shape[2] != 1):
        raise DataError(f'{source.where(index)}: found {frame.shape[2]} channels of {frame.dtype}; expected class '
                        'numbers, one channel of 8 bits; leave them out with --labels none')
    step = max(1, min(frame.shape[:2]) // _SHORTER)
    frame = frame[::step, ::step]
    return frame[..., 0] if raw else frame


def _spread(length: int, count: int, videos: int) -> list[int]:
    """Frames of one of some videos that share a count, from its beginning to its end."""
    return np.unique(np.linspace(0, length - 1, min(length, max(1, round(count / videos)))).astype(int)).tolist()
