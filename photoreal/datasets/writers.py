"""Pictures and JSON get their final name only when they are complete; videos do so in ``video_writers.py``."""

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from photoreal.datasets.sources import IMAGE_SUFFIXES
from photoreal.errors import DataError, reason

_SUFFIXES_16_BIT = ('.png', '.tif', '.tiff')
_NAME_BYTES = 255  # that a name in a folder may have
_OPTIONS = {
    '.jpg': [cv2.IMWRITE_JPEG_QUALITY, 95],
    '.jpeg': [cv2.IMWRITE_JPEG_QUALITY, 95],
    '.webp': [cv2.IMWRITE_WEBP_QUALITY, 101],  # OpenCV's way to ask for WebP without loss
}


def with_mark(path: Path, mark: str, hidden: bool = False) -> Path:
    """The same path with a mark before its suffix. Where the name would be too long for a file, its stem is cut."""
    start = '.' if hidden else ''
    room = _NAME_BYTES - len(os.fsencode(f'{start}{mark}{path.suffix}'))
    stem = path.stem
    while stem and len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return path.with_name(f'{start}{stem}{mark}{path.suffix}')


def identities(paths: Iterable[str | os.PathLike]) -> set[tuple[int, int]]:
    """What tells files and folders apart, whatever they are called: links and other spellings have the same. Those that
    do not exist have none."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            status = os.stat(path)
            found.add((status.st_dev, status.st_ino))
    return found


def keep_apart(out: str | os.PathLike, reads: Iterable[str | os.PathLike]) -> None:
    """Refuse to write over what is read.

    Args:
        out: A file to be written.
        reads: Files that are read; those that do not exist are passed over.

    Raises:
        DataError: It is one of them.
    """
    if identities([out]) & identities(reads):
        raise DataError(f'{out} is what is read, and would be overwritten: choose another name')


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it on a clean exit and removed on an exception.

    The folder is made where it is missing. The temporary name is hidden, so that a scan of the folder passes it over.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = with_mark(path, f'.{uuid.uuid4().hex[:8]}.tmp', hidden=True)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write a picture.

    Args:
        path: Its suffix chooses the format: PNG, BMP, TIFF and WebP without loss, JPEG at quality 95.
        image: (H, W, 3) RGB or (H, W) or (H, W, 1) grey, uint8; uint16 as PNG or TIFF only.

    Raises:
        DataError: The suffix is unknown, or cannot hold such an array; or the file cannot be written.
    """
    data = encode_image(path, image)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: str | os.PathLike, error: OSError) -> DataError:
    """For what the system refuses."""
    return DataError(f'{path} cannot be written: {reason(error)}')


def encode_image(path: str | os.PathLike, image: np.ndarray) -> bytes:
    """The bytes that :func:`write_image` would write, for pictures that lie within other files."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise DataError(f"{path}: cannot write pictures with the suffix '{path.suffix}'; "
                        f'use one of {", ".join(IMAGE_SUFFIXES)}')
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
        raise DataError(f'{path}: cannot write an array of shape {image.shape} and type {image.dtype}; '
                        'expected (H, W, 3), (H, W, 1) or (H, W) of uint8 or uint16')
    if image.dtype == np.uint16 and suffix not in _SUFFIXES_16_BIT:
        raise DataError(f"{path}: '{suffix}' holds 8 bits and the array has 16; use {' or '.join(_SUFFIXES_16_BIT)}")
    if image.shape[2:] == (3,):
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(suffix, image, _OPTIONS.get(suffix, []))
    if not done:
        raise DataError(f'{path}: OpenCV cannot encode an array of shape {image.shape} as {suffix}')
    return data.tobytes()


def write_json(path: str | os.PathLike, data: Any) -> None:
    """Write JSON, indented, as UTF-8. Numbers and arrays of NumPy become plain ones.

    Raises:
        TypeError: ``data`` holds something that JSON cannot; nothing is written then.
    """
    text = json.dumps(data, indent=2, ensure_ascii=False, default=_plain)
    with atomic_path(path) as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f'JSON cannot hold a {type(value).__name__}: {value!r}')
