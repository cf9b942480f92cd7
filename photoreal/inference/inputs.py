"""What can be predicted, and what can be recorded with it: files, pictures, pipes, cameras and streams, read once."""

import glob
import os
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from photoreal.datasets.audio import AudioCopy, LiveAudio
from photoreal.datasets.live import LiveSource, RawPipe, open_camera, open_stream
from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.datasets.pipes import open_pipe
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.sources import (
    DEFAULT_FPS,
    IMAGE_SUFFIXES,
    FolderSource,
    FrameSource,
    VideoSource,
    open_source,
    to_rgb8,
)
from photoreal.errors import ConfigError, DataError
from photoreal.inference.pairing import gap_note, paired
from photoreal.inference.prefetch import prefetch

_SLOWEST, _FASTEST = 0.01, 1000.0  # frames per second


@dataclass(frozen=True)
class Reading:
    """How inputs are read.

    Attributes:
        start: First frame, counted from 0.
        end: Frame after the last; None: to the end.
        size: (height, width) of raw frames on a pipe, or to ask a camera for.
        fps: Frames per second of pictures or of raw frames, or to ask a camera for.
        audio: Whether sound is wanted.
        raw: Give what is stored instead of RGB, and do not mix values, as those of maps must not be.
    """

    start: int = 0
    end: int | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    audio: bool = True
    raw: bool = False


class Read(NamedTuple):
    """A frame or a map that was read.

    Attributes:
        index: Its number, counted from 0.
        time: When it appears, in units of the input's presentation.
        duration: How long it is shown if nothing follows, in the same units.
        pixels: (H, W, 3) uint8 RGB, or as stored; or what is wrong with it.
    """

    index: int
    time: int
    duration: int
    pixels: np.ndarray | DataError


class Input(ABC):
    """Frames, or maps, in order.

    Attributes:
        name: For messages.
        presentation: How they are to be shown.
        origin: The moment, in seconds, at which what is made of them begins.
        audio: Sound of them; None: none, or none wanted.
        length: How many there are; None: nobody knows.
        notes: What is in the input and not in the frames, a sentence each.
        size: (height, width) of the first; None: nobody knows.
    """

    name: str
    presentation: Presentation
    origin: Fraction
    audio: AudioCopy | LiveAudio | None
    length: int | None
    notes: Sequence[str]
    size: tuple[int, int] | None

    @abstractmethod
    def reads(self) -> Generator[Read, None, None]:
        """All of them; what they are read from is left when the generator is closed."""

    def file_name(self, index: int) -> str:
        """A name, without suffix, for a file made of one of them."""
        return f'{index:05d}'

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """The files and folders that are read, as far as there are any."""

    @property
    @abstractmethod
    def indices(self) -> range | None:
        """The numbers of all that will be read; None: nobody knows."""


