"""Videos as folders of pictures or as video files, read frame by frame as RGB.

Frames come as a person sees them: turned upright as their tags say, with square pixels, and deinterlaced.
"""

import json
import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import numpy as np

from photoreal.datasets.decoding import DEFAULT_FPS
from photoreal.datasets.lmdb_path import LMDB_SUFFIX, LmdbPath, data_path
from photoreal.datasets.pictures import (
    ARRAY_SUFFIX,
    array_error,
    array_view,
    decode_picture,
    picture_notes,
    probe_picture,
)
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.transforms import Window
from photoreal.datasets.video import VideoIndex, decoder, index_video, pictures_from
from photoreal.errors import DataError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.ts', '.mts', '.m2ts', '.wmv',
                  '.flv', '.ogv', '.mxf', '.3gp', '.h264', '.264', '.hevc', '.h265', '.265', '.m2v', '.vob', '.asf',
                  '.f4v', '.dv', '.y4m', '.mjpeg', '.gif')

_LITTER = ('thumbs.db', 'desktop.ini')


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key that counts: frame2 comes before frame10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', name)], name


def visible(folder: Path | LmdbPath) -> list[Path | LmdbPath]:
    """What lies in a folder, in natural order, without hidden files and those that file managers leave behind."""
    entries = [p for p in folder.iterdir() if not p.name.startswith('.') and p.name.lower() not in _LITTER]
    return sorted(entries, key=lambda p: natural_key(p.name))


class FrameSource(ABC):
    """The frames, or the recorded maps, of one video. Plain data: it pickles, and forks with the process.

    Attributes:
        path: The folder or the file.
        has_file_names: Whether :attr:`names` are those of files, which tell gaps and mismatches.
    """

    path: Path | LmdbPath
    has_file_names: bool

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """File names without suffix, in order; for a video file frame numbers of five or more digits."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames."""

    @property
    @abstractmethod
    def fps(self) -> float:
        """Frames per second."""

    @property
    def presentation(self) -> Presentation:
        """How the video is to be shown."""
        return Presentation.of_rate(self.fps)

    @property
    def notes(self) -> list[str]:
        """What is in the files and not in the frames, a sentence each."""
        return []

    def time(self, index: int) -> int:
        """When a frame appears, in units of :attr:`presentation`; that after the last would when the last is over."""
        return index

    @abstractmethod
    def where(self, index: int) -> str:
        """The place of a frame, for messages."""

    @abstractmethod
    def probe(self, index: int) -> tuple[int, int]:
        """(height, width) of one frame, found as cheaply as can be.

        Raises:
            DataError: The frame is seen to be damaged.
        """

    @abstractmethod
    def _decode(self, indices: Sequence[int], raw: bool,
                rows: int | None) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """For ascending indices the size of the whole frame, and the frame, or at least as many of its upper ``rows``
        as it has: (h, W, c) of any type, c = 1 or 3 (RGB). It is used before the next one is asked for.
        """

    def __len__(self) -> int:
        return len(self.names)

    def pictures(self, start: int, raw: bool) -> Iterator[tuple[int, int, np.ndarray | DataError]]:
        """One frame after the other, for those who read all of them; one that is damaged does not end them.

        Args:
            start: The first one.
            raw: Give what is stored, as :meth:`read` does; else 16 bits and grey come as they are, too.

        Returns:
            Of each its time and how long it is shown if nothing follows, in units of :attr:`presentation`, and its
            pixels (H, W, c), or what is wrong with it.
        """
        for index in range(start, len(self)):
            try:
                pixels = self.read([index], raw=raw)[0]
            except DataError as error:
                pixels = error
            yield self.time(index), 1, pixels

    def read(self, indices: Sequence[int], *, raw: bool = False, window: Window | None = None) -> np.ndarray:
        """Read frames; one that occurs more than once is decoded once.

        Args:
            indices: Which frames, in any order.
            raw: Give what is stored (indices of a palette, 16 bits, one channel for grey), without its alpha,
                instead of uint8 RGB, to which grey is repeated and 16 bits are scaled.
            window: Keep this part of every frame.

        Returns:
            (T, H, W, c): uint8 with c = 3; with ``raw`` the stored type with c = 1 or 3.

        Raises:
            DataError: A frame cannot be decoded, or differs from the others in size or kind.
            IndexError: There is no such frame.
        """
        wanted, places = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
        if not len(wanted) or wanted[0] < 0 or wanted[-1] >= len(self):
            raise IndexError(f'{self.path}: asked for frames {list(indices)}; it has 0 to {len(self) - 1}')
        kept: np.ndarray | None = None
        for n, (size, frame) in enumerate(self._decode(wanted.tolist(), raw, window and window.bottom)):
            where = self.where(int(wanted[n]))
            if size != self.size:
                raise DataError(f'{where}: found {size_text(size)} pixels; expected {size_text(self.size)} '
                                'as in the first frame; make all frames the same size')
            frame = frame if window is None else window.cut(frame)
            frame = frame if raw else to_rgb8(frame, where)
            if kept is None:
                kept = np.empty((len(places), *frame.shape), frame.dtype)
            elif (frame.shape, frame.dtype) != (kept.shape[1:], kept.dtype):
                raise DataError(f'{where}: found {frame.shape[2]} channels of {frame.dtype}; expected {kept.shape[3]} '
                                f'of {kept.dtype} as in {self.where(int(wanted[0]))}; store all maps of a folder alike')
            kept[places == n] = frame
        return kept


