"""How the frames of a video file are found and read in any order, exact to the frame. Only ``sources.py`` uses it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from photoreal.datasets.decoding import ONE_STAMP, Moment, VideoReader, needs_neighbours
from photoreal.datasets.deinterlacing import deinterlaced
from photoreal.datasets.geometry import Geometry
from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.datasets.presentation import Presentation, stored_pixels
from photoreal.datasets.timeline import Timeline
from photoreal.datasets.tracks import open_container, tells_end, told_end, video_track
from photoreal.errors import DataError, reason

_OPEN_DECODERS = 8  # a process: each holds a file and some full frames
_SKIP = 16  # frames that are quicker decoded through than jumped over
_KEPT = 3  # decoded frames: deinterlacing looks at those before and after
_TRIED = 16  # frames that are decoded to see whether the packets of a file can be taken for its frames
_FIELDS = ('h264', 'mpeg2video', 'mpeg1video', 'vc1', 'wmv3', 'cavs')  # codecs whose packets may hold half a frame
_CLOSE = 0.75  # of the least distance of two frames: what lies closer together may be two fields


@dataclass(frozen=True)
class VideoIndex:
    """What was found by going through the whole file once; container headers may lie about the count.

    Attributes:
        length: Frames, among them those that are damaged.
        size: (height, width) as shown.
        presentation: How the video is to be shown.
        geometry: How its pixels are.
        times: (length,) int64, ascending: when frames appear, in units of the presentation.
        end: When the last one is over.
        stamps: (length,) int64, ascending time stamps in the file; None where it has no usable ones, and thus there is
            no seeking.
        keys: Frames that decoding can start at.
        notes: What is in the file and not in the frames, a sentence each.
        changed: When the file was last changed, in nanoseconds.
    """

    length: int
    size: tuple[int, int]
    presentation: Presentation
    geometry: Geometry
    times: np.ndarray
    end: int
    stamps: np.ndarray | None
    keys: list[int]
    notes: list[str]
    changed: int

    def place(self, stamp: int | None) -> int | None:
        """The frame with that time stamp, if there is one."""
        place = self.length if stamp is None else int(np.searchsorted(self.stamps, stamp))
        return place if place < self.length and self.stamps[place] == stamp else None


class _Found(NamedTuple):
    """A frame that was found: its time, duration and stamp as in :class:`Moment`; whether decoding can start there."""

    time: int
    duration: int
    stamp: int | None
    key: bool


def index_video(path: Path | LmdbPath) -> VideoIndex:
    """Go through a video file once, without decoding more than its beginning where its packets are seen to be frames.

    Raises:
        DataError: The file is no video, or holds no frames.
    """
    changed = path.stat().st_mtime_ns
    try:
        with open_container(path) as container:
            reader = VideoReader(container, str(path), threads=1)
            head = list(islice(reader, _TRIED))
        found, stamps = _packets(path, head), None
        if found is None:
            reader, found = _decoded(path)
            stamps = None if reader.mended else _ascending(found)
        else:
            stamps = [one.stamp for one in found]
    except av.FFmpegError as error:
        raise DataError(f'{path}: unreadable video ({reason(error)}); copy or encode it anew') from error
    keys = [0] if stamps is None else [i for i, one in enumerate(found) if one.key]
    first = head[0].frame
    return VideoIndex(len(found), reader.geometry.size(first.height, first.width), reader.presentation, reader.geometry,
                      np.array([one.time for one in found], np.int64), max(one.time + one.duration for one in found),
                      None if stamps is None else np.array(stamps, np.int64), keys, reader.notes, changed)


def _packets(path: Path | LmdbPath, head: Sequence[Moment]) -> list[_Found] | None:
    """The packets of a file, in the order of their stamps, as its frames; None where they may be something else.

    Args:
        path: The file.
        head: Its first frames, decoded.
    """
    with open_container(path) as container:
        track, timeline, found, count = video_track(container, str(path)), Timeline(container), [], 0
        codec = track.codec_context.name
        if codec == 'vp8' or container.format.name in ONE_STAMP:  # VP8 has packets that are never shown
            return None
        for packet in container.demux([track, *container.streams.audio]):
            timeline.mend(packet)
            count += packet.stream == track and packet.size > 0
            if packet.stream == track and packet.size and not packet.is_discard:
                found.append(_Found(packet.pts, packet.duration or 0, packet.pts, packet.is_keyframe))
        told = tells_end(track, count)
    stamps = {one.stamp for one in found}
    if timeline.mended or None in stamps or len(stamps) < len(found) or head[0].stamp is None:
        return None
    found = sorted(one for one in found if one.stamp >= head[0].stamp)
    if [one.stamp for one in found[:len(head)]] != [moment.stamp for moment in head]:
        return None
    if codec in _FIELDS and len(head) > 1:
        least = min(b.stamp - a.stamp for a, b in pairwise(head))
        if any(b.stamp - a.stamp < _CLOSE * least for a, b in pairwise(found)):
            return None
    usual = max(1, head[0].duration)
    found = [one if one.duration > 0 else one._replace(duration=usual) for one in found]
    end = max(one.time + one.duration for one in found)
    found[-1] = found[-1]._replace(duration=(told_end(track, end) if told else end) - found[-1].time)
    return found


def _decoded(path: Path | LmdbPath) -> tuple[VideoReader, list[_Found]]:
    with open_container(path) as container:
        reader = VideoReader(container, str(path), threads=1)
        return reader, [_Found(one.time, one.duration, one.stamp, one.frame is not None and bool(one.frame.key_frame))
                        for one in reader]


def _ascending(found: Sequence[_Found]) -> list[int] | None:
    """The frames' stamps, if each is above the one before; a damaged frame has none and gets what lies between."""
    stamps: list[int] = []
    for one in found:
        stamp = one.stamp if one.stamp is not None else stamps[-1] + 1 if stamps else None
        if stamp is None or (stamps and stamp <= stamps[-1]):
            return None
        stamps.append(stamp)
    return stamps


