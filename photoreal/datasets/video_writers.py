"""The only encoder of videos: into files, which get their final name only when they are complete, and into pipes."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

import av
import cv2
import numpy as np

from photoreal.datasets.audio import AudioCopy, LiveAudio
from photoreal.datasets.presentation import Presentation, untagged_matrix
from photoreal.datasets.sources import size_text
from photoreal.datasets.writers import atomic_path
from photoreal.errors import ConfigError, DataError
from photoreal.registry import suggest

T = TypeVar('T', bound='_Encoder')


@dataclass(frozen=True)
class Codec:
    """How frames are encoded.

    Attributes:
        encoder: Its name in FFmpeg.
        pixels: The pixel format that it gets.
        crf: Quality where none is asked for; None where the codec has no such thing.
        options: Of the encoder.
        low_delay: Options that make a packet of each frame at once.
    """

    encoder: str
    pixels: str
    crf: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    low_delay: Mapping[str, str] = field(default_factory=dict)


CODECS = {
    'h264': Codec('libx264', 'yuv420p', 18, low_delay={'tune': 'zerolatency'}),
    'h265': Codec('libx265', 'yuv420p', 18, {'x265-params': 'log-level=error'}, {'tune': 'zerolatency'}),
    'ffv1': Codec('ffv1', 'bgr0', options={'level': '3', 'slicecrc': '1'}),  # RGB, so that nothing at all is lost
}
_UNCOMPRESSED = {'y4m': Codec('rawvideo', 'yuv420p'), 'raw': Codec('rawvideo', 'rgb24')}
PIPE_FORMATS = {'y4m': 'yuv4mpegpipe', 'raw': 'rawvideo', 'mkv': 'matroska', 'mpegts': 'mpegts'}


class _Encoder(ABC):
    """Encodes frames, one by one, and puts audio between them; a context manager.

    Frames of odd width or height are padded by repeating the edge where colour has half the resolution.

    Args:
        name: Of what is written, for messages.
        presentation: How it is to be shown; a number: frames per second.
        codec: What it is encoded with.
        crf: Quality: 0 best, 51 worst, 18 looks like the source; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Write every frame at once, at the price of larger files.

    Raises:
        ConfigError: The encoder or the container is missing or cannot do that.
    """

    def __init__(self, name: str, presentation: Presentation | float, codec: Codec, crf: int | None = None,
                 audio: AudioCopy | LiveAudio | None = None, origin: Fraction = Fraction(0),
                 low_delay: bool = False) -> None:
        if not isinstance(presentation, Presentation):
            if not presentation > 0:
                raise ConfigError(f'{name}: fps={presentation}; expected frames per second above 0')
            presentation = Presentation.of_rate(presentation)
        if crf is not None and codec.crf is None:
            raise ConfigError(f'{name}: {codec.encoder} encodes without loss, there is no crf to choose; leave it out')
        if crf is not None and not 0 <= crf <= 51:
            raise ConfigError(f'{name}: crf={crf}; expected 0 (best) to 51 (worst)')
        try:
            av.Codec(codec.encoder, 'w')
        except ValueError as error:
            raise ConfigError(f"{name}: this PyAV has no encoder '{codec.encoder}'; install PyAV's wheel "
                              '(pip install av), or choose another codec') from error
        self.name, self.presentation, self.count = name, presentation, 0
        self._codec, self._audio, self._origin, self._low_delay = codec, audio, origin, low_delay
        crf = codec.crf if crf is None else crf
        self._options = {**codec.options, **(codec.low_delay if low_delay else {}),
                         **({} if crf is None else {'crf': str(crf)})}
        self._size: tuple[int, int] | None = None
        self._end = 0  # of the last frame, in units of the presentation
        self._error: BaseException | None = None  # that ended the writing early

    @abstractmethod
    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        """The container; what has to happen when it is closed goes onto the stack."""

    def __enter__(self: T) -> T:
        with ExitStack() as stack:
            self._container = self._open(stack)
            self._stream = self._add_video()
            self._tracks = {stream.index: self._add_audio(stream) for stream in self._audio.streams} \
                if self._audio else {}
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._error = error
        try:
            self._stack.__exit__(kind, error, trace)
        except (av.FFmpegError, OSError, DataError):
            if error is None:
                raise  # else what made it end early tells more

    def write(self, frame: np.ndarray, time: int | None = None, duration: int | None = None) -> None:
        """Append one frame.

        Args:
            frame: (H, W, 3) uint8 RGB, of the same size as the first.
            time: When it appears, in units of the presentation; None: at its distance from the one before.
            duration: How long it is shown if it is the last, in the same units; None: the usual distance.

        Raises:
            DataError: The frame has another shape or type.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise DataError(f'{self.name}: frame {self.count} has shape {frame.shape} and type {frame.dtype}; '
                            'expected (H, W, 3) uint8')
        if self._size is None:
            self._start(frame.shape[:2])
        if frame.shape[:2] != self._size:
            raise DataError(f'{self.name}: frame {self.count} has {size_text(frame.shape)} pixels, '
                            f'those before it {size_text(self._size)}; all must have the same size')
        if self._pads:
            height, width = self._size
            frame = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        time = self._end if time is None else time
        picture = self.presentation.colour.picture(frame, self._codec.pixels)
        picture.pts = time - round(self._origin / self.presentation.unit)
        picture.time_base = self.presentation.unit
        picture.duration = duration or self.presentation.step
        self._mux(self._stream.encode(picture))
        self._copy_audio(time * self.presentation.unit)
        self._end = time + picture.duration
        self.count += 1

    def _add_video(self) -> av.VideoStream:
        try:
            stream = self._container.add_stream(self._codec.encoder, rate=self.presentation.rate, options=self._options)
        except ValueError as error:
            raise ConfigError(f'{self.name}: {error}; choose another suffix (.mkv takes all codecs) or '
                              'another codec') from error
        context = stream.codec_context
        context.time_base = self.presentation.unit
        context.pix_fmt = self._codec.pixels
        self.presentation.colour.tag(context)
        if self._codec.encoder == 'libx265':
            context.codec_tag = 'hvc1'  # the kind of H.265 that players of Apple take
        context.flags |= av.codec.context.Flags.frame_duration  # else the last frame of a file has none
        return stream

    def _add_audio(self, stream: av.AudioStream) -> av.AudioStream:
        try:
            return self._container.add_stream_from_template(stream)
        except ValueError as error:
            raise ConfigError(f"{self.name}: the source's audio ({stream.codec_context.name}) does not fit in there; "
                              'choose a name that ends in .mkv, or leave the audio out (--no-audio)') from error

    def _start(self, size: tuple[int, int]) -> None:
        self._size = size
        self._pads = self._codec.pixels == 'yuv420p' and (size[0] % 2 or size[1] % 2)
        self._stream.height, self._stream.width = (side + (side % 2 if self._pads else 0) for side in size)

    def _mux(self, packets: av.Packet | list[av.Packet]) -> None:
        try:
            self._container.mux(packets)
        except BrokenPipeError:
            raise
        except (av.FFmpegError, OSError) as error:
            hint = '; its sound may be what does not fit: try without it (--no-audio)' if self._tracks else ''
            raise DataError(f'{self.name} cannot be written ({error}){hint}') from error

    def _copy_audio(self, time: Fraction | None) -> None:
        if self._audio is None:
            return
        for packet in self._audio.until(time):
            track = self._tracks[packet.stream.index]
            shift = round(self._origin / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = track
            self._mux(packet)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.count:
            if kind is None:
                raise DataError(f'{self.name}: no frame was written; expected at least one')
            return
        self._mux(self._stream.encode(None))
        self._copy_audio(None if kind is None else self._end * self.presentation.unit)


class VideoWriter(_Encoder):
    """Writes frames to a file, which gets its name when the ``with`` block ends without an exception.

    Args:
        path: The file; its suffix chooses the container (``.mp4``, ``.mkv``...).
        presentation: How it is to be shown; a number: frames per second.
        codec: One of :data:`CODECS`.
        crf: Quality: 0 best, 51 worst, 18 looks like the source; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Write every frame at once, at the price of a larger file.
        keep_as: After an exception the frames written so far remain under this name, as a whole video; None: nothing
            remains.

    Raises:
        ConfigError: The codec, the container or the two together are unknown.
    """

    def __init__(self, path: str | os.PathLike, presentation: Presentation | float, codec: str = 'h264',
                 crf: int | None = None, audio: AudioCopy | LiveAudio | None = None, origin: Fraction = Fraction(0),
                 low_delay: bool = False, keep_as: Path | None = None) -> None:
        super().__init__(str(path), presentation, find_codec(codec), crf, audio, origin, low_delay)
        self.path, self._keep_as = Path(path), keep_as

    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        self._temporary = stack.enter_context(atomic_path(self.path))
        stack.push(self._keep)
        try:
            return stack.enter_context(av.open(str(self._temporary), 'w'))
        except ValueError as error:
            raise ConfigError(f"{self.path}: no video container has the suffix '{self.path.suffix}'; "
                              'use .mp4 or .mkv') from error

    def _keep(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        finished = error is self._error  # else the end of the file could not be written either
        if error is not None and finished and self._keep_as is not None and self.count:
            os.replace(self._temporary, self._keep_as)


class PipeWriter(_Encoder):
    """Writes frames to a pipe, each at once.

    Args:
        pipe: Where to.
        presentation: How it is to be shown; a number: frames per second.
        form: One of :data:`PIPE_FORMATS`: ``y4m`` and ``raw`` (rgb24) are uncompressed and hold frames alone, at
            equal distances; the others hold what a file would.
        codec: One of :data:`CODECS`, for the others.
        crf: Quality: 0 best, 51 worst; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Encode every frame at once.

    Raises:
        ConfigError: The codec or the form is unknown, or the two do not fit.
    """

    def __init__(self, pipe: BinaryIO, presentation: Presentation | float, form: str = 'y4m', codec: str = 'h264',
                 crf: int | None = None, audio: AudioCopy | LiveAudio | None = None, origin: Fraction = Fraction(0),
                 low_delay: bool = False) -> None:
        if form in _UNCOMPRESSED:
            if isinstance(presentation, Presentation):
                presentation = replace(presentation, time_base=None)
            super().__init__('-', presentation, _UNCOMPRESSED[form], crf)
        else:
            super().__init__('-', presentation, find_codec(codec), crf, audio, origin, low_delay)
        self._pipe, self._form = pipe, form

    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        stack.callback(self._pipe.flush)  # of what comes after the last frame
        container = stack.enter_context(av.open(self._pipe, 'w', format=PIPE_FORMATS[self._form]))
        container.flags |= av.container.Flags.flush_packets.value
        return container

    def _start(self, size: tuple[int, int]) -> None:
        super()._start(size)
        if self._form in _UNCOMPRESSED:  # which have no place for a tag
            colour = replace(self.presentation.colour, matrix=untagged_matrix(*size))
            self.presentation = replace(self.presentation, colour=colour)

    def write(self, frame: np.ndarray, time: int | None = None, duration: int | None = None) -> None:
        """Append one frame, as in a file.

        Raises:
            DataError: The frame has another shape or type, or nobody reads the pipe any more.
        """
        try:
            super().write(frame, *((None, None) if self._form in _UNCOMPRESSED else (time, duration)))
            self._pipe.flush()
        except BrokenPipeError as error:
            with open(os.devnull, 'wb') as nowhere:  # else what is still buffered would raise this again
                os.dup2(nowhere.fileno(), self._pipe.fileno())
            raise DataError(f'whoever read the output left after {self.count} frames') from error


def find_codec(name: str) -> Codec:
    """The codec of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in CODECS:
        raise ConfigError(f"there is no codec '{name}'{suggest(name, CODECS)}")
    return CODECS[name]
