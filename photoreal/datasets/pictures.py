"""How one picture is probed and decoded. Only ``sources.py`` and the packing of an LMDB use it."""

import io
import stat
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from photoreal.datasets.geometry import UPRIGHT, Geometry
from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.errors import DataError

ARRAY_SUFFIX = '.npy'  # an array as NumPy writes it; in an LMDB only

_TAIL = 4096  # bytes in which the end marker is looked for before the whole file is
_ENDS = {b'\x89PNG': b'IEND\xaeB`\x82', b'\xff\xd8': b'\xff\xd9'}
_ORIENTATION = 0x0112  # a tag of EXIF and TIFF
# What a file has to hold, anywhere, for there to be an orientation in it: looking for that is quicker than parsing.
_TAGGED = {b'\xff\xd8': b'Exif', b'\x89PNG': b'eXIf', b'RIFF': b'EXIF'}
_PNG_HEADER = struct.Struct('>8sI4sIIBBBBBI')  # signature, length, IHDR, width, height, depth, colours..., CRC
_PNG_WHOLE_CHANNELS = (0, 2, 6)  # colour types: grey, RGB, RGBA
# What PIL and OpenCV raise at damaged pictures: PIL's plugins let through whatever a field out of place leads to.
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, OverflowError, struct.error,
           Image.DecompressionBombError, cv2.error)
_PARTIAL = 0.85  # of a PNG's rows; beyond it the whole is quicker, as OpenCV's decoder is a little faster than PIL's


def has_palette(path: Path | LmdbPath) -> bool:
    """Whether a picture stores indices, which are read as such or as colours.

    Raises:
        DataError: The picture is damaged.
    """
    try:
        with path.open('rb') as file, Image.open(file) as image:
            return image.mode in ('P', '1')
    except DAMAGED as error:
        raise _unreadable(path, _contents(path), error) from error


def probe_picture(path: Path | LmdbPath) -> tuple[int, int]:
    """(height, width), found in the header.

    Raises:
        DataError: The picture is seen to be damaged.
    """
    try:
        if path.suffix == ARRAY_SUFFIX:
            with path.mapped() as data:
                return array_view(data).shape[:2]
        _check_regular(path)
        with path.open('rb') as file, Image.open(file) as image:
            size = _geometry_of(image).size(image.height, image.width)
            file.seek(0)
            head = file.read(16)
            length = file.seek(0, io.SEEK_END)
            file.seek(max(0, length - _TAIL))
            if not _has_end(head, file.read()):
                _check_complete(path, path.read_bytes())
    except DAMAGED as error:
        raise _unreadable(path, _contents(path), error) from error
    return size


def picture_notes(path: Path | LmdbPath) -> list[str]:
    """What is in a picture's file and not in the picture that is read, a sentence each.

    Raises:
        DataError: The picture is damaged.
    """
    return [] if path.suffix == ARRAY_SUFFIX else notes_of_bytes(_contents(path), path)


