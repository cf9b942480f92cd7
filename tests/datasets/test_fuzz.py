"""Odd and damaged files: each is read as what it is, or refused with a line that names it, when scanned or read."""

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.layout import scan
from photoreal.datasets.pictures import decode_picture
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.streams import StreamDataset
from photoreal.datasets.transforms import Window
from photoreal.errors import DataError
from tests.datasets.helpers import Copy, pictures, write_folder, write_video

HEIGHT, WIDTH = 21, 33  # odd, as no codec likes it


def encode(suffix: str, image: np.ndarray | None = None) -> bytes:
    image = pictures(1, HEIGHT, WIDTH)[0] if image is None else image
    return cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 and image.shape[2] == 3 else image)[1].tobytes()


def pil(mode: str, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pictures(1, HEIGHT, WIDTH)[0]).convert(mode).save(file, format, **options)
    return file.getvalue()


def place(root: Path, content: bytes, name: str = '00001.png') -> Path:
    """A video of three frames, the middle one of which is the odd one."""
    folder = root / 'train/real/a/frames'
    write_folder(folder, pictures(3, HEIGHT, WIDTH))
    (folder / '00001.png').unlink()
    (folder / name).write_bytes(content)
    return folder


def read_all(root: Path) -> np.ndarray:
    """All that reads: the scan, clips with and without a crop, streams, recorded maps as stored."""
    videos = scan(root, 'train', ['real'], {})
    for crop in (None, 1):
        clips = ClipDataset(root, {'copy': Copy()}, clip_length=1, crop_size=crop)
        for k in range(len(clips)):
            clips[k]
    stream = StreamDataset(root, {'copy': Copy()}, split='train', domains=['real'])
    for k in range(len(stream)):
        stream[k]
    frames = videos[0].frames
    for i in range(len(frames)):
        assert frames.read([i], raw=True).shape[1:3] == frames.size
    return frames.read(range(len(frames)))


