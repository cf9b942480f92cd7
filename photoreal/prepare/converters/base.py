"""What every converter is, and what several of them share."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from photoreal.datasets.sources import FolderSource, FrameSource, visible
from photoreal.errors import DataError
from photoreal.prepare.footage import Footage, Track


class Converter(ABC):
    """Finds the videos in a data set of some layout. Register it with ``@CONVERTERS.register_module('name')``.

    Nothing is copied here: a converter says which frames and maps make which video, and how maps are decoded.
    """

    @abstractmethod
    def find(self, root: Path) -> list[Footage]:
        """The videos below ``root``, in order; their names are unique.

        Raises:
            DataError: There are none, or something of them is missing.
        """


def no_videos(root: Path, layout: str, expected: str) -> DataError:
    """The error of a root that has not the layout."""
    found = ', '.join(p.name for p in visible(root)[:5]) if root.is_dir() else 'no such folder'
    return DataError(f'{root}: found no videos in the layout of {layout} ({found or "an empty folder"}); '
                     f'expected {expected}')


def folders_below(root: Path, depth: int) -> Iterator[Path]:
    """``root`` and the folders below it, down to ``depth`` levels, in natural order."""
    yield root
    if depth and root.is_dir():
        for path in visible(root):
            if path.is_dir():
                yield from folders_below(path, depth - 1)


def name_below(root: Path, path: Path) -> str:
    """A name for a video from the folders that lead to it."""
    return '_'.join(path.relative_to(root).parts) or root.resolve().name


def numbers_of(source: FrameSource) -> list[int]:
    """The numbers that file names end with.

    Raises:
        DataError: A name has none.
    """
    found = [re.search(r'\d+$', name) for name in source.names]
    for index, match in enumerate(found):
        if match is None:
            raise DataError(f'{source.where(index)}: found no number at the end of the name; expected one that tells '
                            'its place in the video')
    return [int(match[0]) for match in found]


def stretches(numbers: Sequence[int]) -> list[range]:
    """Positions of the stretches in which numbers grow by their usual step."""
    steps = [b - a for a, b in pairwise(numbers)]
    if not steps:
        return [range(len(numbers))]
    usual = Counter(steps).most_common(1)[0][0]
    breaks = [i + 1 for i, step in enumerate(steps) if step != usual]
    return [range(a, b) for a, b in pairwise([0, *breaks, len(numbers)])]


def without_gaps(footage: Footage, numbers: Sequence[int]) -> list[Footage]:
    """A video for each stretch without a gap: ``name`` where there is one, else ``name_000`` ..."""
    parts = stretches(numbers)
    if len(parts) == 1:
        return [footage]
    return [footage.select(part, name=f'{footage.name}_{i:03d}', is_stretch=True) for i, part in enumerate(parts)]


def matching(frames: FolderSource, folder: Path, decode: Callable[[np.ndarray], np.ndarray]) -> Track:
    """The maps in ``folder`` that are called as the frames.

    Raises:
        DataError: One is missing.
    """
    source = FolderSource(folder)
    places = {name: i for i, name in enumerate(source.names)}
    missing = [name for name in frames.names if name not in places]
    if missing:
        raise DataError(f"{folder}: found no map called '{missing[0]}' ({len(missing)} are missing); expected one for "
                        f'each of the {len(frames)} frames in {frames.path}; add them, or move the folder away')
    return Track(source, [places[name] for name in frames.names], raw=True, decode=decode)
