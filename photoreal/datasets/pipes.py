"""Opens whatever comes through a pipe, as the file that it was would be."""

import shutil
import struct
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from io import RawIOBase
from itertools import islice
from typing import BinaryIO

import av
import numpy as np

from photoreal.datasets.decoding import DEFAULT_FPS
from photoreal.datasets.live import EncodedStream, LiveSource
from photoreal.datasets.pictures import decode_bytes, notes_of_bytes
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.tracks import open_media
from photoreal.errors import DataError, reason

_HEAD = 16  # bytes that tell a kind of file from others
_MXF = bytes.fromhex('060e2b34020501010d010201')  # a partition (SMPTE ST 377-1, 7.1); its index may lie at the end
_BOX = struct.Struct('>I4s')  # length and name of a box of MP4 (ISO/IEC 14496-12, 4.2) or a chunk of PNG
_BEFORE_TABLES = (b'ftyp', b'free', b'skip', b'wide', b'pnot', b'uuid', b'styp')
_LARGEST_BOX = 1 << 20  # bytes of those
_WHOLE_PICTURES = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+', b'BM')  # TIFF and BMP, whose end cannot be told
_LARGEST_CHUNK = 1 << 16  # bytes, of those before the pixels of a PNG
_PICTURES = ('jpeg_pipe', 'png_pipe')  # formats of FFmpeg: one picture file after the other


class Pipe:
    """A pipe of which the first bytes can be looked at before they are read.

    Args:
        raw: Unbuffered, as the lock of a buffer could not be given up by a thread that waits.
    """

    def __init__(self, raw: RawIOBase) -> None:
        self._raw, self._seen = raw, b''

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        while len(self._seen) < count and (more := self._raw.read(count - len(self._seen))):
            self._seen += more
        return self._seen[:count]

    def read(self, count: int = -1) -> bytes:
        """Some of the next bytes; none at the end."""
        if self._seen:
            given, self._seen = (self._seen, b'') if count < 0 else (self._seen[:count], self._seen[count:])
            return given if count >= 0 else given + self._raw.read()
        return self._raw.read(count)


def open_pipe(raw: RawIOBase, name: str, audio: bool = False) -> LiveSource:
    """What comes through a pipe.

    Args:
        raw: The pipe.
        name: What to call it in messages.
        audio: Whether its sound is wanted, too.

    Raises:
        DataError: It cannot be read.
    """
    with ExitStack() as stack:
        source = _open(Pipe(stack.enter_context(raw)), stack, name, audio)
        source.opened = stack.pop_all()
    return source


def _open(pipe: Pipe, stack: ExitStack, name: str, audio: bool) -> 'PictureStream | EncodedStream':
    if _is_whole_picture(pipe):
        return PictureStream(pipe.read(), name)
    try:
        container = open_media(_spooled(pipe, stack, name) if _needs_a_file(pipe) else pipe)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f'{name} cannot be read ({reason(error)})') from error
    begun: list[av.Packet] = []
    if container.format.name in _PICTURES:
        # More than one JPEG are a film; what begins otherwise lies behind a picture, such as that of a motion photo.
        begun = list(islice(container.demux(video=0), 2))
        files = [bytes(packet) for packet in begun if packet.size]
        if len(files) == 1 or files[1][:2] != files[0][:2]:
            return PictureStream(files[0], name)
    return EncodedStream(container, name, audio, begun)


class PictureStream(LiveSource):
    """A picture file, read as that of a folder is.

    Args:
        data: Its contents.
        name: What to call the stream in messages.

    Raises:
        DataError: It is damaged.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name, self.notes, self._data = name, notes_of_bytes(data, name), data
        self.presentation = Presentation.of_rate(DEFAULT_FPS)

    def frames(self, raw: bool = False) -> Generator[tuple[int, int, np.ndarray | DataError], None, None]:
        with self.opened:
            try:
                pixels = decode_bytes(self._data, self.name, raw)[1]
            except DataError as error:
                pixels = error
            yield 0, 1, pixels


def _is_whole_picture(pipe: Pipe) -> bool:
    head = pipe.peek(_HEAD)
    if head.startswith(b'RIFF'):
        return head[8:12] == b'WEBP'
    return _is_animated_png(pipe) if head.startswith(b'\x89PNG') else head.startswith(_WHOLE_PICTURES)


def _is_animated_png(pipe: Pipe) -> bool:
    """Whether a PNG holds several pictures, which a chunk before the pixels tells."""
    place = 8
    while len(header := pipe.peek(place + _BOX.size)[place:]) == _BOX.size:
        length, kind = _BOX.unpack(header)
        if kind in (b'acTL', b'IDAT') or length > _LARGEST_CHUNK:
            return kind == b'acTL'
        place += _BOX.size + length + 4
    return False


def _needs_a_file(pipe: Pipe) -> bool:
    """Whether what comes is MXF, or an MP4 or MOV that begins with its samples, and only then tells which is where."""
    if pipe.peek(_HEAD).startswith(_MXF):
        return True
    place = 0
    while len(header := pipe.peek(place + _HEAD)[place:]) == _HEAD:
        length, name = _BOX.unpack_from(header)
        if name == b'mdat':
            return True
        if name not in _BEFORE_TABLES or not _BOX.size <= length <= _LARGEST_BOX:
            return False
        place += length
    return False


def _spooled(pipe: Pipe, stack: ExitStack, name: str) -> BinaryIO:
    file = stack.enter_context(tempfile.TemporaryFile())
    try:
        shutil.copyfileobj(pipe, file, 1 << 20)
        file.seek(0)
    except OSError as error:
        raise DataError(f'{name} holds a container that can be read from a file alone, and {tempfile.gettempdir()} '
                        f'cannot hold it ({error.strerror}); name another folder (TMPDIR=...), or send mkv') from error
    return file
