"""Predict thousands of damaged files, and see that each is predicted or refused in good order.

    python benchmarks/fuzz_inputs.py --count 10000

Small files of many kinds are damaged (bits flipped, cut short, boxes and packets moved, halves joined) and go through
the code of `infer` in processes that live on, with a limit of memory and of time for each file. Faults are: a process
that crashes or hangs, an error that would be a traceback, and an output under its final name that cannot be decoded.
It prints a table and ends with exit code 1 where there are any; `--only N` repeats one of them.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import av
import cv2
from damaged_files import HEIGHT, PICTURES, WIDTH, Seed, damaged, make_seeds

MEMORY = 4 << 30  # bytes of addresses beyond those of a process at rest
OUTCOMES = ('predicted', 'refused', 'traceback', 'undecodable', 'hang', 'crash')
FAULTS = OUTCOMES[2:]
OUTPUTS = ('out.mp4', 'out.mkv', 'out')


class Case(NamedTuple):
    """What became of one file."""

    number: int
    kind: str
    damage: str
    outcome: str
    text: str


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
