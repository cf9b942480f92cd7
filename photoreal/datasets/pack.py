"""Packs a data set's folder into one LMDB file, which then serves as data root."""

import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photoreal.datasets.lmdb_path import LMDB_SUFFIX, LmdbPath, data_path, import_lmdb, key_bytes
from photoreal.datasets.pictures import ARRAY_SUFFIX, has_palette
from photoreal.datasets.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES, FolderSource, VideoSource, visible
from photoreal.datasets.writers import atomic_path
from photoreal.errors import ConfigError, DataError

_AHEAD = 16  # frames decoded at once, over all threads: a bound of memory
_START_SIZE = 1 << 24  # bytes; the map is doubled whenever it is full
_MOST_BYTES_OF_A_KEY = 511
_MOST_BYTES = 2 ** 32 - 1  # of a value
_Entry = tuple[str, bytes]


@dataclass(frozen=True)
class PackSummary:
    """What was packed.

    Attributes:
        videos: Videos.
        files: Entries: pictures, arrays, video files, ``meta.json``.
        size: Bytes of the LMDB.
        left_out: What lay in the videos' folders and is no part of a data set.
    """

    videos: int
    files: int
    size: int
    left_out: list[str]


def pack(data_root: str | os.PathLike, out: str | os.PathLike, *, raw: bool = False,
         report: Callable[[int, int], None] | None = None) -> PackSummary:
    """Pack all splits, domains, videos and modalities of a data set.

    Args:
        data_root: The data set's folder.
        out: The LMDB to write; its name ends with ``.lmdb``. It gets that name only when it is complete.
        raw: Store decoded arrays, so that a crop is read without decoding anything (1080p: 6 MB a frame), instead
            of the files as they are. Pictures with a palette stay files: indices and colours are both wanted of them.
        report: Called after each video with the number of videos done and of all.

    Raises:
        ConfigError: The package lmdb is not installed, or ``out`` has another suffix.
        DataError: ``out`` exists, there are no videos, or (``raw``) a frame cannot be decoded.
    """
    root, out = data_path(data_root), Path(out)
    lmdb = import_lmdb(out)
    if out.suffix.lower() != LMDB_SUFFIX:
        raise ConfigError(f"{out}: found the suffix '{out.suffix}'; expected {LMDB_SUFFIX}, by which a data_root is "
                          'told to be an LMDB')
    if out.exists():
        raise DataError(f'{out}: exists already; remove it, or choose another name')
    videos = _videos(root)
    files, left_out = 0, []
    with atomic_path(out) as temporary:
        environment = lmdb.open(str(temporary), subdir=False, lock=False, sync=False, map_size=_START_SIZE)
        try:
            for done, video in enumerate(videos, 1):
                prefix = '/'.join(video.parts[len(root.parts):])
                for key, data in _entries(video, raw, left_out):
                    _put(lmdb, environment, f'{prefix}/{key}', data)
                    files += 1
                if report:
                    report(done, len(videos))
            environment.sync(True)
        except lmdb.Error as error:
            raise DataError(f'{out}: cannot be written ({error}); is there room on the disk?') from error
        finally:
            environment.close()
        size = temporary.stat().st_size
    return PackSummary(len(videos), files, size, left_out)


def _videos(root: Path | LmdbPath) -> list[Path | LmdbPath]:
    found = [root] if root.is_dir() else []
    for _ in ('split', 'domain', 'video'):
        found = [p for folder in found for p in visible(folder) if p.is_dir()]
    if not found:
        raise DataError(f'{root}: found no videos; expected the data set in folders <split>/<domain>/<video>/frames/')
    return found


def _entries(video: Path | LmdbPath, raw: bool, left_out: list[str]) -> Iterator[_Entry]:
    """What a video's folder becomes: keys relative to it, and contents."""
    for path in visible(video):
        suffix = path.suffix.lower()
        if path.is_dir() and any(p.suffix.lower() in (*IMAGE_SUFFIXES, ARRAY_SUFFIX) for p in visible(path)):
            yield from _pictures(path, raw)
        elif path.is_file() and suffix in VIDEO_SUFFIXES:
            yield from _frames(path) if raw else [(path.name, _content(path))]
        elif path.name == 'meta.json':
            yield path.name, path.read_bytes()
        else:
            left_out.append(str(path))


def _pictures(folder: Path | LmdbPath, raw: bool) -> Iterator[_Entry]:
    source = FolderSource(folder)

    def entry(index: int) -> _Entry:
        path = source.file(index)
        if not raw or path.suffix == ARRAY_SUFFIX or has_palette(path):
            return f'{folder.name}/{path.name}', path.read_bytes()
        return f'{folder.name}/{path.stem}{ARRAY_SUFFIX}', _npy(source.read([index], raw=True)[0])

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(source), _AHEAD):
            yield from pool.map(entry, range(start, min(start + _AHEAD, len(source))))
    if not source.has_file_names:
        yield f'{folder.name}/meta.json', (folder / 'meta.json').read_bytes()


def _frames(path: Path | LmdbPath) -> Iterator[_Entry]:
    source = VideoSource(path)
    yield f'{path.name}/meta.json', json.dumps({'fps': source.fps}).encode()
    for index, name in enumerate(source.names):
        yield f'{path.name}/{name}{ARRAY_SUFFIX}', _npy(source.read([index], raw=True)[0])


def _content(path: Path | LmdbPath) -> bytes:
    if isinstance(path, Path) and path.stat().st_size > _MOST_BYTES:
        raise DataError(f'{path}: found {path.stat().st_size / 1e9:.1f} GB; an LMDB takes files of 4.2 GB at most: '
                        'cut the video, or pack it frame by frame (raw)')
    return path.read_bytes()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _put(lmdb: Any, environment: Any, name: str, data: bytes) -> None:
    key = key_bytes(name)
    if len(key) > _MOST_BYTES_OF_A_KEY:
        raise DataError(f'{name}: a name of {len(key)} bytes; an LMDB takes {_MOST_BYTES_OF_A_KEY} at most: '
                        'use shorter names')
    while True:
        try:
            with environment.begin(write=True) as transaction:
                transaction.put(key, data)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()['map_size'])