class FileInput(Input):
    """A video file or pictures.

    Raises:
        DataError: None of the frames asked for is there.
    """

    def __init__(self, source: FrameSource, reading: Reading) -> None:
        self._source, self._all, self._reading = source, range(len(source)), reading
        self._chosen = self._all[reading.start:reading.end]
        if not self._chosen:
            raise DataError(f'{source.path} has {len(source)} frames: there is none from {reading.start} to '
                            f'{reading.end or len(source)}')
        self.name, self.length = str(source.path), len(self._chosen)
        self.notes = [*source.notes, *filter(None, [gap_note(source)])]
        self.presentation = source.presentation
        if isinstance(source, FolderSource) and reading.fps is not None:
            self.presentation = Presentation.of_rate(reading.fps)
        elif reading.fps is not None:
            raise ConfigError(f'--fps {reading.fps:g}: {source.path} has frame times of its own, which are kept; --fps '
                              'is for pictures, raw frames and cameras')
        first, end = self._time(self._chosen.start), self._time(self._chosen.stop)
        self.audio = None
        if reading.audio and isinstance(source, VideoSource):
            audio = AudioCopy(source.path, first if reading.start else None, None if reading.end is None else end)
            self.audio = audio if audio.streams else None
        self.origin = first
        if not reading.start:  # what comes before time 0, the preparation of some audio codecs, stays there
            begins = None if self.audio is None else self.audio.begins
            self.origin = max(Fraction(0), first if begins is None else min(first, begins))

    def _time(self, index: int) -> Fraction:
        """When a frame appears, in seconds, or that after the last would."""
        return self._source.time(index) * self.presentation.unit

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames."""
        return self._source.size

    @property
    def files(self) -> list[Path]:
        paths = [self._source.path]
        if isinstance(self._source, FolderSource):
            paths += [self._source.file(i) for i in range(len(self._source))]
        return [Path(path.file) if isinstance(path, LmdbPath) else path for path in paths]

    @property
    def indices(self) -> range:
        return self._chosen

    def with_maps(self, maps: 'FileInput', name: str) -> 'FileInput':
        """Maps that belong to these frames.

        Args:
            maps: Where they are among.
            name: What they are called, for messages.

        Raises:
            DataError: They do not fit.
        """
        source, note = paired(maps._source, self._source, name)
        found = FileInput(source, maps._reading)
        found.notes = [] if note is None else [note]
        return found

    def reads(self) -> Generator[Read, None, None]:
        start, end, raw = self._reading.start, self._reading.end, self._reading.raw
        frames = islice(self._source.pictures(start, raw), end and end - start)
        for i, (time, duration, pixels) in enumerate(frames, start):
            yield Read(i, time, duration, _as_asked(pixels, raw, self._source.where(i)))

    def file_name(self, index: int) -> str:
        return self._source.names[index] if self._source.has_file_names else super().file_name(index)


class LiveInput(Input):
    """What comes once: the frames before the first one asked for are read and let go at once.

    Raises:
        DataError: It ended before.
    """

    def __init__(self, source: LiveSource, reading: Reading) -> None:
        self._given, self._raw = source.frames(reading.raw), reading.raw
        self._frames = enumerate(self._given)
        self._first = next(islice(self._frames, reading.start, None), None)
        if self._first is None:
            raise DataError(f'{source.name} ended before frame {reading.start}')
        self._count = None if reading.end is None else reading.end - reading.start
        self.name, self.presentation, self.length = source.name, source.presentation, self._count
        self.notes = source.notes
        pixels = self._first[1][2]
        self.size = pixels.shape[:2] if isinstance(pixels, np.ndarray) else None
        self.origin = self._first[1][0] * self.presentation.unit
        self.audio = source.audio
        if self.audio is not None:
            self.audio.start = self.origin

    def reads(self) -> Generator[Read, None, None]:
        with closing(self._given):
            for index, (time, duration, pixels) in islice(self._all(), self._count):
                yield Read(index, time, duration, _as_asked(pixels, self._raw, f'{self.name}, frame {index}'))

    @property
    def files(self) -> list[Path]:
        return [Path(self.name)]

    @property
    def indices(self) -> range | None:
        return None if self._count is None else range(self._first[0], self._first[0] + self._count)

    def _all(self) -> Iterator[tuple[int, tuple[int, int, np.ndarray | DataError]]]:
        yield self._first
        yield from self._frames


def _as_asked(pixels: np.ndarray | DataError, raw: bool, where: str) -> np.ndarray | DataError:
    return pixels if raw or isinstance(pixels, DataError) else to_rgb8(pixels, where)


def open_input(text: str, reading: Reading) -> Input:
    """Open whatever a text names.

    Args:
        text: A video file, a folder of pictures (or of a data set's video), a picture, a pattern of pictures
            (``shots/*.png``), ``-`` for the standard input, a named pipe, ``camera:0`` or ``/dev/video0``, or a URL.
        reading: How to read it.

    Raises:
        ConfigError: An option does not fit.
        DataError: There is no such thing, or it cannot be read.
    """
    if not 0 <= reading.start < (sys.maxsize if reading.end is None else reading.end):
        raise ConfigError(f'frames from {reading.start} to {reading.end}: expected 0 <= start < end')
    if reading.fps is not None:
        check_rate(reading.fps)
    if is_live(text):
        # In a thread: a stream that does not come could not be interrupted here.
        return next(prefetch((LiveInput(_open_live(text, reading), reading) for _ in range(1)), depth=1))
    if reading.size is not None:
        raise ConfigError(f'--size is for raw frames on a pipe and for cameras; {text} has a size of its own')
    return FileInput(find_source(text), reading)


def check_rate(fps: float) -> None:
    """Refuse a rate that no video has.

    Raises:
        ConfigError: It is out of range.
    """
    if not _SLOWEST <= fps <= _FASTEST:
        raise ConfigError(f'--fps {fps:g}: expected {_SLOWEST:g} to {_FASTEST:g} frames per second')


def is_live(text: str) -> bool:
    """Whether a text names something that can be read only once."""
    if text == '-' or '://' in text or text.startswith(('camera:', '/dev/video')):
        return True
    try:
        return stat.S_ISFIFO(os.stat(text).st_mode)
    except OSError:
        return False


def find_source(text: str) -> FrameSource:
    """The file, the folder or the pictures that a text names.

    Raises:
        DataError: There is no such thing, or it holds no pictures.
    """
    path = Path(text)
    if not text:  # a variable of a shell that is not set; as a path it would be the folder where one is
        raise DataError("the input is '': expected a name")
    if path.is_dir():
        return open_source(path, 'frames') or FolderSource(path)
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return FolderSource(path.parent, glob.escape(path.name))
        return VideoSource(path)
    if glob.has_magic(path.name) and path.parent.is_dir():
        return FolderSource(path.parent, path.name)
    raise DataError(f'there is no file or folder {text}; expected a video, a folder of pictures, a picture, a pattern '
                    "in quotes ('shots/*.png'), - for a pipe, camera:0, or a URL")


def _open_live(text: str, reading: Reading) -> LiveSource:
    if text.startswith(('camera:', '/dev/video')):
        return open_camera(text.removeprefix('camera:'), reading.size, reading.fps)
    pipe = '://' not in text
    if (reading.size, reading.fps) != (None, None) and not (pipe and reading.size):
        raise ConfigError(f'{text}: --size and --fps are for raw frames (give --size, too) and cameras; a stream tells '
                          'its own')
    if not pipe:
        return open_stream(text, reading.audio)
    name, raw = ('the pipe', FileIO(0, closefd=False)) if text == '-' else (text, FileIO(text))
    if reading.size is not None:
        return RawPipe(raw, reading.size, reading.fps or DEFAULT_FPS, name)
    return open_pipe(raw, name, reading.audio)