class FolderSource(FrameSource):
    """A folder of pictures in natural order of their names, on disk or in an LMDB. Other files are passed over.

    Its notes are those of the first picture.

    Args:
        folder: The folder. ``fps`` is read from ``meta.json`` beside it; without one it is 25. In an LMDB a folder
            ``frames.mp4`` holds the frames of a video file, with its ``fps`` in a ``meta.json`` among them.
        pattern: Which pictures, as in a shell: ``shot_*.png``.

    Raises:
        DataError: The folder holds no such pictures, or two for one frame.
    """

    def __init__(self, folder: str | os.PathLike | LmdbPath, pattern: str = '*') -> None:
        self.path = folder if isinstance(folder, LmdbPath) else Path(folder)
        self.has_file_names = self.path.suffix.lower() not in VIDEO_SUFFIXES
        known = (*IMAGE_SUFFIXES, ARRAY_SUFFIX) if isinstance(folder, LmdbPath) else IMAGE_SUFFIXES
        entries = [p for p in visible(self.path) if fnmatchcase(p.name, pattern)]
        self._files = [p.name for p in entries if p.suffix.lower() in known]
        if not self._files:
            others = ', '.join(sorted({p.suffix or p.name for p in entries}))
            nothing = 'the folder is empty' if pattern == '*' else f"nothing fits '{pattern}'"
            raise DataError(f'{self.path}: found no pictures, {f"only {others}" if others else nothing}; '
                            f'expected {", ".join(IMAGE_SUFFIXES)}')
        double = [stem for stem, count in Counter(self.names).items() if count > 1]
        if double:
            raise DataError(f"{self.path}: found more than one picture called '{double[0]}'; "
                            'expected one file a frame; delete or move the others')

    @classmethod
    def known(cls, folder: Path, files: list[str], size: tuple[int, int], fps: float) -> 'FolderSource':
        """One of which all is known already."""
        found = cls.__new__(cls)
        vars(found).update(path=folder, has_file_names=True, _files=files, size=size, fps=fps)
        return found

    @property
    def files(self) -> list[str]:
        """The files' names, in order."""
        return self._files

    def choose(self, names: Sequence[str]) -> 'FolderSource':
        """The same, with the pictures of these names alone."""
        chosen, names = copy(self), set(names)
        chosen.__dict__ = {key: value for key, value in vars(self).items() if key in ('path', 'has_file_names')}
        chosen._files = [file for file in self._files if Path(file).stem in names]
        return chosen

    @cached_property
    def names(self) -> list[str]:
        return [Path(file).stem for file in self._files]

    @cached_property
    def size(self) -> tuple[int, int]:
        return self.probe(0)

    @cached_property
    def fps(self) -> float:
        path = (self.path.parent if self.has_file_names else self.path) / 'meta.json'
        if not path.is_file():
            return DEFAULT_FPS
        try:
            fps = json.loads(path.read_text(encoding='utf-8-sig')).get('fps', DEFAULT_FPS)
        except (ValueError, AttributeError) as error:
            raise DataError(f'{path}: cannot be read ({error}); expected JSON such as {{"fps": 25}}') from error
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < float('inf'):
            raise DataError(f'{path}: found fps {fps!r}; expected a number above 0')
        return float(fps)

    @cached_property
    def notes(self) -> list[str]:
        return [f'{self._files[0]}: {note}' for note in picture_notes(self.file(0))]

    def file(self, index: int) -> Path | LmdbPath:
        """The file of a frame."""
        return self.path / self._files[index]

    def where(self, index: int) -> str:
        return str(self.file(index))

    def probe(self, index: int) -> tuple[int, int]:
        return probe_picture(self.file(index))

    def _decode(self, indices: Sequence[int], raw: bool,
                rows: int | None) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        for index in indices:
            path = self.file(index)
            if path.suffix != ARRAY_SUFFIX:
                yield decode_picture(path, raw, rows)
                continue
            with path.mapped() as data:
                try:
                    stored = array_view(data)
                except ValueError as error:
                    raise array_error(path, error) from error
                yield stored.shape[:2], stored


