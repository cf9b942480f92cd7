"""Shots to fit a camera to, out of videos."""

from collections.abc import Iterator, Sequence

import numpy as np

from photoreal.datasets.sources import FrameSource
from photoreal.errors import DataError
from photoreal.inference.inputs import find_source

LATER = 4  # frames from the first of a shot to its last
MOST_PIXELS = 48 * 1920 * 1080  # that are looked at: of larger frames, fewer moments are enough
FEWEST = 12


def shots_of(paths: Sequence[str], count: int) -> Iterator[list[np.ndarray]]:
    """Shots spread over videos, folders of pictures or pictures.

    Args:
        paths: What to read.
        count: Shots in all, about; fewer of frames larger than 1920x1080.

    Yields:
        A frame, the one after it and one some frames later, (H, W, 3) uint8 RGB each; at the end of a video, and of
        pictures, fewer.

    Raises:
        DataError: There is nothing to read, or frames differ in size.
    """
    sources = [find_source(path) for path in paths]
    return (shot for source in sources for shot in shots_from(source, max(1, round(count / len(sources)))))


def shots_from(source: FrameSource, count: int) -> Iterator[list[np.ndarray]]:
    """The same of one video."""
    height, width = source.size
    count = min(count, max(FEWEST, MOST_PIXELS // (height * width)), len(source))
    if not count:
        raise DataError(f'{source.path}: found no frames')
    last = max(0, len(source) - 1 - LATER)
    for start in np.unique(np.linspace(0, last, count).astype(int)).tolist():
        indices = [i for i in (start, start + 1, start + LATER) if i < len(source)]
        yield list(source.read(sorted(set(indices))))
