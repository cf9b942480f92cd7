"""Files by HTTP: a download that broke goes on where it was, and a file gets its name when its checksum is right.

Proxies are those of the environment (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``).
"""

import hashlib
import json
import os
import re
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError

from filelock import FileLock

from photoreal.errors import ConfigError, StorageError
from photoreal.progress import progress_bar

_TIMEOUT = 30.0  # seconds in which nothing arrives
_CHUNK = 1 << 18  # bytes
_SUM = re.compile('[0-9a-f]{64}')


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def check_sum(text: str) -> str:
    """A SHA-256 as people paste it, in lower case.

    Raises:
        ConfigError: It is none.
    """
    found = text.strip().lower().removeprefix('sha256:')
    if not _SUM.fullmatch(found):
        raise ConfigError(f"sha256='{text}': expected 64 hexadecimal digits")
    return found


def download(url: str, path: str | os.PathLike, sha256: str | None = None) -> str:
    """Fetch a file. What a broken download left in ``.<name>.part`` is gone on with, unless the file has changed there.

    A second process that wants the same file waits for the first.

    Args:
        url: Where it is, by http or https.
        path: What it is to be called; what has that name is replaced.
        sha256: What its bytes must have; None: whatever comes is taken.

    Returns:
        The SHA-256 that it has.

    Raises:
        ConfigError: The URL is of another kind.
        StorageError: It cannot be reached, is not there, breaks off, is larger than the room, or has another checksum.
    """
    if not url.startswith(('http://', 'https://')):
        raise ConfigError(f'{url}: expected an address that begins with https:// or http://')
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    with FileLock(path.with_name(f'.{path.name}.lock')):
        resumed = _fetch(url, part, certain=sha256 is not None)
        found = sha256_of(part)
        if resumed and sha256 not in (None, found):  # of two files, perhaps
            _forget(part)
            _fetch(url, part, certain=False)
            found = sha256_of(part)
        if sha256 not in (None, found):
            _forget(part)
            raise StorageError(f'{url}: found a file with the SHA-256 {found}; expected {sha256}; it was removed: it '
                               'is another file, or was damaged on its way')
        os.replace(part, path)
        _forget(part)
    return found


def _note(part: Path) -> Path:
    """Where it is kept which file a part is of."""
    return part.with_suffix('.json')


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


class _Started(NamedTuple):
    size: int  # bytes that are there
    version: str  # which the server calls the file's; empty: it has not said


def _started(url: str, part: Path) -> _Started:
    try:
        note = json.loads(_note(part).read_text(encoding='utf-8'))
        return _Started(part.stat().st_size, note['version']) if note['url'] == url else _Started(0, '')
    except (OSError, ValueError, KeyError, TypeError):
        return _Started(0, '')


def _fetch(url: str, part: Path, certain: bool) -> bool:
    """Fetch what is missing of a part.

    Args:
        url: Where it is.
        part: Where it goes.
        certain: Go on even where the server does not say which version of the file it has, as the sum will tell.

    Returns:
        Whether something of it was there before.
    """
    start = _started(url, part)
    if not start.size or not (start.version or certain):
        start = _Started(0, '')
    with _open(url, start) as answer:
        goes_on = answer.status == 206 and _begins_at(answer) == start.size
        if answer.status == 206 and not goes_on:
            raise StorageError(f'{url}: asked for the bytes from {start.size} on, the server sent '
                               f"{answer.headers.get('Content-Range')}; remove {part} and try again")
        done = start.size if goes_on else 0
        length = answer.headers.get('Content-Length')
        total = done + int(length) if length else None
        if total is not None and total - done > shutil.disk_usage(part.parent).free:
            raise StorageError(f'{url}: no room for it: it needs {(total - done) / 1e6:.1f} MB in {part.parent}; free '
                               'some space, or choose another place')
        _note(part).write_text(json.dumps({'url': url, 'version': _version(answer)}), encoding='utf-8')
        title = f'fetching {part.name[1:].removesuffix(".part")}'
        with open(part, 'ab' if goes_on else 'wb') as file, progress_bar(title, total) as advance:
            advance(done)
            while chunk := _read(answer, url, done, total):
                file.write(chunk)
                done += len(chunk)
                advance(len(chunk))
    if total is not None and done < total:
        raise _broken(url, done, total, 'the connection was closed')
    return goes_on


@contextmanager
def _open(url: str, start: _Started) -> Iterator[HTTPResponse]:
    headers = {'Accept-Encoding': 'identity', 'User-Agent': 'photoreal'}
    if start.size:
        headers['Range'] = f'bytes={start.size}-'
        if start.version:
            headers['If-Range'] = start.version  # else the server sends another version whole
    try:
        request = urllib.request.Request(url, headers=headers)
        answer = urllib.request.build_opener().open(request, timeout=_TIMEOUT)  # with the proxies of this moment
    except HTTPError as error:
        if error.code == 416 and start.size:  # as much is there as the server has, or more
            with _open(url, _Started(0, '')) as answer:
                yield answer
            return
        raise StorageError(f'{url}: the server answers {error.code} ({error.reason}); name another address that has '
                           'the file with --url') from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, 'reason', None) or error
        raise StorageError(f'{url}: it cannot be reached ({reason}); check the network and HTTPS_PROXY, or fetch the '
                           'file on another machine and give it by its path') from error
    with answer:
        yield answer


def _begins_at(answer: HTTPResponse) -> int | None:
    found = re.match(r'bytes (\d+)-', answer.headers.get('Content-Range', ''))
    return int(found[1]) if found else None


def _version(answer: HTTPResponse) -> str:
    """What ``If-Range`` takes; a weak ETag is none."""
    tag = answer.headers.get('ETag', '')
    return tag if tag and not tag.startswith('W/') else answer.headers.get('Last-Modified', '')


def _read(answer: HTTPResponse, url: str, done: int, total: int | None) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (HTTPException, OSError) as error:
        raise _broken(url, done, total, str(error) or type(error).__name__) from error


def _broken(url: str, done: int, total: int | None, why: str) -> StorageError:
    of = f' of {total / 1e6:.1f}' if total is not None else ''
    return StorageError(f'{url}: it broke off after {done / 1e6:.1f}{of} MB ({why}); run the same command again, and '
                        'it goes on from there')