def pictures_from(path: Path | LmdbPath, index: VideoIndex, start: int,
                  raw: bool) -> Iterator[tuple[Moment, np.ndarray | DataError]]:
    """What :meth:`VideoReader.pictures` gives from a frame on; what lies far before it is jumped over.

    Args:
        path: The file.
        index: Of it.
        start: The frame.
        raw: Do not mix values.
    """
    with ExitStack() as stack:
        reader = VideoReader(stack.enter_context(open_container(path)), str(path))
        key = index.keys[max(0, bisect_right(index.keys, start - 1) - 1)] if index.keys else 0
        moments = None
        if index.stamps is not None and key > _SKIP:
            moments = _from_keyframe(reader, int(index.stamps[key]), int(index.stamps[start - 1]))
            if moments is None:
                reader = VideoReader(stack.enter_context(open_container(path)), str(path))
        for i, (moment, pixels) in enumerate(reader.pictures(raw, start, moments), start):
            if moments is not None and i < index.length:  # the first stamps after a seek may be missing
                moment = moment._replace(time=int(index.times[i]))
                if i == index.length - 1:
                    moment = moment._replace(duration=index.end - moment.time)
            yield moment, pixels


def _from_keyframe(reader: VideoReader, key: int, wanted: int) -> Iterator[Moment] | None:
    """The moments from a stamp on, sought from that of its keyframe; None where it is not found from there."""
    moments = reader.seek(key)
    for moment in moments:
        if moment.stamp == wanted and moment.frame is not None:
            return chain([moment], moments)
        if moment.stamp is not None and moment.stamp > wanted:
            return None
    return None


class Decoder:
    """An open video file and where in it decoding stands. Not for several threads at once."""

    def __init__(self, path: Path | LmdbPath) -> None:
        self._path = path
        self._kept: dict[int, av.VideoFrame] = {}  # the last ones
        self._restart()

    def fetch(self, index: VideoIndex, i: int, raw: bool) -> np.ndarray | None:
        """Frame i as it is shown, (H, W, c); None if the file does not yield it.

        Args:
            index: Of the file.
            i: Which frame.
            raw: Do not mix values.
        """
        frame = self._frame(index, i)
        if frame is None:
            return None
        if needs_neighbours(frame, raw):
            before, after = (self._frame(index, k) if 0 <= k < index.length else None for k in (i - 1, i + 1))
            frame = deinterlaced(before, frame, after)
        return index.geometry.apply(stored_pixels(frame), nearest=raw)

    def _frame(self, index: VideoIndex, i: int) -> av.VideoFrame | None:
        """Frame i as it is decoded."""
        if i in self._kept:
            return self._kept[i]
        near = bisect_right(index.keys, i)
        starts = [index.keys[k] for k in (near - 1, near - 2) if k >= 0] if index.stamps is not None else []
        # A seek may land behind the frame that it was asked for: then start further back, at last from the beginning.
        ways = [*(partial(self._seek, int(index.stamps[start])) for start in starts), self._restart]
        if self._next <= i and not (starts and starts[0] > self._next + _SKIP):
            ways.insert(0, self._go_on)
        for go in ways:
            try:
                go()
                frame = self._advance(index, i)
            except (av.FFmpegError, DataError):
                self._next = index.length  # nothing can be decoded from here on
                continue
            if frame is not None:
                return frame
        return None

    def _go_on(self) -> None:
        """Stay where decoding stands."""

    def _restart(self) -> None:
        self._reader = VideoReader(open_container(self._path), str(self._path), threads=1)
        self._moments, self._next = iter(self._reader), 0

    def _seek(self, stamp: int) -> None:
        self._moments = self._reader.seek(stamp)

    def _advance(self, index: VideoIndex, i: int) -> av.VideoFrame | None:
        for moment in self._moments:
            place = self._next if index.stamps is None else index.place(moment.stamp)
            if place is None:
                continue
            self._next = place + 1
            if moment.frame is not None:
                self._keep(place, moment.frame)
            if place >= i:
                return moment.frame if place == i else None
        self._next = index.length
        return None

    def _keep(self, place: int, frame: av.VideoFrame) -> None:
        self._kept.pop(place, None)
        self._kept[place] = frame
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]


@lru_cache(maxsize=_OPEN_DECODERS)
def decoder(path: Path | LmdbPath, stamp: int, process: int) -> Decoder:
    """The decoder of a file, kept open.

    Args:
        path: The file.
        stamp: Of its index; a file that was written anew gets a new decoder.
        process: Id of the process; a decoder taken along by a fork would share its parent's place in the file.
    """
    return Decoder(path)
