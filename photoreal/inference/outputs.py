"""Where predictions go: a video file, a folder of pictures, one picture, or a pipe."""

import os
import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from photoreal.datasets.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from photoreal.datasets.video_writers import PipeWriter, VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError, DataError
from photoreal.inference.feed import Outcome
from photoreal.inference.inputs import Input


@dataclass(frozen=True)
class Writing:
    """How predictions are written.

    Attributes:
        codec: Of a video: 'h264', 'h265' or 'ffv1'.
        crf: Its quality: 0 best, 51 worst; None: the codec's usual one.
        form: What goes down a pipe: 'y4m', 'raw', 'mkv' or 'mpegts'.
        low_delay: Encode each frame at once.
        keep_partial: Name for what an interrupted run has written of a video; None: the name it would have had.
        pipe: Where ``-`` leads to; None: there is no pipe.
    """

    codec: str = 'h264'
    crf: int | None = None
    form: str = 'y4m'
    low_delay: bool = False
    keep_partial: Path | None = None
    pipe: BinaryIO | None = None


class Output(ABC):
    """A place for predictions; :meth:`opened` makes it ready and, at the end, complete."""

    @property
    @abstractmethod
    def kept(self) -> str | None:
        """Where what was written lies after an interruption; None where it could not be kept."""

    @abstractmethod
    def opened(self) -> AbstractContextManager:
        """What to write within."""

    @abstractmethod
    def write(self, outcome: Outcome) -> None:
        """The next one."""


class _Video(Output):
    def __init__(self, writer: VideoWriter | PipeWriter, kept: Path | None) -> None:
        self._writer, self._kept = writer, kept

    @property
    def kept(self) -> str | None:
        if self._kept is None:
            return 'the pipe'
        return str(self._kept) if self._kept.exists() else None

    def opened(self) -> AbstractContextManager:
        return self._writer

    def write(self, outcome: Outcome) -> None:
        self._writer.write(outcome.pred, outcome.time, outcome.duration)


class _Pictures(Output):
    def __init__(self, folder: Path, source: Input) -> None:
        self._path, self._source = folder, source

    @property
    def kept(self) -> str:
        return str(self._path)

    def opened(self) -> AbstractContextManager:
        return nullcontext()

    def write(self, outcome: Outcome) -> None:
        write_image(self._path / f'{self._source.file_name(outcome.index)}.png', outcome.pred)


class _Picture(_Pictures):
    def __init__(self, path: Path, source: Input) -> None:
        if source.length != 1:
            raise DataError(f'{path} is one picture, and {source.name} has '
                            f'{"more" if source.length is None else source.length} frames: name a video or a folder')
        super().__init__(path, source)

    def write(self, outcome: Outcome) -> None:
        write_image(self._path, outcome.pred)


def wants_audio(out: str, writing: Writing) -> bool:
    """Whether there is a place for sound in an output."""
    if out == '-':
        return writing.form in ('mkv', 'mpegts')
    return Path(out).suffix.lower() in VIDEO_SUFFIXES


def open_output(out: str, source: Input, writing: Writing) -> Output:
    """The output that a text names: ``-`` for a pipe, a video file or a picture by its suffix, else a folder.

    Raises:
        ConfigError: Options that do not fit.
        DataError: One picture for many frames.
    """
    path = Path(out)
    video = out == '-' or path.suffix.lower() in VIDEO_SUFFIXES
    if not video and (writing.codec, writing.crf) != ('h264', None):
        raise ConfigError(f'--out {out} is for pictures: --codec and --crf are for videos (.mp4, .mkv)')
    if not video:
        return (_Picture if path.suffix.lower() in IMAGE_SUFFIXES else _Pictures)(path, source)
    arguments = dict(codec=writing.codec, crf=writing.crf, audio=source.audio, origin=source.origin,
                     low_delay=writing.low_delay)
    if out == '-':
        if writing.pipe is None:
            raise ConfigError('--out - needs a pipe to write to')
        return _Video(PipeWriter(writing.pipe, source.presentation, writing.form, **arguments), None)
    kept = writing.keep_partial or path
    return _Video(VideoWriter(path, source.presentation, keep_as=kept, **arguments), kept)


def take_stdout() -> BinaryIO:
    """The standard output, for data alone: whatever is printed from now on goes to the error stream."""
    if sys.stdout.isatty():
        raise ConfigError('--out - writes video to the standard output, which is a terminal: pipe it into a program, '
                          'such as | ffplay -')
    sys.stdout.flush()
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), 'wb')
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe
