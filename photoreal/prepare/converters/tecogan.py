"""Data of TecoGAN-PyTorch: an LMDB of decoded frames, or folders of pictures."""

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from photoreal.datasets.sources import DEFAULT_FPS, IMAGE_SUFFIXES, FolderSource, FrameSource, natural_key, visible
from photoreal.errors import ConfigError, DataError
from photoreal.prepare.converters.base import Converter, no_videos
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS

_KEY = re.compile(r'(?P<video>.+)_(?P<length>\d+)x(?P<height>\d+)x(?P<width>\d+)_(?P<frame>\d+)')


@CONVERTERS.register_module('tecogan')
class TecoGan(Converter):
    """Data of TecoGAN-PyTorch (https://github.com/skycrapers/TecoGAN-PyTorch): ``GT.lmdb/``, or ``GT/<video>/*.png``.

    The list of frames in ``meta_info.pkl`` is never read, since a pickle can run any code: the keys tell the same.
    """

    def find(self, root: Path) -> list[Footage]:
        """The sequences in the LMDB ``root``, or in the folders of pictures below ``root``."""
        if (root / 'data.mdb').is_file():
            return [Footage(source.video, source.video, Track(source)) for source in _sequences(root)]
        folders = [p for p in visible(root) if p.is_dir()] if root.is_dir() else []
        found = [Footage(p.name, p.name, Track(FolderSource(p))) for p in folders
                 if any(f.suffix.lower() in IMAGE_SUFFIXES for f in visible(p))]
        if not found:
            raise no_videos(root, 'TecoGAN-PyTorch', 'an LMDB (data.mdb), or folders of pictures, <video>/*.png')
        return found


class LmdbSequence(FrameSource):
    """One sequence of such an LMDB.

    Args:
        root: The LMDB's folder.
        video: The sequence.
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
        return next(self._decode([index], True, None))[0]

    def _decode(self, indices: Sequence[int], raw: bool,
                rows: int | None) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        with _open(str(self.path.parent), os.getpid()).begin() as reading:
            for index in indices:
                data = reading.get(self._keys[index].encode())
                height, width = self._size
                channels, rest = divmod(len(data), height * width)
                if channels not in (1, 3) or rest:
                    raise DataError(f'{self.where(index)}: found {len(data)} bytes; expected {height * width * 3} for '
                                    f'{width}x{height} RGB pixels; make the LMDB anew')
                yield self._size, np.frombuffer(data, np.uint8).reshape(height, width, channels)


def _sequences(root: Path) -> list[LmdbSequence]:
    if importlib.util.find_spec('lmdb') is None:
        raise ConfigError(f'{root}: an LMDB needs lmdb, which is not installed; run: pip install lmdb')
    import lmdb
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
    return [_sequence(root, video, list(group)) for video, group in groupby(parsed, key=lambda item: item[0]['video'])]


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


@lru_cache(maxsize=4)
def _open(root: str, process: int) -> Any:
    """The environment, opened once a process: LMDB allows no more, and none may be taken along by a fork."""
    import lmdb
    return lmdb.open(root, readonly=True, lock=False, readahead=False)
