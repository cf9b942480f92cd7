"""The only encoder of videos; ``video_writers.py`` says where what it makes goes."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import TypeVar

import av
import cv2
import numpy as np

from photoreal.datasets.audio import AudioCopy, Excerpt, LiveAudio
from photoreal.datasets.codecs import Codec, Container
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.soundtrack import Track, Way, add_track, codec_of
from photoreal.datasets.sources import size_text
from photoreal.errors import ConfigError, DataError, reason

T = TypeVar('T', bound='Encoder')
_REORDERED = 3  # frames; x265 makes up the decoding times of fewer, whose order is that of showing anyway


class Encoder(ABC):
    """Encodes frames, one by one, and puts audio between them; a context manager.

    Frames of odd width or height are padded by repeating the edge where colour has half the resolution.

    Args:
        name: Of what is written, for messages.
        presentation: How it is to be shown; a number: frames per second.
        container: What it is put into.
        codec: What it is encoded with.
        crf: Quality: 0 best, 51 worst, 18 looks like the source; None: the codec's usual one.
        audio: What to put between the frames, in seconds of the source.
        origin: The moment of the source, in seconds, that becomes the beginning.
        low_delay: Write every frame at once, at the price of larger files.

    Attributes:
        ways: How audio streams are written, by their index in the source: None: left out; others are copied.
        lost: Packets of sound that were damaged, and left out.

    Raises:
        ConfigError: The encoder or the container is missing or cannot do that.
    """

    def __init__(self, name: str, presentation: Presentation | float, container: Container, codec: Codec,
                 crf: int | None = None, audio: AudioCopy | LiveAudio | Excerpt | None = None,
                 origin: Fraction = Fraction(0), low_delay: bool = False) -> None:
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
        self.name, self.presentation, self.count, self.lost = name, presentation, 0, 0
        self.container, self.codec, self.crf, self.audio, self.low_delay = container, codec, crf, audio, low_delay
        self.ways: dict[int, Way | None] = {}
        self._origin = origin
        self._tracks: dict[int, Track] = {}
        self._begun = self._broken = False  # nothing may be muxed after a fault: FFmpeg might crash
        self._size: tuple[int, int] | None = None
        self._time = self._end = 0  # of the last frame, in units of the presentation
        self._first: tuple[int, int] | None = None  # when the first packet is shown, and when it is decoded
        self._error: BaseException | None = None  # that ended the writing early

    @abstractmethod
    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        """The container; what has to happen when it is closed goes onto the stack."""

    def __enter__(self: T) -> T:
        with ExitStack() as stack:
            self._muxer = self._open(stack)
            self._stream = self._add_video()
            for stream in self.audio.streams if self.audio else ():
                way = self.ways.get(stream.index, Way())
                if way is not None:
                    self._tracks[stream.index] = self._add_audio(stream, way)
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
        picture = self.presentation.colour.picture(frame, self.codec.pixels)
        picture.pts = time - round(self._origin / self.presentation.unit)
        picture.time_base = self.presentation.unit
        picture.duration = duration or self.presentation.step
        try:
            packets = self._stream.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            raise DataError(f'{self.name}, frame {self.count}: {size_text(frame.shape)} pixels cannot be encoded with '
                            f'{self.codec.encoder} ({reason(error)})') from error
        self._mux(packets)
        self._time, self._end = time, time + picture.duration
        self.count += 1

    @property
    def last_shown(self) -> tuple[Fraction, Fraction]:
        """When the last frame appears in what is written, and when it is over, in seconds."""
        return tuple(moment * self.presentation.unit - self._origin for moment in (self._time, self._end))

    def _add_video(self) -> av.VideoStream:
        crf = self.codec.crf if self.crf is None else self.crf
        options = self.codec.options_for(self.presentation.rate, self.low_delay)
        options.update({} if crf is None else {'crf': str(crf)})
        try:
            stream = self._muxer.add_stream(self.codec.encoder, rate=self.presentation.rate, options=options)
        except ValueError as error:
            raise ConfigError(f'{self.name}: {error}; choose another suffix (.mkv takes all codecs) or '
                              'another codec') from error
        context = stream.codec_context
        context.time_base = self.presentation.unit
        context.pix_fmt = self.codec.pixels
        self.presentation.colour.tag(context)
        if self.codec.encoder == 'libx265':
            context.codec_tag = 'hvc1'  # the kind of H.265 that players of Apple take
        context.flags |= av.codec.context.Flags.frame_duration  # else the last frame of a file has none
        return stream

    def _add_audio(self, stream: av.AudioStream, way: Way) -> Track:
        try:
            return add_track(self._muxer, stream, way)
        except ValueError as error:
            raise ConfigError(f"{self.name}: the source's audio ({codec_of(stream)}) does not fit in there; "
                              'choose a name that ends in .mkv, or leave the audio out (--no-audio)') from error

    def _start(self, size: tuple[int, int]) -> None:
        if min(size) < self.codec.smallest:
            raise DataError(f'{self.name}: {self.codec.encoder} needs frames of {self.codec.smallest} pixels a side')
        self._size = size
        self._pads = self.codec.pixels == 'yuv420p' and (size[0] % 2 or size[1] % 2)
        self._stream.height, self._stream.width = (side + (side % 2 if self._pads else 0) for side in size)

    def _mux(self, packets: list[av.Packet]) -> None:
        """Write packets of the video, and before each the sound up to there."""
        for packet in packets:
            if packet.dts is not None:
                self._first = self._first or (packet.pts, packet.dts)
                self._copy_audio(packet.dts * packet.time_base + self._origin)
            self._put(packet)
        self._flush()

    def _put(self, packet: av.Packet) -> None:
        try:
            if not self._begun:
                self._muxer.start_encoding()
                self._begun = True
            self._muxer.mux(packet)
        except BrokenPipeError:
            self._broken = True
            raise
        except av.FFmpegError as error:
            if self._begun and packet.stream.type == 'audio':
                self.lost += 1
                return
            self._broken = True
            raise DataError(f'{self.name} cannot be written ({reason(error)})') from error
        except OSError:  # of the pipe
            self._broken = True
            raise

    @abstractmethod
    def _flush(self) -> None:
        """What was muxed is whole."""

    def _copy_audio(self, time: Fraction | None) -> None:
        if self.audio is None:
            return
        for packet in self.audio.until(time):
            track = self._tracks.get(packet.stream.index)
            for one in track.packets(packet, self._origin) if track else ():
                self._put(one)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.count:
            if kind is None:
                raise DataError(f'{self.name}: no frame was written; expected at least one')
            return
        if self._broken:
            return
        packets = self._stream.encode(None)
        if self.count < _REORDERED:
            for packet in packets:
                packet.dts = packet.pts
        if packets and packets[-1].dts is not None:
            packets[-1].duration = self._rest(packets[0], packets[-1])
        self._mux(packets)
        self._copy_audio(None if kind is None else self._end * self.presentation.unit)
        for track in self._tracks.values():
            for packet in track.rest():
                self._put(packet)

    def _rest(self, first: av.Packet, last: av.Packet) -> int:
        """How long the packet must last that is decoded last, so that the video ends with its last frame.

        MP4 knows no other duration of the last frame: it adds up the distances of decoding times.
        """
        pts, dts = self._first or (first.pts, first.dts)
        end = round(self.last_shown[1] / last.time_base)
        return max(1, (end - pts) - (last.dts - dts))
