"""Small files of many kinds, and ways to damage them; ``fuzz_inputs.py`` predicts what comes out."""

import io
import itertools
import random
import struct
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES, RATE, SAMPLE_RATE = 64, 80, 5, 25, 48000
# Name -> suffix, codec, pixel format, codec of the sound.
FILMS = {
    'mp4': ('.mp4', 'libx264', 'yuv420p', 'aac'), 'mp4 hevc': ('.mp4', 'libx265', 'yuv420p', None),
    'mov': ('.mov', 'prores_ks', 'yuv422p10le', 'pcm_s16le'), 'mkv': ('.mkv', 'ffv1', 'bgr0', 'flac'),
    'mkv h264': ('.mkv', 'libx264', 'yuv420p', 'aac'), 'webm': ('.webm', 'libvpx-vp9', 'yuva420p', 'libopus'),
    'avi': ('.avi', 'mpeg4', 'yuv420p', 'pcm_s16le'), 'ts': ('.ts', 'libx264', 'yuv420p', 'aac'),
    'mpg': ('.mpg', 'mpeg2video', 'yuv420p', 'mp2'), 'flv': ('.flv', 'flv', 'yuv420p', 'libmp3lame'),
    'mxf': ('.mxf', 'mpeg2video', 'yuv420p', 'pcm_s16le'), 'gif': ('.gif', 'gif', 'rgb8', None),
    'wmv': ('.wmv', 'wmv2', 'yuv420p', 'wmav2'), 'ogv': ('.ogv', 'libtheora', 'yuv420p', 'libvorbis'),
}
PICTURES = {'png': '.png', 'jpg': '.jpg', 'tiff': '.tiff', 'webp': '.webp', 'bmp': '.bmp'}
BOXES = (b'trak', b'stbl', b'stts', b'ctts', b'stsz', b'stco', b'stsc', b'elst', b'tkhd')


class Seed(NamedTuple):
    """A whole file.

    Attributes:
        kind: A word for the table.
        name: Of the file.
        data: Its bytes.
        cuts: Where packets and boxes begin.
        pipe: Whether it comes through a pipe, and is raw there.
    """

    kind: str
    name: str
    data: bytes
    cuts: list[int]
    pipe: bool = False


