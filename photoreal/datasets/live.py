"""Frames that come one after the other and cannot be asked for twice: pipes, cameras, streams of a network."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from io import RawIOBase
from itertools import count

import av
import numpy as np

from photoreal.datasets.audio import LiveAudio
from photoreal.datasets.presentation import Presentation, presentation_of, stored_pixels
from photoreal.datasets.sources import DEFAULT_FPS
from photoreal.errors import DataError

_CAMERAS = {'linux': ('v4l2', '/dev/video{}'), 'darwin': ('avfoundation', '{}'), 'win32': ('dshow', 'video={}')}
_PATIENCE = 20.0  # seconds without a sign of life from a network


class LiveSource(ABC):
    """Frames in the order in which they come, decoded as they are asked for.

    Attributes:
        name: For messages.
        presentation: How they are to be shown.
        audio: Sound that comes with them and is wanted; None: none.
    """

    name: str
    presentation: Presentation
    audio: LiveAudio | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[int, np.ndarray | DataError]]:
        """Each frame's time in units of the presentation, and its pixels (H, W, c) as stored, c = 1 or 3 (RGB); or
        what is wrong with it.

        Raises:
            DataError: The stream broke down.
        """


class RawPipe(LiveSource):
    """Raw frames in rgb24, one after the other without anything between them.

    Args:
        pipe: Where from; unbuffered, as the lock of a buffer could not be given up by a thread that waits.
        size: (height, width).
        fps: Frames per second.
        name: For messages.
    """

    def __init__(self, pipe: RawIOBase, size: tuple[int, int], fps: float, name: str) -> None:
        self._pipe, self._size, self.name = pipe, size, name
        self.presentation = Presentation.of_rate(fps)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | DataError]]:
        with self._pipe:
            for i in count():
                frame = np.empty((*self._size, 3), np.uint8)
                view, filled = memoryview(frame).cast('B'), 0
                while filled < frame.nbytes and (got := self._pipe.readinto(view[filled:])):
                    filled += got
                if filled < frame.nbytes:
                    break
                yield i, frame
        if filled:
            height, width = self._size
            yield i, DataError(f'{self.name}, frame {i}: the pipe ended after {filled} of the {frame.nbytes} bytes of '
                               f'a frame of {width}x{height}; is that its size?')


class EncodedStream(LiveSource):
    """Whatever FFmpeg can read without going back: a container on a pipe, a camera, a stream of a network.

    Frames that cannot be decoded before the first one that can are passed over: a broadcast is joined in its middle.

    Args:
        address: A file, a URL or a device, as FFmpeg writes them.
        form: Name of the format in FFmpeg; None: found out.
        options: Of FFmpeg, for opening it.
        audio: Whether its sound is wanted, too.
        patient: Wait without end for what does not come.

    Raises:
        DataError: It cannot be opened, or holds no frames.
    """

    def __init__(self, address: str, form: str | None = None, options: Mapping[str, str] | None = None,
                 audio: bool = False, patient: bool = True) -> None:
        self.name = 'the pipe' if address == 'pipe:0' else address
        try:
            self._container = av.open(address, format=form, options=dict(options or {}),
                                      timeout=None if patient else _PATIENCE)
        except (av.FFmpegError, OSError, ValueError) as error:
            hint = '; an MP4 on a pipe must be fragmented, or take mkv, mpegts or y4m' if address == 'pipe:0' else ''
            raise DataError(f'{self.name} cannot be read ({error}){hint}') from error
        if not self._container.streams.video:
            raise DataError(f'{self.name} has no video stream')
        self._video = self._container.streams.video[0]
        if audio and self._container.streams.audio:
            self.audio = LiveAudio(list(self._container.streams.audio))
        self._decoded = self._decode()
        first = next((frame for frame in self._decoded if isinstance(frame, av.VideoFrame)), None)
        if first is None:
            raise DataError(f'{self.name} ended before its first frame')
        rate = self._video.average_rate or self._video.guessed_rate or DEFAULT_FPS
        self.presentation = presentation_of(self._video, first, float(rate), timed=True)
        self._first = first

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | DataError]]:
        time = self._first.pts or 0
        yield time, stored_pixels(self._first)
        for i, frame in enumerate(self._decoded, 1):
            given = frame.pts if isinstance(frame, av.VideoFrame) else None
            # Streams that have no time stamps, or wrong ones, still have an order.
            time = given if given is not None and given > time else time + self.presentation.step
            if isinstance(frame, av.VideoFrame):
                yield time, stored_pixels(frame)
            else:
                yield time, DataError(f'{self.name}, frame {i}: cannot be decoded ({frame})')

    def _decode(self) -> Iterator[av.VideoFrame | str]:
        """Frames, and for each that is broken what is wrong with it; sound is put aside."""
        streams = [self._video, *(self.audio.streams if self.audio else [])]
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                raise DataError(f'{self.name} broke down ({error})') from error
            if packet is None:
                return
            if packet.stream.type == 'audio':
                self.audio.add(packet)
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                yield str(error)
                continue
            for frame in frames:
                yield 'it is damaged' if frame.is_corrupt else frame


def open_camera(which: str, size: tuple[int, int] | None, fps: float | None) -> EncodedStream:
    """A camera of this machine.

    Args:
        which: Its number, or name, or on Linux its device.
        size: (height, width) to ask for; None: the camera's own choice.
        fps: Frames per second to ask for; None: the camera's own choice.

    Raises:
        DataError: There is no such camera, or it cannot do that.
    """
    form, address = _CAMERAS.get(sys.platform, _CAMERAS['linux'])
    options = {} if size is None else {'video_size': f'{size[1]}x{size[0]}'}
    if fps is not None:
        options['framerate'] = f'{fps:g}'
    return EncodedStream(which if which.startswith('/dev/') else address.format(which), form, options)
