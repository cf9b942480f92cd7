"""Predict thousands of damaged files, and see that each is predicted or refused in good order.

    python benchmarks/fuzz_inputs.py --count 10000

Small files of many kinds are damaged (bits flipped, cut short, boxes and packets moved, halves joined) and go through
the code of `infer` in processes that live on, with a limit of memory and of time for each file. Faults are: a process
that crashes or hangs, an error that would be a traceback, and an output under its final name that cannot be decoded.
It prints a table and ends with exit code 1 where there are any; `--only N` repeats one of them.
"""

import argparse
import io
import itertools
import multiprocessing
import os
import random
import resource
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES, RATE, SAMPLE_RATE = 64, 80, 5, 25, 48000
MEMORY = 4 << 30  # bytes of addresses beyond those of a process at rest
OUTCOMES = ('predicted', 'refused', 'traceback', 'undecodable', 'hang', 'crash')
FAULTS = OUTCOMES[2:]
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
OUTPUTS = ('out.mp4', 'out.mkv', 'out')


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


class Case(NamedTuple):
    """What became of one file."""

    number: int
    kind: str
    damage: str
    outcome: str
    text: str


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


def work(channel: Connection, seed: int, seeds: list[Seed]) -> None:
    """A process: predicts the files whose numbers it is told."""
    os.setsid()
    enhancer = make_enhancer()
    rest = sum(int(line.split()[1]) << 10 for line in Path('/proc/self/status').read_text().splitlines()
               if line.startswith('VmSize'))
    resource.setrlimit(resource.RLIMIT_AS, (rest + MEMORY, rest + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel.send(None)
    while (number := channel.recv()) is not None:
        with tempfile.TemporaryDirectory() as folder:
            channel.send(predict(enhancer, number, seed, seeds, Path(folder)))


def make_enhancer() -> 'VideoEnhancer':  # noqa: F821
    """One tiny model."""
    import torch

    from photoreal.bundle import TrainedModel
    from photoreal.inference import VideoEnhancer
    from photoreal.models.generators import FRNet
    from photoreal.models.preprocessor import ClipPreprocessor
    torch.manual_seed(0)
    torch.set_num_threads(1)
    preprocessor = ClipPreprocessor(dict(edges=dict(type='Edges')))
    generator = FRNet(preprocessor.layout.channels, mid_channels=2, num_blocks=1, flow_channels=2, scale=1)
    return VideoEnhancer(TrainedModel(generator.eval(), preprocessor, {}), 'cpu', 'fp32')


def predict(enhancer: 'VideoEnhancer', number: int, seed: int, seeds: list[Seed], folder: Path) -> Case:  # noqa: F821
    """What `infer` does with one file."""
    from photoreal.errors import PhotorealError
    from photoreal.inference import Reading, Writing, enhance_file
    rng, whole, damage, data = damaged(number, seed, seeds)
    source, out = folder / whole.name, folder / rng.choice(OUTPUTS)
    writing, skip_bad, told = Writing(low_delay=rng.random() < 0.9), rng.random() < 0.3, rng.random() < 0.05
    reading = Reading(start=0 if whole.kind in PICTURES else rng.choice((0, 0, 0, 1)),
                      size=(HEIGHT, WIDTH) if whole.kind == 'raw pipe' else None)
    filling = None
    if whole.pipe:
        os.mkfifo(source)
        filling = threading.Thread(target=fill, args=(source, data), daemon=True)
        filling.start()
    else:
        source.write_bytes(data)
    outcome, text = 'predicted', ''
    try:
        enhance_file(enhancer, source, out, (), reading, writing, skip_bad, (lambda note: None) if told else None)
    except PhotorealError as error:
        outcome, text = 'refused', str(error)
    except Exception:
        outcome, text = 'traceback', traceback.format_exc()
    if filling is not None:
        release(source, filling)
    fault = undecodable(out)
    if fault is not None:
        outcome, text = 'undecodable', f'{fault}\n{text}'
    return Case(number, whole.kind, f'{damage} -> {out.name}', outcome, text)


def fill(pipe: Path, data: bytes) -> None:
    """Write into a pipe, as far as it is read."""
    try:
        pipe.write_bytes(data)
    except OSError:
        pass  # the reader had enough


def release(pipe: Path, filling: threading.Thread) -> None:
    """See that whoever fills a pipe ends, when it was not even opened."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.close(reader)
    filling.join(5)


def undecodable(out: Path) -> str | None:
    """What is wrong with an output under its final name; None: nothing, or there is none."""
    if out.is_dir():
        return next((f'{path.name} cannot be decoded' for path in sorted(out.iterdir())
                     if not path.name.startswith('.') and cv2.imread(str(path)) is None), None)
    if not out.exists():
        return None
    try:
        with av.open(str(out)) as container:
            count = sum(not frame.is_corrupt for frame in container.decode(video=0))
    except (av.FFmpegError, OSError, IndexError) as error:
        return f'{out.name} cannot be decoded: {error}'
    return None if count else f'{out.name} has no frames'


class Worker:
    """A process and the file that it is at."""

    def __init__(self, seed: int, seeds: list[Seed]) -> None:
        context = multiprocessing.get_context('spawn')
        self.channel, far = context.Pipe()
        self.process = context.Process(target=work, args=(far, seed, seeds), daemon=True)
        self.process.start()
        far.close()
        self.number: int | None = None
        self.began = time.monotonic() + 120  # it takes its time to start
        self.channel.recv()

    def give(self, number: int) -> None:
        self.number, self.began = number, time.monotonic()
        self.channel.send(number)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def run(numbers: Iterator[int], seed: int, seeds: list[Seed], workers: int, limit: float) -> Iterator[Case]:
    """What became of the files, as they are done."""
    crew = [Worker(seed, seeds) for _ in range(workers)]
    for worker in crew:
        if (number := next(numbers, None)) is not None:
            worker.give(number)
    try:
        while busy := [worker for worker in crew if worker.number is not None]:
            ready = wait([worker.channel for worker in busy], timeout=1)
            for worker in busy:
                case = None
                if worker.channel in ready:
                    try:
                        case = worker.channel.recv()
                    except (EOFError, ConnectionResetError):
                        worker.process.join()
                        case = unfinished(worker.number, seed, seeds, 'crash', f'exit code {worker.process.exitcode}')
                elif time.monotonic() - worker.began > limit:
                    case = unfinished(worker.number, seed, seeds, 'hang', f'more than {limit:g} seconds')
                if case is None:
                    continue
                yield case
                if case.outcome in ('crash', 'hang'):
                    worker.end()
                    crew[crew.index(worker)] = worker = Worker(seed, seeds)
                worker.number = None
                if (number := next(numbers, None)) is not None:
                    worker.give(number)
    finally:
        for worker in crew:
            worker.end()


def unfinished(number: int, seed: int, seeds: list[Seed], outcome: str, text: str) -> Case:
    """A case of which its process cannot tell any more."""
    _, whole, damage, _ = damaged(number, seed, seeds)
    return Case(number, whole.kind, damage, outcome, text)


def table(counts: Counter[tuple[str, str]], kinds: list[str]) -> str:
    """Kinds by outcomes."""
    lines = [f'{"kind":14}' + ''.join(f'{outcome:>12}' for outcome in OUTCOMES)]
    for kind in (*kinds, 'all'):
        row = [sum(n for (k, o), n in counts.items() if o == outcome and kind in (k, 'all')) for outcome in OUTCOMES]
        lines.append(f'{kind:14}' + ''.join(f'{n:12d}' for n in row))
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=10_000, help='files (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the damage (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=1, help='processes (default: %(default)s)')
    parser.add_argument('--limit', type=float, default=30, help='seconds for a file (default: %(default)s)')
    parser.add_argument('--only', type=int, help='the number of one file, to repeat it')
    parser.add_argument('--keep', type=Path, help='a folder for the files with faults')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds = make_seeds(Path(folder))
    numbers = iter(range(args.count) if args.only is None else [args.only])
    counts: Counter[tuple[str, str]] = Counter()
    began = time.monotonic()
    for case in run(numbers, args.seed, seeds, args.workers, args.limit):
        counts[case.kind, case.outcome] += 1
        if case.outcome in FAULTS or args.only is not None:
            print(f'{case.outcome}: --seed {args.seed} --only {case.number} ({case.kind}, {case.damage})', case.text,
                  sep='\n', flush=True)
            if args.keep is not None:
                args.keep.mkdir(parents=True, exist_ok=True)
                _, whole, _, data = damaged(case.number, args.seed, seeds)
                (args.keep / f'{case.number}_{whole.name}').write_bytes(data)
    seconds = time.monotonic() - began
    print(table(counts, [seed.kind for seed in seeds]))
    done = sum(counts.values())
    faults = sum(n for (_, outcome), n in counts.items() if outcome in FAULTS)
    print(f'{done} files in {seconds:.0f} s ({seconds / max(1, done):.2f} s a file), {faults} faults')
    raise SystemExit(bool(faults))


if __name__ == '__main__':
    main()
