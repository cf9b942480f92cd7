"""URLs (``s3://bucket/drive``, ``gs://``, ``sftp://`` ...): what lies there comes into a local cache and is read there.

fsspec does the work. Endpoints and credentials are found where its file systems look for them: environment variables
(``AWS_ACCESS_KEY_ID``, ``FSSPEC_S3_ENDPOINT_URL``), ``~/.aws``, ``~/.config/fsspec/*.json``.
"""

import difflib
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import fsspec
from filelock import FileLock
from fsspec import AbstractFileSystem

from photoreal.errors import ConfigError, PhotorealError, StorageError
from photoreal.paths import expand_home

CACHE = 'PHOTOREAL_CACHE'  # the environment variable that says where the cache is
_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+://')  # two letters at least: C:// is no scheme
_PACKAGES = {'s3': 's3fs', 's3a': 's3fs', 'gs': 'gcsfs', 'gcs': 'gcsfs', 'az': 'adlfs', 'abfs': 'adlfs',
             'abfss': 'adlfs', 'oci': 'ocifs', 'oss': 'ossfs', 'http': 'aiohttp', 'https': 'aiohttp',
             'sftp': 'paramiko', 'ssh': 'paramiko', 'smb': 'smbprotocol', 'hf': 'huggingface_hub'}
_OBJECT_STORES = {'s3', 's3a', 'gs', 'gcs', 'az', 'abfs', 'abfss', 'oci', 'oss', 'tos', 'hf'}
_STAMPS = ('ETag', 'etag', 'md5Hash', 'mtime', 'LastModified', 'Last-Modified', 'last_modified', 'updated', 'modify',
           'created')
_CHUNK = 256  # files that are asked for together
_REPORT = 30  # seconds between two lines about a long transfer


def is_url(path: str | os.PathLike) -> bool:
    """Whether it names a place by URL. A ``pathlib.Path`` never does: it takes one of the slashes out."""
    return isinstance(path, str) and _URL.match(path) is not None


def cache_folder() -> Path:
    """Where what is fetched is kept: ``$PHOTOREAL_CACHE``, else ``$XDG_CACHE_HOME/photoreal``, ``~/.cache/photoreal``.
    """
    found = os.environ.get(CACHE) or os.path.join(os.environ.get('XDG_CACHE_HOME') or '~/.cache', 'photoreal')
    return Path(expand_home(found))


