"""How sound gets into what is written: copied packet by packet where the container takes it, else encoded anew."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av

from photoreal.datasets.tracks import is_known

# What a track of so many channels means where nothing says so, as FFmpeg takes it.
_LAYOUTS = {1: 'mono', 2: 'stereo', 3: '2.1', 4: '4.0', 5: '5.0', 6: '5.1', 7: '6.1', 8: '7.1'}
_ENCODERS = ('aac', 'libopus', 'libmp3lame', 'mp2', 'pcm_s16le')
_ENCODERS_OF = {'.avi': ('libmp3lame', 'pcm_s16le')}  # players take little else in there
_BITS = 96_000  # a second and a channel


class Way(NamedTuple):
    """How a track is written.

    Attributes:
        encoder: Its name in FFmpeg; None: packets are copied.
        layout: Channels of what is encoded.
    """

    encoder: str | None = None
    layout: str | None = None

    def __str__(self) -> str:
        return f'encoded anew ({self.encoder}, {self.layout})'


def ways(stream: av.AudioStream, suffix: str) -> Iterator[Way]:
    """The ways in which a stream may fit into a container, best first; none where FFmpeg does not know its codec.

    Args:
        stream: Of the source.
        suffix: Of the file.
    """
    if not is_known(stream):
        return
    yield Way()
    for layout in dict.fromkeys((_layout(stream), 'stereo')):
        yield from (Way(encoder, layout) for encoder in _ENCODERS_OF.get(suffix, _ENCODERS))


class Track(ABC):
    """A track of what is written."""

    stream: av.AudioStream

    @abstractmethod
    def packets(self, packet: av.Packet, shift: Fraction) -> Iterator[av.Packet]:
        """What to write for a packet of the source that is to be heard ``shift`` seconds earlier than there."""

    def rest(self) -> Iterator[av.Packet]:
        """What to write after the last one."""
        yield from ()


def add_track(container: av.container.OutputContainer, stream: av.AudioStream, way: Way) -> Track:
    """Add a track for a stream of the source.

    Raises:
        ValueError: The container has no place for it.
    """
    return _Copy(container, stream) if way.encoder is None else _Encoded(container, stream, way)


class _Copy(Track):
    def __init__(self, container: av.container.OutputContainer, stream: av.AudioStream) -> None:
        self.stream = container.add_stream_from_template(stream)
        if not _is_named(stream.layout):  # raw sound often has a mere count of channels, which an MP4 does not take
            self.stream.codec_context.layout = _layout(stream)
        # In a broadcast every packet of AAC has the header that an MP4 wants once. Other muxers see to it themselves.
        has_headers = stream.codec_context.name.startswith('aac') and not stream.codec_context.extradata
        self._filter = av.BitStreamFilterContext('aac_adtstoasc', stream) \
            if has_headers and 'movflags' in container.container_options else None
        self._last: int | None = None

    def packets(self, packet: av.Packet, shift: Fraction) -> Iterator[av.Packet]:
        units = round(shift / packet.time_base)
        packet.pts -= units
        packet.dts = packet.pts if packet.dts is None else packet.dts - units
        if self._last is not None and packet.dts <= self._last:  # of a source that was joined, or is damaged
            packet.dts = self._last + 1
            packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts
        for one in [packet] if self._filter is None else self._filtered(packet):
            one.stream = self.stream
            yield one

    def _filtered(self, packet: av.Packet) -> list[av.Packet]:
        try:
            return self._filter.filter(packet)
        except av.FFmpegError:
            return []  # damaged


class _Encoded(Track):
    def __init__(self, container: av.container.OutputContainer, stream: av.AudioStream, way: Way) -> None:
        rates = av.Codec(way.encoder, 'w').audio_rates or [48000]  # which is all that MXF takes
        rate = min(rates, key=lambda rate: (rate < stream.rate, abs(rate - stream.rate)))
        self.stream = container.add_stream(way.encoder, rate=rate, layout=way.layout)
        if not way.encoder.startswith('pcm'):
            self.stream.bit_rate = _BITS * min(2, self.stream.codec_context.channels)
        self._end: Fraction | None = None

    def packets(self, packet: av.Packet, shift: Fraction) -> Iterator[av.Packet]:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            return  # damaged: silence
        for frame in frames:
            if frame.pts is None:
                continue
            starts = frame.pts * frame.time_base - shift
            if self._end is not None and starts < self._end - Fraction(1, 20):
                continue  # it has been heard: a clock that jumps back
            self._end = starts + Fraction(frame.samples, frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(starts * frame.sample_rate)
            yield from self.stream.encode(frame)

    def rest(self) -> Iterator[av.Packet]:
        if self._end is not None:
            yield from self.stream.encode(None)


def codec_of(stream: av.AudioStream) -> str:
    """What a stream is encoded with, for messages."""
    return stream.codec_context.name if is_known(stream) else 'of an unknown codec'


def _layout(stream: av.AudioStream) -> str:
    return stream.layout.name if _is_named(stream.layout) else _LAYOUTS.get(stream.layout.nb_channels, 'stereo')


def _is_named(layout: av.AudioLayout) -> bool:
    return all(channel.name != 'NONE' for channel in layout.channels)
