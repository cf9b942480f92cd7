"""A data set in one LMDB file: the same tree of files as in a folder, its keys being the files' relative paths.

:class:`LmdbPath` is to such a file what ``pathlib.Path`` is to a folder, as far as reading a data set needs it; so
whatever scans and reads folders reads an LMDB too. Values are the files' bytes, and nothing is ever unpickled.
"""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from threading import Lock
from types import ModuleType
from typing import Any

from photoreal.errors import ConfigError, DataError
from photoreal.storage import fetch, is_url

LMDB_SUFFIX = '.lmdb'
_OPEN_FILES = 16
_OPENING = Lock()  # LMDB refuses to open a file that another thread has just opened
_AFTER_SLASH = bytes([ord('/') + 1])  # sorts behind all keys of a folder


def import_lmdb(path: str | os.PathLike) -> ModuleType:
    """The package lmdb, which is optional.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import lmdb
    except ImportError as error:
        raise ConfigError(f'{path}: an LMDB needs the package lmdb, which is not installed: pip install lmdb'
                          ) from error
    return lmdb


def key_bytes(key: str) -> bytes:
    """A key as the LMDB stores it; names of files that are no UTF-8 survive."""
    return key.encode(errors='surrogateescape')


def data_path(path: 'str | os.PathLike | LmdbPath') -> 'Path | LmdbPath':
    """The root of a data set, or a place in it: a folder, or an LMDB (``x.lmdb``, a file or LMDB's own folder).

    Of a URL it is the local copy, which each process brings up to date once.

    Raises:
        ConfigError: A URL that fsspec does not know, or lacks a package for.
        StorageError: There is nothing at a URL, it cannot be reached, or there is no room for a copy.
    """
    if isinstance(path, LmdbPath):
        return path
    path = _copy_of(path) if is_url(path) else Path(path)
    is_lmdb = path.suffix.lower() == LMDB_SUFFIX and (path.is_file() or (path / 'data.mdb').is_file())
    return LmdbPath(str(path)) if is_lmdb else path


# All parts of a run see one state of the data, and a bucket is listed once.
_copy_of = lru_cache(fetch)


@dataclass(frozen=True)
class LmdbPath:
    """A file or folder in an LMDB. Plain data: it pickles, and every process opens the LMDB for itself.

    Attributes:
        file: The LMDB.
        key: Path within it, without a slash at either end; empty: its root.
    """

    file: str
    key: str = ''

    def __str__(self) -> str:
        return f'{self.file}/{self.key}' if self.key else self.file

    def __truediv__(self, name: str) -> 'LmdbPath':
        return LmdbPath(self.file, f'{self.key}/{name}' if self.key else name)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.key or self.file).name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The end of the name, from its last dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the whole path."""
        return Path(str(self)).parts

    @property
    def parent(self) -> 'LmdbPath':
        """The folder it lies in; the root is its own parent."""
        return LmdbPath(self.file, self.key.rpartition('/')[0])

    @property
    def parents(self) -> list['LmdbPath']:
        """The folders it lies in, the nearest first, up to the root."""
        parts = self.key.split('/')[:-1]
        return [LmdbPath(self.file, '/'.join(parts[:n])) for n in range(len(parts), -1, -1)] if self.key else []

    def is_file(self) -> bool:
        """Whether it is a file."""
        with self._read() as transaction:
            return bool(self.key) and transaction.get(key_bytes(self.key)) is not None

    def is_dir(self) -> bool:
        """Whether it is a folder; there are no empty ones."""
        with self._read() as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(self._prefix)
            return not self.key or (found and bytes(cursor.key()).startswith(self._prefix))

    def iterdir(self) -> Iterator['LmdbPath']:
        """What lies in the folder, in the order of keys."""
        names = []
        with self._read() as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(self._prefix)
            while found and bytes(cursor.key()).startswith(self._prefix):
                name, slash, _ = bytes(cursor.key())[len(self._prefix):].partition(b'/')
                names.append(name.decode(errors='surrogateescape'))
                found = cursor.set_range(self._prefix + name + _AFTER_SLASH) if slash else cursor.next()
        return (self / name for name in names)

    def read_bytes(self) -> bytes:
        """The file's content.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with self.mapped() as data:
            return bytes(data)

    def read_text(self, encoding: str = 'utf-8') -> str:
        """The file's content as text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = 'rb') -> 'MappedFile':
        """The file, for reading in binary mode; it is not copied into memory.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: Another mode was asked for.
        """
        if mode != 'rb':
            raise ValueError(f"{self}: opened with mode '{mode}'; an LMDB can only be read, with 'rb'")
        return MappedFile(self)

    @contextmanager
    def mapped(self) -> Iterator[memoryview]:
        """The file's content where it lies in the mapped LMDB, uncopied; not to be used after the ``with`` block.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with self._read() as transaction:
            data = transaction.get(key_bytes(self.key)) if self.key else None
            if data is None:
                raise FileNotFoundError(2, 'no such file', str(self))
            yield data

    def stat(self) -> os.stat_result:
        """That of the LMDB."""
        return os.stat(self.file)

    @property
    def _prefix(self) -> bytes:
        return key_bytes(f'{self.key}/') if self.key else b''

    @contextmanager
    def _read(self) -> Iterator[Any]:
        lmdb = import_lmdb(self.file)
        try:
            status = os.stat(self.file)
            with _OPENING:
                environment = _environment(self.file, (status.st_ino, status.st_mtime_ns, status.st_size))
            with environment.begin(buffers=True) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise DataError(f'{self.file}: unreadable LMDB ({error}); pack the data anew with tools/pack_data.py'
                            ) from error


class MappedFile(io.RawIOBase):
    """A file of an LMDB as a stream of bytes, read from the mapped memory.

    Args:
        path: The file.
    """

    def __init__(self, path: LmdbPath) -> None:
        super().__init__()
        self.name = str(path)
        self._stack = ExitStack()
        self._data = self._stack.enter_context(path.mapped())
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there are bytes; returns their count."""
        part = self._data[self._place:self._place + len(buffer)]
        buffer[:len(part)] = part
        self._place += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, from the start, the current place or the end; returns it from the start."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: len(self._data)}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        if not self.closed:
            del self._data
            self._stack.close()
        super().close()


@lru_cache(maxsize=_OPEN_FILES)
def _environment(file: str, stamp: tuple[int, ...]) -> Any:
    """An LMDB, kept open; one that was written anew (another stamp) is opened anew.

    Read-only and without locks there is no state that processes would share, so that it may be taken along by a fork.
    The system's read-ahead stays on: values are whole pictures, of which neighbouring pages are needed.
    """
    return import_lmdb(file).open(file, subdir=os.path.isdir(file), readonly=True, lock=False)