def to_rgb8(frame: np.ndarray, where: str) -> np.ndarray:
    """A stored frame (H, W, 1 or 3) as (H, W, 3) uint8.

    Raises:
        DataError: It is of neither 8 nor 16 bits.
    """
    if frame.dtype == np.uint16:
        frame = ((frame.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if frame.dtype != np.uint8:
        raise DataError(f'{where}: found pixels of type {frame.dtype}; expected 8 or 16 bits')
    return np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame


class VideoSource(FrameSource):
    """A video file, exact to the frame. The file is opened at the first need, in every process for itself.

    Reading forward decodes on; reading backward, or far ahead, seeks to the keyframe before.

    Args:
        path: The file.
    """

    has_file_names = False

    def __init__(self, path: str | os.PathLike | LmdbPath) -> None:
        self.path = path if isinstance(path, LmdbPath) else Path(path)

    @cached_property
    def _index(self) -> VideoIndex:
        return index_video(self.path)

    @cached_property
    def names(self) -> list[str]:
        digits = max(5, len(str(self._index.length - 1)))
        return [f'{i:0{digits}d}' for i in range(self._index.length)]

    @property
    def size(self) -> tuple[int, int]:
        return self._index.size

    @property
    def fps(self) -> float:
        return float(self._index.presentation.rate)

    @property
    def presentation(self) -> Presentation:
        return self._index.presentation

    @property
    def notes(self) -> list[str]:
        return self._index.notes

    def time(self, index: int) -> int:
        found = self._index
        return int(found.times[index]) if index < found.length else found.end

    def where(self, index: int) -> str:
        return f'{self.path}, frame {index}'

    def probe(self, index: int) -> tuple[int, int]:
        if index == 0:  # the others have the size of the stream; decoding them all would take too long
            return next(self._decode([0], True, None))[0]
        return self.size

    def pictures(self, start: int, raw: bool) -> Iterator[tuple[int, int, np.ndarray | DataError]]:
        for moment, pixels in pictures_from(self.path, self._index, start, raw):
            yield moment.time, moment.duration, pixels

    def _decode(self, indices: Sequence[int], raw: bool,
                rows: int | None) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        opened = decoder(self.path, self._index.changed, os.getpid())
        for index in indices:
            pixels = opened.fetch(self._index, index, raw)
            if pixels is None:
                raise DataError(f'{self.where(index)}: cannot be decoded, the file is damaged there; '
                                'copy or encode it anew')
            yield pixels.shape[:2], pixels


def open_source(parent: str | os.PathLike | LmdbPath, stem: str) -> FrameSource | None:
    """Find the folder ``<parent>/<stem>/`` or the video file ``<parent>/<stem>.mp4`` (or another container).

    ``<parent>/<stem>.lmdb`` goes too: an LMDB of TecoGAN-PyTorch, or a link to one, with a video called ``<parent>``.

    Returns:
        Its source, or None where there is neither.

    Raises:
        DataError: There is more than one of them, or the folder holds no pictures.
    """
    folder = data_path(parent) / stem
    if not folder.parent.is_dir():
        return None
    found = [p for p in visible(folder.parent)
             if p.stem == folder.name and p.suffix.lower() in (*VIDEO_SUFFIXES, LMDB_SUFFIX)]
    if folder.is_dir():
        found.insert(0, folder)
    if len(found) > 1:
        names = ' and '.join(p.name + '/' * p.is_dir() for p in found)
        raise DataError(f"{folder.parent}: found {names}; expected one home for '{stem}'; remove the others")
    if not found:
        return None
    if found[0].suffix.lower() == LMDB_SUFFIX:
        from photoreal.datasets.tecogan_lmdb import open_sequence  # which is built on this module
        return open_sequence(Path(found[0]), folder.parent.name)
    is_folder = found[0] == folder or (isinstance(folder, LmdbPath) and found[0].is_dir())
    return FolderSource(found[0]) if is_folder else VideoSource(found[0])


def size_text(shape: tuple[int, ...]) -> str:
    """``640x480`` for an array of 480 rows and 640 columns."""
    return f'{shape[1]}x{shape[0]}'