UNREADABLE = {
    'empty': b'',
    'text': b'This is not a picture.\n',
    'one byte': b'\x89',
    'only a PNG signature': b'\x89PNG\r\n\x1a\n',
    'a PNG header and nothing': encode('.png')[:33],
    'only the ends of a PNG': encode('.png')[:33] + encode('.png')[-12:],
    'zeros': bytes(5000),
    'a video': b'\0\0\0\x20ftypisom' + bytes(500),
    'a PNG of no pixels': encode('.png')[:16] + bytes(8) + encode('.png')[24:],
    'a PNG of 2^31 pixels a side': encode('.png')[:16] + b'\x7f\xff\xff\xff' * 2 + encode('.png')[24:],
    'a GIF cut short': pil('P', 'GIF')[:200],
    **{f'truncated {suffix}': encode(suffix)[:len(encode(suffix)) * 2 // 3]
       for suffix in ('.png', '.jpg', '.bmp', '.webp', '.tif')},
}


@pytest.mark.parametrize('content', UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.filterwarnings('ignore:Corrupt EXIF data', 'ignore:Truncated File Read')  # PIL, before it fails
def test_what_is_no_picture_is_named(tmp_path, content):
    place(tmp_path, content)
    with pytest.raises(DataError) as error:
        read_all(tmp_path)
    lines = [line for line in str(error.value).splitlines() if '00001.png: ' in line]
    assert len(lines) == 1 and 'unreadable picture' in lines[0] and 'copy or export it anew' in lines[0]


def test_flipped_bytes_never_crash(tmp_path):
    """Damage in the middle of files: refused with the file's name, or read as pixels that are wrong."""
    rng = np.random.default_rng(0)
    for suffix in ('.png', '.jpg', '.webp'):
        whole = np.frombuffer(encode(suffix), np.uint8)
        for n in range(15):
            data = whole.copy()
            data[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            folder = place(tmp_path / f'{suffix}{n}', data.tobytes())
            try:
                read_all(tmp_path / f'{suffix}{n}')
            except DataError as error:
                assert f'{folder}/00001.png' in str(error)


READABLE = {
    'a JPEG called PNG': (pil('RGB', 'JPEG', quality=95, subsampling=0), '00001.png', 40),
    'a PNG called JPEG': (encode('.png'), '00001.jpg', 0),
    'capitals': (encode('.png'), '00001.PNG', 0),
    'alpha': (pil('RGBA', 'PNG'), '00001.png', 0),
    '16 bits': (encode('.png', pictures(1, HEIGHT, WIDTH)[0].astype(np.uint16) * 257), '00001.png', 0),
    'progressive JPEG': (pil('RGB', 'JPEG', progressive=True, quality=95, subsampling=0), '00001.jpg', 40),
    'CMYK JPEG': (pil('CMYK', 'JPEG', quality=95, subsampling=0), '00001.jpg', 40),
    'lossless WebP': (pil('RGB', 'WEBP', lossless=True), '00001.webp', 0),
}


@pytest.mark.parametrize('content, name, apart', READABLE.values(), ids=READABLE)
def test_unusual_pictures_are_read(tmp_path, content, name, apart):
    place(tmp_path, content, name)
    found = read_all(tmp_path)[1].astype(int) - pictures(1, HEIGHT, WIDTH)[0]
    assert np.abs(found).max() <= apart


def test_grey_is_read_as_three_channels(tmp_path):
    grey = pictures(1, HEIGHT, WIDTH)[0, ..., 0]
    place(tmp_path, encode('.png', grey))
    assert (read_all(tmp_path)[1] == grey[..., None]).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (7, 1), (3, 5)])
@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp', '.tif', '.bmp'])
def test_tiny_pictures(tmp_path, size, suffix):
    frames = pictures(2, *size)
    write_folder(tmp_path / 'train/real/a/frames', frames, suffix)
    found = read_all(tmp_path)
    assert found.shape == frames.shape and (suffix == '.jpg' or (found == frames).all())


def test_50_megapixels(tmp_path):
    picture = np.zeros((5000, 10000), np.uint8)
    picture[2500:, 5000:] = 7
    (tmp_path / 'train/real/a/frames').mkdir(parents=True)
    (tmp_path / 'train/real/a/frames/0.png').write_bytes(encode('.png', picture))
    video, = scan(tmp_path, 'train', ['real'], {})
    assert video.size == (5000, 10000)
    crop = video.frames.read([0], window=Window(2499, 4999, 2, 2))
    assert crop[0, ..., 0].tolist() == [[0, 0], [0, 7]]


@pytest.mark.parametrize('name', ['with space', 'кадры', '画面', 'é', "quote'd", 'a\tb', '-x', '%d', '[1]'])
def test_names(tmp_path, name):
    frames = pictures(3, HEIGHT, WIDTH)
    folder = tmp_path / name / 'train/real' / name / 'frames'
    write_folder(folder, frames)
    for path in folder.iterdir():
        path.rename(folder / f'{name} {path.name}')
    assert (read_all(tmp_path / name) == frames).all()
    video = write_video(tmp_path / f'{name} film/train/real/{name}/frames.mkv', frames)
    assert (read_all(video.parents[3]) == frames).all()


def test_symlink_loops(tmp_path):
    frames = pictures(3, HEIGHT, WIDTH)
    folder = write_folder(tmp_path / 'train/real/a/frames', frames)
    (folder / 'loop').symlink_to(folder)
    (folder.parent / 'loop').symlink_to(tmp_path)
    assert (read_all(tmp_path) == frames).all()
    os.symlink('00003.png', folder / '00003.png')
    with pytest.raises(DataError, match=r'00003\.png: unreadable picture: found .*symbolic links'):
        scan(tmp_path, 'train', ['real'], {})
    (tmp_path / 'train/real/b').mkdir()
    os.symlink('frames', tmp_path / 'train/real/b/frames')
    with pytest.raises(DataError, match=r'real/b: found no frames/'):
        scan(tmp_path, 'train', ['real'], {})
    os.symlink('real', tmp_path / 'train/virtual')
    os.symlink('x', tmp_path / 'x')
    with pytest.raises(DataError, match=r'x: the data root is no folder'):
        scan(tmp_path / 'x', 'train', ['real'], {})


def test_a_folder_called_as_a_picture_or_a_video(tmp_path):
    folder = write_folder(tmp_path / 'train/real/a/frames', pictures(3, HEIGHT, WIDTH))
    (folder / '00003.png').mkdir()
    with pytest.raises(DataError, match=r'00003\.png: unreadable picture: found no regular file'):
        scan(tmp_path, 'train', ['real'], {})
    (tmp_path / 'train/real/b/frames.mp4').mkdir(parents=True)
    with pytest.raises(DataError, match=r'frames\.mp4: unreadable video'):
        scan(tmp_path, 'train', ['real'], {})


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the system has no named pipes')
def test_a_pipe_called_as_a_picture_does_not_hang(tmp_path):
    folder = write_folder(tmp_path / 'train/real/a/frames', pictures(3, HEIGHT, WIDTH))
    os.mkfifo(folder / '00003.png')
    with pytest.raises(DataError, match=r'00003\.png: unreadable picture: found no regular file'):
        scan(tmp_path, 'train', ['real'], {})
    with pytest.raises(DataError, match=r'00003\.png: unreadable picture: found no regular file'):
        FolderSource(folder).read([3])


def test_damaged_videos_are_named(tmp_path):
    whole = write_video(tmp_path / 'v.mp4', pictures(20, 32, 32), 'libx264', 'yuv420p').read_bytes()
    for n, content in enumerate([b'', b'text', whole[:len(whole) // 2], whole[:40], bytes(3000)]):
        path = tmp_path / f'{n}/train/real/a/frames.mp4'
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        with pytest.raises(DataError, match=r'frames\.mp4: unreadable video'):
            scan(tmp_path / str(n), 'train', ['real'], {})


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'LA', 'P', '1', 'I;16'])
@pytest.mark.parametrize('raw', [False, True])
def test_a_crop_of_a_png_is_the_crop_of_all_of_it(tmp_path, mode, raw):
    image = Image.fromarray(pictures(1, 40, 50)[0]).convert('L' if mode == 'I;16' else mode)
    if mode == 'I;16':
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 251)
    image.save(tmp_path / '0.png')
    source = FolderSource(tmp_path)
    whole = source.read([0], raw=raw)
    for window in (Window(0, 0, 1, 1), Window(3, 7, 9, 11), Window(20, 0, 20, 50), Window(39, 49, 1, 1)):
        part = source.read([0], raw=raw, window=window)
        assert part.dtype == whole.dtype and (part == window.cut(whole)).all()


def test_an_interlaced_png_is_cropped(tmp_path):
    """A PNG of 8x8 pixels in the seven passes of Adam7, which are not rows from the top."""
    pixels = pictures(1, 8, 8)[0, ..., 0]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b''.join(b'\0' + row.tobytes()
                    for top, left, down, right in passes for row in pixels[top::down, left::right])
    chunks = [(b'IHDR', struct.pack('>IIBBBBB', 8, 8, 8, 0, 0, 0, 1)), (b'IDAT', zlib.compress(data)), (b'IEND', b'')]
    (tmp_path / '0.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
        for kind, body in chunks))
    source = FolderSource(tmp_path)
    assert (source.read([0], raw=True)[0, ..., 0] == pixels).all()
    assert (source.read([0], raw=True, window=Window(1, 2, 3, 4))[0, ..., 0] == pixels[1:4, 2:6]).all()


def test_a_crop_at_the_top_of_a_png_is_decoded_no_further(tmp_path):
    frame = pictures(1, 200, 300)[0]
    data = bytearray(encode('.png', frame))
    data[len(data) * 2 // 3] ^= 255
    (tmp_path / '0.png').write_bytes(data)
    source = FolderSource(tmp_path)
    assert (source.read([0], window=Window(0, 10, 50, 20))[0] == frame[:50, 10:30]).all()


def test_a_crop_of_a_png_with_a_long_text(tmp_path):
    """PIL refuses such a text, which is no damage."""
    data = encode('.png', pictures(1, 40, 50)[0])
    text = b'zTXtnote\0\0' + zlib.compress(bytes(1 << 21))
    chunk = struct.pack('>I', len(text) - 4) + text + struct.pack('>I', zlib.crc32(text))
    (tmp_path / '0.png').write_bytes(data[:33] + chunk + data[33:])
    found = decode_picture(tmp_path / '0.png', raw=False, rows=5)
    assert found[0] == (40, 50) and (found[1] == pictures(1, 40, 50)[0]).all()
