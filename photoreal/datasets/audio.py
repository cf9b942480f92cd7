"""Sound that accompanies frames: copied packet by packet, not decoded."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from photoreal.datasets.timeline import Timeline
from photoreal.datasets.tracks import open_container, video_track

_BEGINNING = 12  # packets of a stream


class AudioCopy:
    """The packets of all audio streams of a video file, in the order in which they are to be written.

    Args:
        path: The file.
        start: Leave out what begins before, in seconds; None: from its start.
        end: Leave out what begins then or later, in seconds; None: to its end.
    """

    def __init__(self, path: Path, start: Fraction | None = None, end: Fraction | None = None) -> None:
        self._path, self._from, self._to = path, start, end
        self._container = open_container(path)
        self.streams = list(self._container.streams.audio)
        self._next: av.Packet | None = None
        self._packets = self._demux() if self.streams else iter(())

    def beginning(self, stream: av.AudioStream) -> list[av.Packet]:
        """The first packets of one of the streams, whatever was given so far."""
        container = open_container(self._path)
        packets = container.demux(container.streams[stream.index])
        try:
            return list(islice((packet for packet in packets if heard_at(packet) is not None), _BEGINNING))
        except av.FFmpegError:
            return []

    @property
    def begins(self) -> Fraction | None:
        """When the stream that starts first does, in seconds; None where that is unknown."""
        times = [s.start_time * s.time_base for s in self.streams if s.start_time is not None]
        return min(times, default=None)

    def _demux(self) -> Iterator[av.Packet]:
        # The picture's packets tell, too, where the clock of a joined recording starts anew.
        timeline = Timeline(self._container)
        for packet in self._container.demux([video_track(self._container, str(self._path)), *self.streams]):
            timeline.mend(packet)
            if packet.stream.type == 'audio':
                yield packet

    def until(self, time: Fraction | None) -> Iterator[av.Packet]:
        """The packets that begin before a time in seconds (None: all), of those not given yet."""
        time = min((t for t in (time, self._to) if t is not None), default=None)
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            if heard_at(packet) is None or (self._from is not None and heard_at(packet) < self._from):
                continue  # a packet without a time is the empty one that ends a stream
            if time is not None and heard_at(packet) >= time:
                self._next = packet
                return
            yield packet


class LiveAudio:
    """The packets of audio streams that arrive between those of the picture.

    Args:
        streams: The streams.

    Attributes:
        start: What begins before is left out, in seconds; None: nothing is.
    """

    def __init__(self, streams: list[av.AudioStream]) -> None:
        self.streams = streams
        self.start: Fraction | None = None
        self._waiting: deque[av.Packet] = deque()

    def add(self, packet: av.Packet) -> None:
        """One has arrived."""
        if heard_at(packet) is not None:
            self._waiting.append(packet)

    def beginning(self, stream: av.AudioStream) -> list[av.Packet]:
        """Copies of the first packets of one of the streams that wait."""
        waiting = [packet for packet in self._waiting if packet.stream.index == stream.index]
        return [_copied(packet) for packet in waiting[:_BEGINNING]]

    def until(self, time: Fraction | None) -> Iterator[av.Packet]:
        """The packets that begin before a time in seconds (None: all), of those that came and were not given yet."""
        while self._waiting and (time is None or heard_at(self._waiting[0]) < time):
            packet = self._waiting.popleft()
            if self.start is None or heard_at(packet) >= self.start:
                yield packet


class Excerpt:
    """The beginning of one stream, moved to time 0.

    Args:
        stream: The stream.
        packets: Its first packets.
    """

    def __init__(self, stream: av.AudioStream, packets: list[av.Packet]) -> None:
        self.streams, self._packets = [stream], packets
        shift = packets[0].pts if packets else 0
        for packet in packets:
            packet.pts -= shift
            packet.dts = None if packet.dts is None else packet.dts - shift

    def until(self, time: Fraction | None) -> Iterator[av.Packet]:
        """All of them, once."""
        packets, self._packets = self._packets, []
        yield from packets


def _copied(packet: av.Packet) -> av.Packet:
    copy = av.Packet(bytes(packet))
    copy.stream, copy.time_base, copy.is_keyframe = packet.stream, packet.time_base, packet.is_keyframe
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    return copy


def heard_at(packet: av.Packet) -> Fraction | None:
    """When a packet is heard, in seconds."""
    return None if packet.pts is None else packet.pts * packet.time_base