def notes_of_bytes(data: bytes, where: str | Path | LmdbPath) -> list[str]:
    """The notes of a picture file's contents; ``where`` is for messages."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            notes = []
            if (count := getattr(image, 'n_frames', 1)) > 1:
                notes.append(f'it holds {count} pictures; the first one is read')
            if image.has_transparency_data:
                notes.append('its transparency (alpha) is left out')
            return notes
    except DAMAGED as error:
        raise _unreadable(where, data, error) from error


def decode_picture(path: Path | LmdbPath, raw: bool, rows: int | None) -> tuple[tuple[int, int], np.ndarray]:
    """Decode a picture, and turn it upright.

    Args:
        path: The file.
        raw: Give the indices of a palette instead of its colours.
        rows: No more than so many rows are needed, from the top; None: all.

    Returns:
        (height, width) of the whole picture, and its upper part or all of it: (h, W, c), c = 1 or 3 (RGB).

    Raises:
        DataError: The picture is damaged.
    """
    return decode_bytes(_contents(path), path, raw, rows)


def decode_bytes(data: bytes, where: str | Path | LmdbPath, raw: bool,
                 rows: int | None = None) -> tuple[tuple[int, int], np.ndarray]:
    """Decode the contents of a picture file as :func:`decode_picture` does; ``where`` is for messages."""
    try:
        if not _has_end(data[:16], data[-_TAIL:]):
            _check_complete(where, data)
        geometry = _geometry(data)
        if raw:
            with Image.open(io.BytesIO(data)) as image:
                if image.mode in ('P', '1'):  # OpenCV would give the colours of the palette
                    return _whole(np.asarray(image, dtype=np.uint8), geometry)
        partial = rows and geometry.orientation == UPRIGHT and _upper_png(data, rows)
        if partial:
            return partial
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.ndim == 3:
            stored = cv2.cvtColor(np.ascontiguousarray(stored[..., :3]), cv2.COLOR_BGR2RGB)
    except DAMAGED as error:
        raise _unreadable(where, data, error) from error
    if stored is None:
        raise _unreadable(where, data, None)
    return _whole(stored, geometry)


def _whole(stored: np.ndarray, geometry: Geometry) -> tuple[tuple[int, int], np.ndarray]:
    pixels = geometry.apply(stored[..., None] if stored.ndim == 2 else stored[..., :3])
    return pixels.shape[:2], pixels


def _geometry(data: bytes) -> Geometry:
    tag = next((tag for magic, tag in _TAGGED.items() if data.startswith(magic)), None)
    if tag is None or tag not in data:
        return Geometry()
    with Image.open(io.BytesIO(data)) as image:
        return _geometry_of(image)


def _geometry_of(image: Image.Image) -> Geometry:
    # PIL and OpenCV turn TIFF, and only TIFF, by themselves; in a PNG PIL would look for it behind the pixels, too.
    if image.format == 'TIFF' or (image.format == 'PNG' and 'exif' not in image.info):
        return Geometry()
    return Geometry.of(image.getexif().get(_ORIENTATION), None)


def array_view(data: memoryview) -> np.ndarray:
    """The array (H, W, c) of a NPY file, uncopied.

    Raises:
        ValueError: It is no such file, is cut short, or holds something else.
    """
    head = io.BytesIO(data[:4096])
    version = np.lib.format.read_magic(head)
    if version != (1, 0):
        raise ValueError(f'NPY of version {version}')
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(head)
    if is_fortran or dtype.hasobject or len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(f'an array of shape {shape} and type {dtype}')
    if len(data) != head.tell() + dtype.itemsize * np.prod(shape, dtype=np.int64):
        raise ValueError('an array that is cut short')
    return np.ndarray(shape, dtype, buffer=data, offset=head.tell())


def array_error(path: Path | LmdbPath, error: ValueError) -> DataError:
    """For what :func:`array_view` refuses."""
    return DataError(f'{path}: unreadable array: found {error}; expected (H, W, 1) or (H, W, 3); pack the data anew')


def _upper_png(data: bytes, rows: int) -> tuple[tuple[int, int], np.ndarray] | None:
    """The upper rows of a plain PNG; None where all of it had better be decoded.

    A PNG is decoded from the top. PIL stops inflating when it has all rows, so it is told that there are no more;
    OpenCV would go on to the end of the data. On average this saves a quarter of the time for a crop.
    """
    if len(data) < _PNG_HEADER.size or not data.startswith(b'\x89PNG'):
        return None
    signature, length, kind, width, height, depth, colours, *rest, _ = _PNG_HEADER.unpack_from(data)
    is_plain = kind == b'IHDR' and depth == 8 and colours in _PNG_WHOLE_CHANNELS and not rest[-1]  # not interlaced
    if not is_plain or rows > _PARTIAL * height:
        return None
    header = kind + struct.pack('>IIBBBBB', width, rows, depth, colours, *rest)
    shorter = signature + struct.pack('>I', length) + header + struct.pack('>I', zlib.crc32(header))
    try:
        with Image.open(io.BytesIO(shorter + data[_PNG_HEADER.size:])) as image:
            upper = np.asarray(image)
    except (OSError, ValueError, SyntaxError):
        return None  # PIL refuses more than damage (long texts in a PNG): OpenCV is to judge
    return (height, width), upper[..., None] if upper.ndim == 2 else upper[..., :3]


def _contents(path: Path | LmdbPath) -> bytes:
    try:
        _check_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, b'', error) from error


def _check_regular(path: Path | LmdbPath) -> None:
    if isinstance(path, Path) and not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
        raise DataError(f'{path}: unreadable picture: found no regular file, but a folder or a device; remove it')


def _unreadable(where: str | Path | LmdbPath, data: bytes, error: Exception | None) -> DataError:
    found = getattr(error, 'strerror', None)  # the operating system's reason, where it is the one that refuses
    if found is None:
        found = f'{len(data)} bytes that are no picture' if data else 'an empty file'
    return DataError(f'{where}: unreadable picture: found {found}; copy or export it anew')


def _has_end(head: bytes, tail: bytes) -> bool:
    """Whether an end marker lies where most files have theirs; files of kinds that have none do, too."""
    return all(end in tail for magic, end in _ENDS.items() if head.startswith(magic))


def _check_complete(where: str | Path | LmdbPath, data: bytes) -> None:
    """See whether a JPEG or PNG is whole, whatever lies behind it, such as the film of a motion photo.

    Some decoders fill what is missing with grey instead of failing.
    """
    if not (_png_ends(data) if data.startswith(b'\x89PNG') else _jpeg_ends(data)):
        raise DataError(f'{where}: unreadable picture: the file is cut short (no end marker); '
                        'copy or export it anew')


def _png_ends(data: bytes) -> bool:
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, place)
        if kind == b'IEND':
            return True
        place += 12 + length
    return False


def _jpeg_ends(data: bytes) -> bool:
    """Whether the end of the picture comes, going from segment to segment (ITU-T T.81, B.1): previews lie in some."""
    place = 2
    while 0 <= (place := data.find(b'\xff', place)) < len(data) - 1:
        marker = data[place + 1]
        if marker == 0xD9:
            return True
        if marker == 0xFF:  # a filling byte
            place += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD7:  # a byte of the scan, or a mark in it: without a length
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2:place + 4], 'big')
    return False
