"""The only encoder: pictures, videos and JSON get their final name only when they are complete."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np

from photoreal.datasets.sources import IMAGE_SUFFIXES, size_text
from photoreal.errors import ConfigError, DataError

_SUFFIXES_16_BIT = ('.png', '.tif', '.tiff')
_OPTIONS = {
    '.jpg': [cv2.IMWRITE_JPEG_QUALITY, 95],
    '.jpeg': [cv2.IMWRITE_JPEG_QUALITY, 95],
    '.webp': [cv2.IMWRITE_WEBP_QUALITY, 101],  # OpenCV's way to ask for WebP without loss
}


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it on a clean exit and removed on an exception.

    The folder is made where it is missing. The temporary name is hidden, so that a scan of the folder passes it over.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}')
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
        DataError: The suffix is unknown, or cannot hold such an array.
    """
    data = encode_image(path, image)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


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


class VideoWriter:
    """Writes RGB frames as H.264 (yuv420p, tagged BT.709), frame by frame; a context manager.

    The file gets its name when the ``with`` block ends without an exception; on an exception nothing remains.
    Frames of odd width or height are padded by repeating the edge, because yuv420p has half as many colour pixels.

    Args:
        path: The file; its suffix chooses the container (``.mp4``, ``.mkv``...).
        fps: Frames per second.
        codec: Name of an FFmpeg encoder.
        crf: Quality of x264: 0 best, 51 worst, 18 looks like the source.

    Raises:
        ConfigError: The encoder or the container is unknown, or fps is not positive.
    """

    def __init__(self, path: str | os.PathLike, fps: float, codec: str = 'libx264', crf: int = 18) -> None:
        if not fps > 0:
            raise ConfigError(f'{path}: fps={fps}; expected frames per second above 0')
        try:
            av.Codec(codec, 'w')
        except ValueError as error:
            raise ConfigError(f"{path}: this PyAV has no encoder '{codec}'; install PyAV's wheel (pip install av), "
                              "or choose another, such as codec='mpeg4'") from error
        self.path = Path(path)
        self.rate = Fraction(fps).limit_denominator(1001)  # 29.97 is 30000/1001
        self._codec = codec
        self._options = {'crf': str(crf)}
        self._size: tuple[int, int] | None = None
        self._count = 0

    def __enter__(self) -> 'VideoWriter':
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path))
            try:
                self._container = stack.enter_context(av.open(str(temporary), 'w'))
            except ValueError as error:
                raise ConfigError(f"{self.path}: no video container has the suffix '{self.path.suffix}'; "
                                  'use .mp4 or .mkv') from error
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        if not self._count:
            raise DataError(f'{self.path}: no frame was written; expected at least one')
        self._container.mux(self._stream.encode(None))

    def write(self, frame: np.ndarray) -> None:
        """Append one frame.

        Args:
            frame: (H, W, 3) uint8 RGB, of the same size as the first.

        Raises:
            DataError: The frame has another shape or type.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise DataError(f'{self.path}: frame {self._count} has shape {frame.shape} and type {frame.dtype}; '
                            'expected (H, W, 3) uint8')
        if self._size is None:
            self._start(frame.shape[:2])
        if frame.shape[:2] != self._size:
            raise DataError(f'{self.path}: frame {self._count} has {size_text(frame.shape)} pixels, '
                            f'those before it {size_text(self._size)}; all must have the same size')
        height, width = self._size
        if height % 2 or width % 2:
            frame = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='rgb24')
        picture = picture.reformat(format='yuv420p', dst_colorspace='ITU709', dst_color_range='MPEG')
        picture.pts = self._count
        picture.time_base = 1 / self.rate
        self._container.mux(self._stream.encode(picture))
        self._count += 1

    def _start(self, size: tuple[int, int]) -> None:
        self._size = size
        self._stream = self._container.add_stream(self._codec, rate=self.rate, options=self._options)
        self._stream.height, self._stream.width = (side + side % 2 for side in size)
        self._stream.pix_fmt = 'yuv420p'
        context = self._stream.codec_context
        context.time_base = 1 / self.rate
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709 has number 1 in all three tables
        context.color_range = 1  # limited, 16 to 235
