"""Frames that come one after the other and cannot be asked for twice; ``pipes.py`` opens what comes through a pipe."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import RawIOBase
from itertools import count

import av
import numpy as np

from photoreal.datasets.audio import LiveAudio
from photoreal.datasets.decoding import VideoReader
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.tracks import open_media
from photoreal.errors import DataError, reason

_CAMERAS = {'linux': ('v4l2', '/dev/video{}'), 'darwin': ('avfoundation', '{}'), 'win32': ('dshow', 'video={}')}
_PATIENCE = 20.0  # seconds without a sign of life from a network


class LiveSource(ABC):
    """Frames in the order in which they come, decoded as they are asked for.

    Attributes:
        name: For messages.
        presentation: How they are to be shown.
        audio: Sound that comes with them and is wanted; None: none.
        notes: What comes and is not in the frames, a sentence each.
        opened: What is left after the last frame.
    """

    name: str
    presentation: Presentation
    audio: LiveAudio | None = None
    notes: Sequence[str] = ()
    opened: AbstractContextManager = nullcontext()

    @abstractmethod
    def frames(self, raw: bool = False) -> Generator[tuple[int, int, np.ndarray | DataError], None, None]:
        """Each frame's time and duration in units of the presentation, and its pixels (H, W, c), c = 1 or 3 (RGB); or
        what is wrong with it.

        Args:
            raw: Do not mix values, as those of maps must not be.

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
        self._pipe, self._size, self.name, self.opened = pipe, size, name, pipe
        self.presentation = Presentation.of_rate(fps)

    def frames(self, raw: bool = False) -> Generator[tuple[int, int, np.ndarray | DataError], None, None]:
        with self.opened:
            for i in count():
                frame = np.empty((*self._size, 3), np.uint8)
                view, filled = memoryview(frame).cast('B'), 0
                while filled < frame.nbytes and (got := self._pipe.readinto(view[filled:])):
                    filled += got
                if filled < frame.nbytes:
                    break
                yield i, 1, frame
        if filled:
            height, width = self._size
            yield i, 1, DataError(f'{self.name}, frame {i}: the pipe ended after {filled} of the {frame.nbytes} bytes '
                                  f'of a frame of {width}x{height}; is that its size?')


class EncodedStream(LiveSource):
    """Whatever FFmpeg can read without going back: a container on a pipe, a camera, a stream of a network.

    Args:
        container: An open one.
        name: What to call it in messages.
        audio: Whether its sound is wanted, too.
        begun: Packets that were taken out of the container already.

    Raises:
        DataError: It holds no frames.
    """

    def __init__(self, container: av.container.InputContainer, name: str, audio: bool = False,
                 begun: Sequence[av.Packet] = ()) -> None:
        self.name, self._reader = name, VideoReader(container, name, audio, begun=begun)
        self.presentation, self.audio, self.notes = self._reader.presentation, self._reader.audio, self._reader.notes

    def frames(self, raw: bool = False) -> Generator[tuple[int, int, np.ndarray | DataError], None, None]:
        with self.opened:
            for moment, pixels in self._reader.pictures(raw):
                yield moment.time, moment.duration, pixels


def open_stream(address: str, audio: bool = False) -> EncodedStream:
    """A stream of a network.

    Args:
        address: Its URL.
        audio: Whether its sound is wanted, too.

    Raises:
        DataError: It cannot be read, or holds no frames.
    """
    # RTSP over TCP: whole frames rather than torn ones.
    options = {'rtsp_transport': 'tcp'} if address.startswith('rtsp') else {}
    return EncodedStream(_open(address, None, options, _PATIENCE), address, audio)


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
    address = which if which.startswith('/dev/') else address.format(which)
    return EncodedStream(_open(address, form, options, None), address)


def _open(address: str, form: str | None, options: dict[str, str],
          patience: float | None) -> av.container.InputContainer:
    try:
        return open_media(address, format=form, options=options, timeout=patience)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f'{address} cannot be read ({reason(error)})') from error
