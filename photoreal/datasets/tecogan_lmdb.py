"""Videos in an LMDB of TecoGAN-PyTorch, read where they lie: decoded frames under ``<video>_<T>x<H>x<W>_<number>``."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from photoreal.datasets.lmdb_path import import_lmdb
from photoreal.datasets.sources import DEFAULT_FPS, FrameSource, natural_key
from photoreal.errors import DataError

_KEY = re.compile(r'(?P<video>.+)_(?P<length>\d+)x(?P<height>\d+)x(?P<width>\d+)_(?P<frame>\d+)')
_OPENING = Lock()  # LMDB refuses to open a file that another thread has just opened


class LmdbSequence(FrameSource):
    """One video of such an LMDB.

    Args:
        root: The LMDB's folder.
        video: The video.
        keys: Of its frames, in order.
        size: (height, width).
    """

    has_file_names = False

    def __init__(self, root: Path, video: str, keys: list[str], size: tuple[int, int]) -> None:
        self.path = root / 'data.mdb'
        self.video = video
        self._keys = keys
        self._size = size

    @property
    def names(self) -> list[str]:
        return [f'{i:05d}' for i in range(len(self._keys))]

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def fps(self) -> float:
        return DEFAULT_FPS

    def where(self, index: int) -> str:
        return f'{self.path}, key {self._keys[index]}'

    def probe(self, index: int) -> tuple[int, int]:
        with _open(str(self.path.parent), os.getpid()).begin(buffers=True) as reading:
            self._channels(index, len(reading.get(self._keys[index].encode())))
        return self._size

    def _decode(self, indices: Sequence[int], raw: bool,
                rows: int | None) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        with _open(str(self.path.parent), os.getpid()).begin() as reading:
            for index in indices:
                data = reading.get(self._keys[index].encode())
                yield self._size, np.frombuffer(data, np.uint8).reshape(*self._size, self._channels(index, len(data)))

    def _channels(self, index: int, count: int) -> int:
        """Channels of a frame of ``count`` bytes."""
        height, width = self._size
        channels, rest = divmod(count, height * width)
        if channels not in (1, 3) or rest:
            raise DataError(f'{self.where(index)}: found {count} bytes; expected {height * width * 3} for '
                            f'{width}x{height} RGB pixels; make the LMDB anew')
        return channels


def open_sequence(root: Path, video: str) -> LmdbSequence:
    """The video called ``video`` of an LMDB.

    Raises:
        ConfigError: lmdb is not installed.
        DataError: The LMDB cannot be read, or has no such video.
    """
    found = {sequence.video: sequence for sequence in read_sequences(root)}
    if video not in found:
        raise DataError(f"{root}: found no video '{video}' in the LMDB; expected one of its {len(found)}: "
                        f'{", ".join(list(found)[:5])}; give the folder that links to it the name of one')
    return found[video]


def read_sequences(root: Path) -> list[LmdbSequence]:
    """All videos of an LMDB, in natural order of their names; its ``meta_info.pkl``, a pickle, is never read.

    Raises:
        ConfigError: lmdb is not installed.
        DataError: It cannot be read as an LMDB of TecoGAN-PyTorch, or a video has frames missing.
    """
    root = root.resolve()  # several links may lead to one LMDB, which must not be opened twice
    return list(_read_sequences(root, (root / 'data.mdb').stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _read_sequences(root: Path, changed: int) -> tuple[LmdbSequence, ...]:
    lmdb = import_lmdb(root)
    try:
        with _open(str(root), os.getpid()).begin() as reading, reading.cursor() as cursor:
            keys = [key.decode('utf-8', 'replace') for key in cursor.iternext(values=False)]
    except lmdb.Error as error:
        raise DataError(f'{root}: cannot be read as an LMDB ({error}); copy it anew') from error
    parsed = [(match, key) for key in keys if (match := _KEY.fullmatch(key))]
    if not parsed:
        raise DataError(f'{root}: found {len(keys)} keys, none of them of TecoGAN-PyTorch; '
                        'expected <video>_<frames>x<height>x<width>_<number>')
    parsed.sort(key=lambda item: (natural_key(item[0]['video']), int(item[0]['frame'])))
    groups = groupby(parsed, key=lambda item: item[0]['video'])
    return tuple(_sequence(root, video, list(group)) for video, group in groups)


def _sequence(root: Path, video: str, items: list[tuple[re.Match[str], str]]) -> LmdbSequence:
    shapes = {(int(match['length']), int(match['height']), int(match['width'])) for match, _ in items}
    if len(shapes) != 1:
        raise DataError(f"{root}: the sequence '{video}' has frames of different lengths or sizes: {sorted(shapes)}; "
                        'expected one; make the LMDB anew')
    [(length, height, width)] = shapes
    if [int(match['frame']) for match, _ in items] != list(range(length)):
        raise DataError(f"{root}: the sequence '{video}' has {len(items)} frames; expected all from 0 to {length - 1}; "
                        'make the LMDB anew')
    return LmdbSequence(root, video, [key for _, key in items], (height, width))


def _open(root: str, process: int) -> Any:
    with _OPENING:
        return _open_once(root, process)


@lru_cache(maxsize=4)
def _open_once(root: str, process: int) -> Any:
    """The environment, opened once a process: LMDB allows no more, and none may be taken along by a fork."""
    return import_lmdb(root).open(root, readonly=True, lock=False, readahead=False)
