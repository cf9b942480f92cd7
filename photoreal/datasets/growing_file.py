"""A file that a muxer writes piece by piece, and of which every piece that was written stays whole."""

import errno
import os
from io import FileIO
from pathlib import Path

from photoreal.errors import DataError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open for writing cannot be replaced anyway
    fcntl = None


class GrowingFile:
    """What a muxer writes reaches the disk a piece at a time, when :meth:`flush` is called.

    Muxers go back at their end to correct the beginning of a file. Such corrections wait for :meth:`finish`, behind
    everything else, so that a process that is killed, or a disk that fills, leaves the file as it was while it grew: an
    MP4 in fragments, a Matroska file without its table of contents. A piece that does not fit is taken back.

    Args:
        path: Where it lies. What lay there is replaced.
        name: What the muxer is told that it is called; the suffix counts.

    Attributes:
        error: What kept a piece from being written; from then on everything is thrown away.

    Raises:
        DataError: Another process is writing this file.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.error: OSError | None = None
        self._file = FileIO(_lock(path), 'r+')
        self._written = self._at = 0
        self._piece = bytearray()
        self._corrections: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        """For the muxer."""
        given = bytes(data)
        if self.error is None:
            before = given[:max(0, self._written - self._at)]  # of what is on the disk already
            if before:
                self._corrections.append((self._at, before))
            behind = given[len(before):]
            if behind:
                start = self._at + len(before) - self._written
                self._piece.extend(bytes(max(0, start - len(self._piece))))
                self._piece[start:start + len(behind)] = behind
        self._at += len(given)
        return len(given)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """For the muxer."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._written + len(self._piece)}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """For the muxer."""
        return self._at

    def seekable(self) -> bool:
        """For the muxer."""
        return True

    def flush(self) -> None:
        """Write the piece that the muxer has finished.

        Raises:
            OSError: It cannot be written: the disk is full.
        """
        if self.error is not None:
            raise self.error
        try:
            rest = memoryview(self._piece)
            while rest:
                rest = rest[self._file.write(rest):]
        except OSError as error:
            self.error = error
            self._file.truncate(self._written)
            raise
        finally:
            rest.release()
        self._written += len(self._piece)
        self._piece.clear()

    def finish(self) -> None:
        """Write the rest and the corrections, and close.

        Raises:
            OSError: That cannot be done; the file stays as it was while it grew.
        """
        try:
            self.flush()
            for place, data in self._corrections:
                self._file.seek(place)
                self._file.write(data)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close, without what is not written yet."""
        self._file.close()


def _lock(path: Path) -> int:
    """Open a file and empty it, unless another process has it; a process that ends lets go of it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, 'O_BINARY', 0), 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                os.close(descriptor)
                raise DataError(f'{path}: another process is writing it; wait for that, or choose another name for '
                                'the output') from error
            # Some network disks have no locks.
        try:
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:  # else it got its final name meanwhile
                os.ftruncate(descriptor, 0)
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
