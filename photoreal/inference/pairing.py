"""Which maps belong to which frames, and what a folder of frames lacks."""

import re
from collections import Counter
from itertools import pairwise

from photoreal.datasets.sources import FolderSource, FrameSource
from photoreal.errors import DataError

_LISTED = 3


def gap_note(source: FrameSource) -> str | None:
    """What is missing in the numbers of a folder's frames; None: nothing."""
    if not source.has_file_names:
        return None
    numbers = [re.search(r'\d+$', name) for name in source.names]
    steps = [(a.string, b.string, int(b[0]) - int(a[0])) for a, b in pairwise(numbers) if a and b]
    usual, count = Counter(step for *_, step in steps).most_common(1)[0] if steps else (0, 0)
    gaps = [f'after {a} comes {b}' for a, b, step in steps if step > usual]
    if not gaps or count < len(steps) / 2:  # else they do not count frames
        return None
    return f'frames are missing ({_some(gaps)}); those around a gap are taken for neighbours'


def paired(maps: FrameSource, frames: FrameSource, name: str) -> tuple[FrameSource, str | None]:
    """The maps that belong to frames: those of the same names where both have names, else as many in the same order.

    Args:
        maps: Maps.
        frames: Frames.
        name: What the maps are called, for messages.

    Returns:
        As many maps as frames, and what is to be said of it.

    Raises:
        DataError: They do not fit.
    """
    named = all(isinstance(source, FolderSource) and source.has_file_names for source in (maps, frames))
    wanted, there = frames.names, set(maps.names)
    missing = [one for one in wanted if one not in there] if named else wanted
    if named and not missing:
        spare = [one for one in maps.names if one not in set(wanted)]
        note = f'maps of {name!r} without a frame are passed over: {_some(spare)}' if spare else None
        return (maps.choose(wanted) if spare else maps), note
    if named and len(missing) <= len(wanted) / 2:
        raise DataError(f'{maps.path} has no map of {name!r} called {_some(missing)}, as frames of {frames.path} are: '
                        'add what is missing')
    if len(maps) != len(frames):
        raise DataError(f'{maps.path} has {len(maps)} maps of {name!r} for {len(frames)} frames: expected one each')
    note = f'maps of {name!r} are not called like the frames ({maps.names[0]} for {wanted[0]} ...): they are paired ' \
        'in their order' if named else None
    return maps, note


def _some(names: list[str]) -> str:
    return ', '.join(names[:_LISTED]) + f' and {len(names) - _LISTED} more' * (len(names) > _LISTED)