def open_storage(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the path in it.

    Raises:
        ConfigError: fsspec knows no such scheme, or a package for it is missing.
    """
    scheme = url.partition('://')[0]
    try:
        storage, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        remedy = f'pip install {_PACKAGES[scheme]}' if scheme in _PACKAGES else error
        raise ConfigError(f'{url}: {scheme}:// needs a package that is not installed: {remedy}') from error
    except ValueError as error:
        known = fsspec.available_protocols()
        if scheme in known:
            raise ConfigError(f'{url}: {error}') from error
        near = difflib.get_close_matches(scheme, known, 1)
        raise ConfigError(f"{url}: found the scheme '{scheme}'; expected one that fsspec knows, such as s3, gs, az or "
                          'sftp' + (f"; did you mean '{near[0]}'?" if near else '')) from error
    storage.invalidate_cache()  # others write there too: a listing from before tells nothing
    return storage, path


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Whatever a file system raises, of which each has its own kinds, becomes an error that names the URL.

    Raises:
        StorageError: There is nothing, access is denied, or it cannot be reached.
    """
    try:
        yield
    except PhotorealError:
        raise
    except FileNotFoundError as error:
        raise StorageError(f'{url}: found nothing there ({error}); compare bucket and path with what is stored'
                           ) from error
    except PermissionError as error:
        raise StorageError(f'{url}: access is denied ({error}); check the credentials that this machine has, and what '
                           'they allow') from error
    except Exception as error:
        raise StorageError(f'{url}: it cannot be used ({type(error).__name__}: {error}); check the network, the '
                           'endpoint and the credentials') from error


def is_folder(url: str) -> bool:
    """Whether a URL names a folder: something whose path goes on below it.

    Raises:
        StorageError: There is nothing, or it cannot be reached.
    """
    with explained(url):
        storage, root = open_storage(url)
        return storage.info(root)['type'] == 'directory'


def exists(url: str) -> bool:
    """Whether there is a file or a folder at a URL.

    Raises:
        StorageError: That cannot be found out.
    """
    with explained(url):
        storage, root = open_storage(url)
        try:
            storage.info(root)  # its own ``exists`` takes any error for a no
        except FileNotFoundError:
            return False
        return True


def fetch(url: str) -> Path:
    """A local copy of a file, or of a folder with all that is below it, brought up to date.

    Only what is new or has another size, ETag or date is fetched; what is no longer there is removed from the copy.
    Files get their names when they are whole. Of several processes on a machine one fetches and the others wait.

    Returns:
        Its path below :func:`cache_folder`; its last part is that of the URL.

    Raises:
        ConfigError: fsspec knows no such scheme, or a package for it is missing.
        StorageError: There is nothing, it cannot be reached, it changes meanwhile, or there is no room for a copy.
    """
    url = url.rstrip('/')
    parts = urlsplit(url)
    cache = cache_folder()
    home = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f'{url}: no place for a copy: {cache}: {error.strerror}; set {CACHE} to a folder that can '
                           'be written') from error
    copy = home / (PurePosixPath(parts.path).name or parts.netloc or 'root')
    with explained(url), FileLock(home / 'lock'):
        storage, root = open_storage(url)
        wanted = _list(storage, root, url)
        manifest = _Manifest(home / 'fetched.jsonl')
        missing = {name: remote for name, remote in wanted.items() if not manifest.has(name, remote, copy / name)}
        if missing:
            _check_room(url, missing, home)
            _transfer(url, storage, missing, copy, manifest)
        _prune(copy, wanted)
    return copy


def local(text: str) -> str:
    """The path of the local copy of what lies in an object store; any other text as it is.

    Raises:
        ConfigError: A package for such URLs is missing.
        StorageError: As :func:`fetch`.
    """
    return str(fetch(text)) if is_url(text) and urlsplit(text).scheme in _OBJECT_STORES else text


def upload(path: str | os.PathLike, url: str) -> None:
    """Copy a local file to a URL; whoever reads there meanwhile finds the file from before, or the new one, whole.

    Raises:
        ConfigError: fsspec knows no such scheme, or a package for it is missing.
        StorageError: It cannot be written.
    """
    with explained(url):
        storage, target = open_storage(url)
        if _is_object_store(storage):
            storage.put_file(str(path), target)
            return
        make_parent(storage, target)
        folder, _, name = target.rpartition('/')
        storage.put_file(str(path), f'{folder}/.{name}.tmp')
        storage.mv(f'{folder}/.{name}.tmp', target)


def make_parent(storage: AbstractFileSystem, path: str) -> None:
    """Make the folder of a file where there are folders; an object store has none, and would make a bucket."""
    if not _is_object_store(storage):
        storage.makedirs(path.rpartition('/')[0], exist_ok=True)


def _is_object_store(storage: AbstractFileSystem) -> bool:
    names = [storage.protocol] if isinstance(storage.protocol, str) else storage.protocol
    return not _OBJECT_STORES.isdisjoint(names)


class _Remote(NamedTuple):
    path: str  # in its file system
    size: int | None  # bytes; None: the server does not say
    stamp: str  # another one when it is written anew; empty: the server does not say


