"""Where encoded videos go: into files, which get their final name only when they are complete, and into pipes."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from photoreal.datasets.audio import AudioCopy, LiveAudio
from photoreal.datasets.codecs import MP4_SUFFIXES, PIPES, UNCOMPRESSED, Container, find_codec
from photoreal.datasets.encoder import Encoder
from photoreal.datasets.growing_file import GrowingFile
from photoreal.datasets.presentation import Presentation, untagged_matrix
from photoreal.datasets.rewrap import rewrap
from photoreal.datasets.writers import atomic_path, not_written
from photoreal.errors import ConfigError, DataError


class VideoWriter(Encoder):
    """Writes frames to a file, which gets its name when the ``with`` block ends without an exception.

    Args:
        path: The file; its suffix chooses the container (``.mp4``, ``.mkv``...).
        presentation: How it is to be shown; a number: frames per second.
        codec: One of :data:`photoreal.datasets.codecs.CODECS`.
        crf: Quality: 0 best, 51 worst, 18 looks like the source; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Write every frame at once, at the price of a larger file.
        partial: The file's name while it grows. It can be played at any moment, but for about the last two seconds,
            and is what remains if the process is killed or the disk is full. None: a hidden name, of which nothing
            remains.
        keep_as: The name that it gets after an exception, as a whole video that is shorter; None: ``partial``.

    Attributes:
        kept: After an exception: where the frames are; None where there are none.

    Raises:
        ConfigError: The codec, the container or the two together are unknown.
    """

    def __init__(self, path: str | os.PathLike, presentation: Presentation | float, codec: str = 'h264',
                 crf: int | None = None, audio: AudioCopy | LiveAudio | None = None, origin: Fraction = Fraction(0),
                 low_delay: bool = False, partial: Path | None = None, keep_as: Path | None = None) -> None:
        self.path, self._partial, self._keep_as = Path(path), partial, keep_as or partial
        self.kept: Path | None = None
        super().__init__(str(path), presentation, Container.of_file(self.path.suffix, partial is not None),
                         find_codec(codec), crf, audio, origin, low_delay)

    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        try:
            if self._partial is None:
                self._growing = stack.enter_context(atomic_path(self.path))
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._growing = self._partial
            self._file = GrowingFile(self._growing, self.container.name)
        except OSError as error:
            raise not_written(self.path, error) from error
        stack.push(self._close)
        try:
            return stack.enter_context(self.container.open(self._file))
        except ValueError as error:
            raise ConfigError(f"{self.path}: no video container has the suffix '{self.path.suffix}'; "
                              'use .mp4 or .mkv') from error

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            self._broken = True
            raise not_written(self.path, error) from error

    def _close(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        """The muxer is done, with everything or with what there is."""
        whole = error is self._error and self.count > 0  # else the end of the video could not be written
        try:
            if whole:
                self._file.finish()
            else:
                self._file.abandon()
        except OSError as fault:
            whole = False
            if error is None:
                raise not_written(self.path, fault) from fault
        finally:
            if self._partial is not None:
                self._settle(whole and error is None, whole)

    def _settle(self, complete: bool, whole: bool) -> None:
        if whole:
            target = self.path if complete else self._keep_as
            self.kept = None if complete else target
            self._name(target)
        elif _can_be_played(self._growing):
            self.kept = self._growing
        else:
            self._growing.unlink(missing_ok=True)

    def _name(self, target: Path) -> None:
        """Give a video its name."""
        if self.path.suffix.lower() in MP4_SUFFIXES and target != self._growing:
            try:
                rewrap(self._growing, target, self._muxer.format.name, *self.last_shown)
            except (av.FFmpegError, OSError):  # there is no room for two of it
                pass
            else:
                self._growing.unlink()
                return
        os.replace(self._growing, target)


class PipeWriter(Encoder):
    """Writes frames to a pipe, each at once.

    Args:
        pipe: Where to; None: it is set as ``pipe`` before the first frame.
        presentation: How it is to be shown; a number: frames per second.
        form: One of :data:`photoreal.datasets.codecs.PIPES`: ``y4m`` and ``raw`` (rgb24) are uncompressed and hold
            frames alone, at equal distances; the others hold what a file would.
        codec: One of :data:`photoreal.datasets.codecs.CODECS`, for the others.
        crf: Quality: 0 best, 51 worst; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Encode every frame at once.
        name: Of the pipe, for messages.

    Raises:
        ConfigError: The codec or the form is unknown, or the two do not fit.
    """

    def __init__(self, pipe: BinaryIO | None, presentation: Presentation | float, form: str = 'y4m',
                 codec: str = 'h264', crf: int | None = None, audio: AudioCopy | LiveAudio | None = None,
                 origin: Fraction = Fraction(0), low_delay: bool = False, name: str = '-') -> None:
        if form in UNCOMPRESSED:
            if isinstance(presentation, Presentation):
                presentation = replace(presentation, time_base=None)
            super().__init__(name, presentation, PIPES[form], UNCOMPRESSED[form], crf)
        else:
            super().__init__(name, presentation, PIPES[form], find_codec(codec), crf, audio, origin, low_delay)
        self.pipe, self._form = pipe, form

    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        stack.callback(self.pipe.flush)  # of what comes after the last frame
        container = stack.enter_context(self.container.open(self.pipe))
        container.flags |= av.container.Flags.flush_packets.value
        return container

    def _flush(self) -> None:
        """The muxer sees to it."""

    def _start(self, size: tuple[int, int]) -> None:
        super()._start(size)
        if self._form in UNCOMPRESSED:  # which have no place for a tag
            colour = replace(self.presentation.colour, matrix=untagged_matrix(*size))
            self.presentation = replace(self.presentation, colour=colour)

    def write(self, frame: np.ndarray, time: int | None = None, duration: int | None = None) -> None:
        """Append one frame, as in a file.

        Raises:
            DataError: The frame has another shape or type, or nobody reads the pipe any more.
        """
        with self._told():
            super().write(frame, *((None, None) if self._form in UNCOMPRESSED else (time, duration)))
            self.pipe.flush()

    def __exit__(self, *error: Any) -> None:
        with self._told():
            super().__exit__(*error)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with open(os.devnull, 'wb') as nowhere:  # else what is still buffered would raise this again
                os.dup2(nowhere.fileno(), self.pipe.fileno())
            if isinstance(error, BrokenPipeError):
                raise DataError(f'whoever read the output left after {self.count} frames') from error
            raise not_written(self.name, error) from error


def _can_be_played(path: Path) -> bool:
    try:
        with av.open(f'file:{path}') as container:
            return next(container.decode(video=0), None) is not None
    except (av.FFmpegError, OSError, IndexError):
        return False
