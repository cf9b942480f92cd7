"""How a video file is indexed and decoded, exact to the frame. Only ``sources.py`` uses it."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.datasets.presentation import Presentation, presentation_of
from photoreal.errors import DataError

_OPEN_DECODERS = 8  # a process: each holds a file and some full frames
_SKIP = 16  # frames that are quicker decoded through than jumped over


@dataclass(frozen=True)
class VideoIndex:
    """What was found by going through the whole file once; container headers may lie about the count.

    Attributes:
        length: Frames.
        size: (height, width).
        fps: Frames per second.
        times: (length,) int64, ascending time stamps; None where the file has no usable ones, and thus no seeking.
        keys: Frames that decoding can start at.
        stamp: When the file was last changed, in nanoseconds.
    """

    length: int
    size: tuple[int, int]
    fps: float
    times: np.ndarray | None
    keys: list[int]
    stamp: int

    def place(self, time: int | None) -> int | None:
        """The frame with that time stamp, if there is one."""
        place = self.length if time is None else int(np.searchsorted(self.times, time))
        return place if place < self.length and self.times[place] == time else None


def open_video(path: Path | LmdbPath) -> tuple[av.container.InputContainer, av.VideoStream]:
    try:
        container = av.open(path.open() if isinstance(path, LmdbPath) else str(path))
    except (av.FFmpegError, OSError) as error:
        raise DataError(f'{path}: unreadable video ({error}); copy or encode it anew') from error
    if not container.streams.video:
        container.close()
        raise DataError(f'{path}: found no video stream in the file; expected one')
    stream = container.streams.video[0]
    stream.thread_count = 1  # workers are the parallelism; threads would not survive a fork
    return container, stream


def index_video(path: Path | LmdbPath, fps_if_unknown: float) -> VideoIndex:
    """Go through a video file once, without decoding where its time stamps can be trusted.

    Raises:
        DataError: The file is no video, or holds no frames.
    """
    container, stream = open_video(path)
    stamp = path.stat().st_mtime_ns
    try:
        with container:
            size = (stream.codec_context.height, stream.codec_context.width)
            fps = float(stream.average_rate or stream.guessed_rate or fps_if_unknown)
            # VP8 has packets without a picture, and AVI stamps packets in the order of decoding.
            trusted = stream.codec_context.name != 'vp8' and container.format.name != 'avi'
            found = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.size and not p.is_discard]
        if trusted and None not in (times := [t for t, _ in found]) and len(set(times)) == len(times):
            found.sort()
        else:
            container, stream = open_video(path)
            with container:
                found = [(f.pts, bool(f.key_frame)) for f in container.decode(stream)]
    except av.FFmpegError as error:
        raise DataError(f'{path}: unreadable video ({error}); copy or encode it anew') from error
    if not found:
        raise DataError(f'{path}: found no frames in the video; copy or encode it anew')
    times = [t for t, _ in found]
    if None in times or any(a >= b for a, b in pairwise(times)):
        return VideoIndex(len(found), size, fps, None, [0], stamp)
    keys = [i for i, (_, key) in enumerate(found) if key]
    return VideoIndex(len(found), size, fps, np.array(times), keys, stamp)


class Decoder:
    """An open video file and where in it decoding stands. Not for several threads at once."""

    def __init__(self, path: Path | LmdbPath) -> None:
        self._path = path
        self._restart()

    def fetch(self, index: VideoIndex, i: int) -> av.VideoFrame | None:
        """Frame i; None if the file does not yield it."""
        near = bisect_right(index.keys, i)
        starts = [index.keys[k] for k in (near - 1, near - 2) if k >= 0] if index.times is not None else []
        # A seek may land behind the frame that it was asked for: then start further back, at last from the beginning.
        ways = [*(partial(self._seek, int(index.times[start])) for start in starts), self._restart]
        if self._next <= i and not (starts and starts[0] > self._next + _SKIP):
            ways.insert(0, self._go_on)
        for go in ways:
            try:
                go()
                frame = self._advance(index, i)
            except av.FFmpegError:
                self._next = index.length  # nothing can be decoded from here on
                continue
            if frame is not None:
                return frame
        return None

    def presentation(self, index: VideoIndex) -> Presentation:
        """How the video is to be shown, as the first of its frames that can be decoded tells."""
        frame = next(filter(None, (self.fetch(index, i) for i in range(min(index.length, _SKIP)))), None)
        if frame is None:
            return Presentation.of_rate(index.fps)
        return presentation_of(self._stream, frame, index.fps, index.times is not None)

    def _go_on(self) -> None:
        """Stay where decoding stands."""

    def _restart(self) -> None:
        self._container, self._stream = open_video(self._path)
        self._frames = self._container.decode(self._stream)
        self._next = 0

    def _seek(self, time: int) -> None:
        self._container.seek(time, stream=self._stream)
        self._frames = self._container.decode(self._stream)

    def _advance(self, index: VideoIndex, i: int) -> av.VideoFrame | None:
        for frame in self._frames:
            place = self._next if index.times is None else index.place(frame.pts)
            if place is None:
                continue
            self._next = place + 1
            if place >= i:
                return frame if place == i and not frame.is_corrupt else None
        self._next = index.length
        return None


@lru_cache(maxsize=_OPEN_DECODERS)
def decoder(path: Path | LmdbPath, stamp: int, process: int) -> Decoder:
    """The decoder of a file, kept open.

    Args:
        path: The file.
        stamp: Of its index; a file that was written anew gets a new decoder.
        process: Id of the process; a decoder taken along by a fork would share its parent's place in the file.
    """
    return Decoder(path)