def make_seeds(folder: Path) -> list[Seed]:
    """Whole files of all kinds that this FFmpeg can write; the others are named."""
    frames = [np.roll(cv2.resize(np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8), (WIDTH, HEIGHT)),
                      2 * i, axis=1) for i in range(FRAMES)]
    seeds = []
    for kind, (suffix, codec, pixels, sound) in FILMS.items():
        path = folder / f'film{suffix}'
        try:
            write_film(path, frames, codec, pixels, sound)
        except (av.FFmpegError, ValueError) as error:
            print(f'{kind} is left out: {error}', file=sys.stderr)
            continue
        seeds.append(Seed(kind, path.name, path.read_bytes(), cuts_of(path)))
    for kind, suffix in PICTURES.items():
        data = cv2.imencode(suffix, frames[0])[1].tobytes()
        seeds.append(Seed(kind, f'picture{suffix}', data, list(range(0, len(data), max(8, len(data) // 16)))))
    exif = io.BytesIO()
    picture = Image.fromarray(frames[0])
    tags = picture.getexif()
    tags[0x0112] = 6
    picture.save(exif, 'JPEG', exif=tags)
    film = next((seed.data for seed in seeds if seed.kind == 'mp4'), b'')
    seeds.append(Seed('motion photo', 'motion.jpg', exif.getvalue() + film, [0, len(exif.getvalue())]))
    seeds.append(Seed('cover', 'song.mkv', with_cover(folder / 'song.mkv', frames[0]), cuts_of(folder / 'song.mkv')))
    raw = b''.join(frame.tobytes() for frame in frames)
    seeds.append(Seed('raw pipe', 'pipe', raw, list(range(0, len(raw), WIDTH * HEIGHT * 3)), True))
    y4m = folder / 'film.y4m'
    write_film(y4m, frames, 'wrapped_avframe', 'yuv420p', None)
    seeds.append(Seed('y4m pipe', 'pipe.y4m', y4m.read_bytes(), [0], True))
    ts = next((seed for seed in seeds if seed.kind == 'ts'), None)
    if ts is not None:
        seeds.append(ts._replace(kind='ts pipe', name='pipe.ts', pipe=True))
    return seeds


def write_film(path: Path, frames: list[np.ndarray], codec: str, pixels: str, sound: str | None) -> None:
    """Write a few frames, and as much of a tone."""
    options = {'strict': 'experimental', 'g': '3', **({'x265-params': 'log-level=none'} if codec == 'libx265' else {})}
    with av.open(str(path), 'w') as container:
        video = container.add_stream(codec, rate=RATE, options=options)
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, pixels
        track = None if sound is None else container.add_stream(sound, rate=SAMPLE_RATE, layout='stereo')
        if track is not None:
            track.bit_rate = 128_000
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24').reformat(format=pixels)
            picture.pts, picture.time_base = i, Fraction(1, RATE)
            container.mux(video.encode(picture))
            if track is not None:
                step = SAMPLE_RATE // RATE
                tone = (9000 * np.sin(np.arange(2 * i * step, 2 * (i + 1) * step) / 20)).astype(np.int16)[None]
                piece = av.AudioFrame.from_ndarray(tone, 's16', 'stereo')
                piece.pts, piece.sample_rate, piece.time_base = i * step, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
                container.mux(track.encode(piece))
        container.mux(video.encode(None))
        if track is not None:
            container.mux(track.encode(None))


def with_cover(path: Path, frame: np.ndarray) -> bytes:
    """Sound with a picture: a video track of one frame that is no video."""
    write_film(path, [frame], 'mjpeg', 'yuvj420p', 'flac')
    return path.read_bytes()


def cuts_of(path: Path) -> list[int]:
    """Where a file's packets begin, and the boxes of an MP4."""
    with av.open(str(path)) as container:
        cuts = {packet.pos for packet in container.demux() if packet.pos is not None and packet.pos > 0}
    data, at = path.read_bytes(), 0
    while path.suffix in ('.mp4', '.mov') and at + 8 <= len(data):
        cuts.add(at)
        if data[at + 4:at + 8] == b'moov':
            cuts.update(i - 4 for name in BOXES for i in find_all(data, name))
        at += max(8, struct.unpack_from('>I', data, at)[0])
    return sorted(cut for cut in cuts | {0} if cut < len(data))


def find_all(data: bytes, word: bytes) -> Iterator[int]:
    """Where a word begins."""
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def flip(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """Some bits are others."""
    data = bytearray(seed.data)
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flip_head(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """Some bytes of the head, or of the tail, are others."""
    data, reach = bytearray(seed.data), min(len(seed.data), 400)
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(reach)
        data[at if rng.random() < 0.7 else -1 - at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(data)


def cut_short(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """The end is missing, or the beginning."""
    at = rng.randrange(len(seed.data))
    return seed.data[:at] if rng.random() < 0.7 else seed.data[at:]


def pieces(seed: Seed) -> list[bytes]:
    """A file in pieces, a packet or a box each."""
    return [seed.data[a:b] for a, b in itertools.pairwise([*sorted({0, *seed.cuts}), len(seed.data)])]


def move(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """Packets or boxes are missing, doubled or swapped."""
    parts = pieces(seed)
    for _ in range(rng.choice((1, 1, 2, 5))):
        a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
        way = rng.randrange(3)
        if way == 0 and len(parts) > 1:
            del parts[a]
        elif way == 1:
            parts.insert(b, parts[a])
        else:
            parts[a], parts[b] = parts[b], parts[a]
    return b''.join(parts)


def resize(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """A number in the file, such as the size of a box, is another."""
    data = bytearray(seed.data)
    at = rng.choice(seed.cuts) + rng.choice((0, 0, 4, 8, 12, 16, 20))
    at = min(at, max(0, len(data) - 4)) if rng.random() < 0.8 else rng.randrange(max(1, len(data) - 4))
    number = rng.choice((0, 1, 7, 8, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, rng.getrandbits(32)))
    data[at:at + 4] = number.to_bytes(4, rng.choice(('big', 'little')))
    return bytes(data)


def blank(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """A stretch is zero, or noise."""
    data, at = bytearray(seed.data), rng.randrange(len(seed.data))
    length = min(rng.choice((8, 64, 512, 4096)), len(data) - at)
    data[at:at + length] = bytes(length) if rng.random() < 0.5 else rng.randbytes(length)
    return bytes(data)


def join(rng: random.Random, seed: Seed, others: list[Seed]) -> bytes:
    """The first part of a file and the last of the same or another one."""
    other = seed if rng.random() < 0.4 else rng.choice(others)
    return seed.data[:rng.randrange(len(seed.data))] + other.data[rng.randrange(len(other.data)):]


DAMAGES: dict[str, Callable[[random.Random, Seed, list[Seed]], bytes]] = {
    'bits': flip, 'head': flip_head, 'cut': cut_short, 'packets': move, 'numbers': resize, 'blank': blank, 'join': join}


def damaged(number: int, seed: int, seeds: list[Seed]) -> tuple[random.Random, Seed, str, bytes]:
    """The file of a number: the same always. Every kind gets as many."""
    rng = random.Random(f'{seed}/{number}')
    whole = seeds[number % len(seeds)]
    damage = rng.choice(list(DAMAGES))
    return rng, whole, damage, DAMAGES[damage](rng, whole, seeds)
