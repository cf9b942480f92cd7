"""Where predictions go: a video file, a folder of pictures, one picture, or a pipe."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from photoreal.datasets.codecs import UNCOMPRESSED
from photoreal.datasets.rehearsal import rehearse
from photoreal.datasets.video_writers import PipeWriter, VideoWriter
from photoreal.datasets.writers import not_written, write_image
from photoreal.errors import ConfigError, DataError
from photoreal.inference.feed import Outcome
from photoreal.inference.inputs import Input
from photoreal.inference.places import Place, followed, free_partial, guard, place_of, try_folder

_FORMS = {'.y4m': 'y4m', '.mkv': 'mkv', '.ts': 'mpegts', '.mts': 'mpegts', '.mp4': 'mp4', '.m4v': 'mp4', '.mov': 'mp4'}


@dataclass(frozen=True)
class Writing:
    """How predictions are written.

    Attributes:
        codec: Of a video: 'h264', 'h265' or 'ffv1'.
        crf: Its quality: 0 best, 51 worst; None: the codec's usual one.
        form: What goes down a pipe: 'y4m', 'raw', 'mkv' or 'mpegts'.
        low_delay: Encode each frame at once.
        partial: Name of a video while it grows, and after an interruption; None: ``NAME.partial.SUFFIX`` while it
            grows, and after an interruption its own name, if nothing else has that.
        pipe: Where ``-`` leads to; None: there is no pipe.
    """

    codec: str = 'h264'
    crf: int | None = None
    form: str = 'y4m'
    low_delay: bool = False
    partial: Path | None = None
    pipe: BinaryIO | None = None


class Output(ABC):
    """A place for predictions; :meth:`opened` makes it ready and, at the end, complete."""

    @abstractmethod
    def kept(self) -> str:
        """Where what was written lies after the work has ended early."""

    @abstractmethod
    def opened(self) -> AbstractContextManager:
        """What to write within."""

    @abstractmethod
    def write(self, outcome: Outcome) -> None:
        """The next one."""


class _Video(Output):
    def __init__(self, writer: VideoWriter) -> None:
        self._writer = writer

    def kept(self) -> str:
        return 'could not be kept' if self._writer.kept is None else f'are in {self._writer.kept}'

    def opened(self) -> AbstractContextManager:
        return self._writer

    def write(self, outcome: Outcome) -> None:
        self._writer.write(outcome.pred, outcome.time, outcome.duration)


class _Pipe(Output):
    def __init__(self, writer: PipeWriter, own: BinaryIO | None = None) -> None:
        self._writer, self._own = writer, own

    def kept(self) -> str:
        return 'went into the pipe'

    @contextmanager
    def opened(self) -> Iterator[None]:
        with self._own or nullcontext(), self._writer:
            yield

    def write(self, outcome: Outcome) -> None:
        self._writer.write(outcome.pred, outcome.time, outcome.duration)


class _Pictures(Output):
    def __init__(self, folder: Path, source: Input) -> None:
        self._path, self._source = folder, source

    def kept(self) -> str:
        return f'are in {self._path}'

    def opened(self) -> AbstractContextManager:
        try_folder(self._path)
        return nullcontext()

    def write(self, outcome: Outcome) -> None:
        write_image(self._path / f'{self._source.file_name(outcome.index)}.png', outcome.pred)


class _Picture(_Pictures):
    def __init__(self, path: Path, source: Input) -> None:
        if source.length != 1:
            raise DataError(f'{path} is one picture, and {source.name} has '
                            f'{"more" if source.length is None else source.length} frames: name a video or a folder')
        super().__init__(path, source)

    def opened(self) -> AbstractContextManager:
        try_folder(self._path.parent)
        return nullcontext()

    def write(self, outcome: Outcome) -> None:
        write_image(self._path, outcome.pred)


def wants_audio(out: str, writing: Writing) -> bool:
    """Whether there is a place for sound in an output."""
    place = place_of(out)
    if place in (Place.PIPE, Place.DEVICE):
        return _form(out, writing) not in UNCOMPRESSED
    return place is Place.VIDEO


def open_output(out: str, source: Input, writing: Writing, reads: Sequence[Path], size: tuple[int, int] | None,
                say: Callable[[str], None]) -> Output:
    """The output that a text names: ``-`` for a pipe, a video file or a picture by its suffix, else a folder.

    Args:
        out: The text.
        source: What the predictions are made of.
        writing: How they are written.
        reads: The files and folders that are read, none of which is to be replaced.
        size: (height, width) of the predictions; None: nobody knows.
        say: Told of what becomes of sound that does not fit.

    Raises:
        ConfigError: Options that do not fit, or frames that the output cannot hold.
        DataError: One picture for many frames; something that is read, or a folder, is in the way.
    """
    place = place_of(out)
    if place in (Place.FOLDER, Place.PICTURE):
        return _open_pictures(out, place, source, writing, reads)
    guard(out, place, reads)
    arguments = dict(codec=writing.codec, crf=writing.crf, audio=source.audio, origin=source.origin,
                     low_delay=writing.low_delay)
    if place is Place.VIDEO:
        path = followed(out)
        keep_as = path if writing.partial is None and not path.exists() else None
        writer = VideoWriter(path, source.presentation, partial=writing.partial or free_partial(path, reads),
                             keep_as=keep_as, **arguments)
    else:
        if place is Place.PIPE and writing.pipe is None:
            raise ConfigError('--out - needs a pipe to write to')
        writer = PipeWriter(writing.pipe, source.presentation, _form(out, writing), name=out, **arguments)
    if size is not None:
        for note in rehearse(writer, size):
            say(note)
    if place is Place.VIDEO:
        return _Video(writer)
    if place is Place.DEVICE:
        try:
            writer.pipe = open(out, 'wb')  # of a named pipe: waits for somebody who reads it
        except OSError as error:
            raise not_written(out, error) from error
    return _Pipe(writer, writer.pipe if place is Place.DEVICE else None)


def _open_pictures(out: str, place: Place, source: Input, writing: Writing, reads: Sequence[Path]) -> Output:
    if (writing.codec, writing.crf) != ('h264', None):
        raise ConfigError(f'--out {out} is for pictures: --codec and --crf are for videos (.mp4, .mkv)')
    if place is Place.PICTURE:
        guard(out, place, reads)
        return _Picture(followed(out), source)
    names = None if source.indices is None else [f'{source.file_name(i)}.png' for i in source.indices]
    guard(out, place, reads, names)
    return _Pictures(Path(out), source)


def _form(out: str, writing: Writing) -> str:
    """What goes down a pipe."""
    return _FORMS.get(Path(out).suffix.lower(), writing.form)


def take_stdout() -> BinaryIO:
    """The standard output, for data alone: whatever is printed from now on goes to the error stream."""
    if sys.stdout.isatty():
        raise ConfigError('--out - writes video to the standard output, which is a terminal: pipe it into a program, '
                          'such as | ffplay -')
    sys.stdout.flush()
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), 'wb')
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe
