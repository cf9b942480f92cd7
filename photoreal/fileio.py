"""MMEngine's file functions on URLs: ``mmengine.fileio.get('s3://bucket/a.json')``, ``list_dir_or_file('gs://...')``."""

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import register_backend
from mmengine.fileio.backends import BaseStorageBackend

from photoreal.storage import fetch, make_parent, open_storage, upload

# MMEngine has its own backend for http and https.
SCHEMES = ('s3', 's3a', 'gs', 'gcs', 'az', 'abfs', 'abfss', 'oci', 'oss', 'hf', 'ftp', 'sftp', 'ssh', 'smb', 'memory')


@register_backend('fsspec', prefixes=SCHEMES, force=True)  # s3 belongs to another backend, which few can use
class FsspecBackend(BaseStorageBackend):
    """A storage backend of MMEngine by fsspec. Methods do what those of its ``LocalBackend`` do.

    Files that another program is to read as a path are copied to the cache of :func:`photoreal.storage.fetch`.
    """

    def get(self, filepath: str) -> bytes:
        storage, path = open_storage(filepath)
        return storage.cat_file(path)

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def put(self, obj: bytes, filepath: str) -> None:
        storage, path = open_storage(filepath)
        make_parent(storage, path)
        storage.pipe_file(path, obj)

    def put_text(self, obj: str, filepath: str, encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)

    def exists(self, filepath: str) -> bool:
        storage, path = open_storage(filepath)
        return storage.exists(path)

    def isdir(self, filepath: str) -> bool:
        storage, path = open_storage(filepath)
        return storage.isdir(path)

    def isfile(self, filepath: str) -> bool:
        storage, path = open_storage(filepath)
        return storage.isfile(path)

    def join_path(self, filepath: str, *filepaths: str) -> str:
        return posixpath.join(filepath, *filepaths)

    @contextmanager
    def get_local_path(self, filepath: str) -> Iterator[str]:
        yield str(fetch(filepath))

    def copyfile(self, src: str, dst: str) -> str:
        (storage, source), dst = open_storage(src), self._file(dst, src)
        target = open_storage(dst)[1]
        make_parent(storage, target)
        storage.copy(source, target)
        return dst

    def copytree(self, src: str, dst: str) -> str:
        (storage, source), target = open_storage(src), self._new_folder(dst)
        storage.copy(source, target, recursive=True)
        return dst

    def copyfile_from_local(self, src: str | os.PathLike, dst: str) -> str:
        dst = self._file(dst, str(src))
        upload(src, dst)
        return dst

    def copytree_from_local(self, src: str | os.PathLike, dst: str) -> str:
        target = self._new_folder(dst)
        open_storage(dst)[0].put(str(src), target, recursive=True)
        return dst

    def copyfile_to_local(self, src: str, dst: str | os.PathLike) -> str:
        storage, source = open_storage(src)
        path = Path(dst) / posixpath.basename(source) if Path(dst).is_dir() else Path(dst)
        storage.get_file(source, str(path))
        return str(path)

    def copytree_to_local(self, src: str, dst: str | os.PathLike) -> str:
        storage, source = open_storage(src)
        if Path(dst).exists():
            raise FileExistsError(17, 'exists already', str(dst))
        storage.get(source, str(dst), recursive=True)
        return str(dst)

    def remove(self, filepath: str) -> None:
        storage, path = open_storage(filepath)
        if storage.info(path)['type'] == 'directory':  # it says, too, where there is nothing
            raise IsADirectoryError(21, 'is a folder', filepath)
        storage.rm_file(path)

    def rmtree(self, dir_path: str) -> None:
        storage, path = open_storage(dir_path)
        storage.rm(path, recursive=True)

    def copy_if_symlink_fails(self, src: str, dst: str) -> bool:
        """Copy: there are no links. Returns False, which says so."""
        (self.copytree if self.isdir(src) else self.copyfile)(src, dst)
        return False

    def list_dir_or_file(self, dir_path: str, list_dir: bool = True, list_file: bool = True,
                         suffix: str | tuple[str, ...] | None = None, recursive: bool = False) -> Iterator[str]:
        """Paths relative to the folder, without files whose names begin with a dot.

        Raises:
            TypeError: A suffix is asked for, and folders, which have none.
        """
        if list_dir and suffix is not None:
            raise TypeError('`suffix` is for files: expected list_dir=False')
        return self._list(dir_path, list_dir, list_file, suffix or '', None if recursive else 1)

    @staticmethod
    def _list(url: str, list_dir: bool, list_file: bool, suffix: str | tuple[str, ...], depth: int | None
              ) -> Iterator[str]:
        storage, root = open_storage(url)
        for folder, folders, files in storage.walk(root, maxdepth=depth, on_error='raise'):
            within = folder.removeprefix(root.rstrip('/')).strip('/')
            names = [name for name in folders if list_dir] + \
                [name for name in files if list_file and name and not name.startswith('.') and name.endswith(suffix)]
            yield from (posixpath.join(within, name) for name in names)

    def _file(self, dst: str, src: str) -> str:
        """Where a file comes to lie: in a folder under its own name."""
        return posixpath.join(dst, posixpath.basename(src)) if self.isdir(dst) else dst

    def _new_folder(self, dst: str) -> str:
        storage, target = open_storage(dst)
        if storage.exists(target):
            raise FileExistsError(17, 'exists already', dst)
        make_parent(storage, target)
        return target