class _Manifest:
    """What has been fetched: lines of JSON, of which the last that tells of a file counts."""

    def __init__(self, path: Path) -> None:
        self._path, self._known = path, {}
        for line in path.read_text(encoding='utf-8').splitlines() if path.is_file() else ():
            try:
                name, size, stamp = json.loads(line)
            except ValueError:
                continue  # written when the process was killed
            self._known[name] = size, stamp

    def has(self, name: str, remote: _Remote, path: Path) -> bool:
        """Whether a file is there as it is in the storage; where nothing but its size is told, nobody knows."""
        return bool(remote.stamp) and self._known.get(name) == remote[1:] and path.is_file() and \
            remote.size in (None, path.stat().st_size)

    def add(self, fetched: Mapping[str, _Remote]) -> None:
        """Note files that are in place now."""
        with self._path.open('a', encoding='utf-8') as file:
            file.writelines(json.dumps([name, remote.size, remote.stamp]) + '\n' for name, remote in fetched.items())


def _list(storage: AbstractFileSystem, root: str, url: str) -> dict[str, _Remote]:
    """Path below the root -> the file; of a file its only one is ''."""
    info = storage.info(root)
    if info['type'] != 'directory':
        return {'': _remote(root, info)}
    found = {}
    for path, entry in storage.find(root, detail=True).items():
        name = path.removeprefix(root.rstrip('/')).lstrip('/')
        if '..' in name.split('/'):
            raise StorageError(f"{url}: found a file with '..' in its name, {path}, which leads out of the folder; "
                               'rename it')
        if name and not path.endswith('/'):  # some stores mark folders so
            found[name] = _remote(path, entry)
    if not found:
        raise StorageError(f'{url}: found an empty folder')
    return found


def _remote(path: str, info: Mapping[str, Any]) -> _Remote:
    return _Remote(path, info.get('size'), next((str(info[key]) for key in _STAMPS if info.get(key)), ''))


def _check_room(url: str, missing: Mapping[str, _Remote], home: Path) -> None:
    needed, free = _bytes(missing), shutil.disk_usage(home).free
    if needed > free:
        raise StorageError(f'{url}: no room for a copy: it needs {needed / 1e6:.1f} MB more, and {free / 1e6:.1f} MB '
                           f'are free in {home.parent}. Free some space, or set {CACHE} to a folder with more')


def _bytes(files: Mapping[str, _Remote]) -> int:
    return sum(remote.size or 0 for remote in files.values())


def _transfer(url: str, storage: AbstractFileSystem, missing: Mapping[str, _Remote], copy: Path,
              manifest: _Manifest) -> None:
    """Fetch files to temporary names, and put them into place, chunk by chunk."""
    partial = copy.parent / 'partial'
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    total = f'{len(missing)} file{"s" * (len(missing) > 1)}, {_bytes(missing) / 1e6:.1f} MB'
    print(f'fetching {url} to {copy}: {total}', file=sys.stderr)
    start = reported = time.monotonic()
    names, done = list(missing), 0
    for first in range(0, len(names), _CHUNK):
        chunk = {name: missing[name] for name in names[first:first + _CHUNK]}
        partial.mkdir()
        temporary = [partial / str(i) for i in range(len(chunk))]
        storage.get([remote.path for remote in chunk.values()], [str(path) for path in temporary])
        for (name, remote), path in zip(chunk.items(), temporary):
            if remote.size not in (None, path.stat().st_size):
                raise StorageError(f'{url}: found {path.stat().st_size} bytes of {name or "it"} and expected '
                                   f'{remote.size}: it changes while it is fetched; try again when it is complete')
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, copy / name)
        shutil.rmtree(partial)
        manifest.add(chunk)
        done += _bytes(chunk)
        if time.monotonic() - reported > _REPORT:
            reported = time.monotonic()
            print(f'fetched {min(first + _CHUNK, len(names))} of {total}', file=sys.stderr)
    seconds = time.monotonic() - start
    print(f'fetched {url} in {seconds:.1f} s, {done / 1e6 / seconds:.1f} MB/s', file=sys.stderr)


def _prune(copy: Path, wanted: Mapping[str, _Remote]) -> None:
    """Remove from the copy what is no longer there, and folders that this leaves empty."""
    for folder, _, files in os.walk(copy, topdown=False):
        for name in files:
            path = Path(folder, name)
            if path.relative_to(copy).as_posix() not in wanted:
                path.unlink()
        if not os.listdir(folder):
            os.rmdir(folder)
