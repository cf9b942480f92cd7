"""How time and memory grow with the size of the work: clips and batches of a training, frames, videos of a data set.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --only data --videos 10 100 1000

Each size is measured in a process of its own, in seconds of the processor (of the quickest of some repeats) and in
memory beyond what the imports take. The exponent is the slope of a straight line through their logarithms, by least
squares: 1 is linear; a share that does not grow makes it less. That of the last two sizes stands beside it. Data sets
are made up, of hard links to a few small pictures.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINKS = 30_000  # to one file; file systems have a limit
FRAMES = 3  # of a video of the data sets
MOST = 1.1  # an exponent above it is more than linear

# What grows -> sizes, the factor of one size to the work ('2' for a side), and the rest of the case.
CASES: dict[str, list[tuple[str, list[int], int, dict[str, int]]]] = {
    'train': [('crop', [32, 64, 128], 2, dict(length=3, batch=1)),
              ('length', [2, 4, 8], 1, dict(crop=64, batch=1)),
              ('batch', [1, 2, 4], 1, dict(crop=64, length=3))],
    'infer': [('height', [90, 180, 360, 720], 2, dict(streams=1, length=4)),
              ('streams', [1, 2, 4], 1, dict(height=180, length=4)),
              ('length', [8, 16, 32, 64], 1, dict(height=90, streams=1))],
    'data': [('videos', [10, 100, 1000, 10_000, 100_000], 1, {})],
}


def used() -> float:
    """Seconds of the processor so far, of all threads."""
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime


def quickest(call: Callable[[], Any], repeats: int = 3) -> float:
    """Seconds of the processor of a call, the first one, which is slower, left out."""
    call()
    times = []
    for _ in range(repeats):
        began = used()
        call()
        times.append(used() - began)
    return min(times)


def memory() -> float:
    """MB that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train(crop: int, length: int, batch: int) -> dict[str, float]:
    """A step of the demo's model; the processes of torchrun share nothing but gradients."""
    import torch
    from mmengine.optim import OptimWrapper, OptimWrapperDict
    from mmengine.registry import MODELS

    from photoreal.config import load_config
    from photoreal.engine.distributed import VideoGANDataParallel, start_processes
    from photoreal.testing.networks import moving_clip
    torch.manual_seed(0)
    model = MODELS.build(dict(load_config(ROOT / 'configs/demo.py').model, update_threshold=None)).train()
    if 'WORLD_SIZE' in os.environ:
        start_processes('pytorch')
        model = VideoGANDataParallel(model)
    inner = getattr(model, 'module', model)
    optimizers = OptimWrapperDict(**{name: OptimWrapper(torch.optim.Adam(getattr(inner, name).parameters()))
                                     for name in ('generator', 'discriminator')})
    data = dict(condition=moving_clip(batch, length, 4, crop, crop), target=moving_clip(batch, length, 3, crop, crop))
    before = memory()
    began = time.perf_counter()
    seconds = quickest(lambda: inner.train_on(dict(data), optimizers), 2)
    wall = (time.perf_counter() - began) / 3
    return {'step, s': seconds, 'memory, MB': memory() - before, 'clips/s on the wall': batch / wall}


def infer(height: int, streams: int, length: int) -> dict[str, float]:
    """A video of so many frames of 16:9 through ``nano``, modalities and all, or several at once."""
    from concurrent.futures import ThreadPoolExecutor

    import cv2
    import numpy as np

    from photoreal.bundle import load_untrained
    from photoreal.inference import VideoEnhancer
    enhancer = VideoEnhancer(load_untrained(ROOT / 'configs/realtime_nano.py'), streams=streams)
    width = height * 16 // 9 // 2 * 2
    frame = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8), (width, height))

    def video() -> None:
        for _ in enhancer(frame for _ in range(length)):
            pass

    def all_of_them() -> None:
        with ThreadPoolExecutor(streams) as pool:
            for one in [pool.submit(video) for _ in range(streams)]:
                one.result()

    before = memory()
    seconds = quickest(all_of_them, 2)
    return {'all frames, s': seconds, 'memory, MB': memory() - before, 'frames/s': streams * length / seconds}


def data(videos: int) -> dict[str, float]:
    """The start of a training on a data set of so many videos: the first time, and when its index is in the cache."""
    with tempfile.TemporaryDirectory() as name:
        make_videos(Path(name, 'data'), videos)
        os.environ['PHOTOREAL_CACHE'] = f'{name}/cache'
        found: dict[str, float] = {}
        for what in ('anew', 'known'):
            child = subprocess.run([sys.executable, __file__, '--child', 'start', '--sizes', json.dumps(
                {'root': f'{name}/data'})], capture_output=True, text=True, check=True)
            found |= {f'{what}: {key}': value for key, value in json.loads(child.stdout.splitlines()[-1]).items()}
        return found


def start(root: str) -> dict[str, float]:
    """Scan, what a run notes of its data, and clips."""
    from photoreal.datasets.clips import ClipDataset
    from photoreal.engine.provenance import fingerprints
    before, began, clock = memory(), used(), time.perf_counter()
    dataset = ClipDataset(root, dict(blur=dict(type='Blur')), clip_length=2, crop_size=16)
    scanned = used()
    fingerprints({'train': dataset})
    noted, wall = used(), time.perf_counter() - clock
    dataset[0]
    first = used()
    for k in range(1, 51):
        dataset[k]
    return {'scan, s': scanned - began, 'fingerprint, s': noted - scanned, 'first clip, s': first - noted,
            'a clip, s': (used() - first) / 50, 'memory, MB': memory() - before, 'both on the wall, s': wall}


def make_videos(root: Path, count: int) -> None:
    """So many videos of a few small pictures, all of them links, that look an hour old."""
    import numpy as np

    from photoreal.datasets.writers import write_image
    old = time.time() - 3600
    for k in range(count):
        folder = root / f'train/real/v{k}/frames'
        folder.mkdir(parents=True)
        for i in range(FRAMES):
            file, number = folder / f'{i:03d}.png', k * FRAMES + i
            if number % LINKS == 0:
                write_image(file, np.full((24, 24, 3), number % 256, np.uint8))
                source = file
            else:
                os.link(source, file)
        for one in (folder, folder.parent):
            os.utime(one, (old, old))


def run(what: str, sizes: dict[str, Any], processes: int = 1) -> dict[str, float]:
    """What a process of its own measures."""
    way = [sys.executable] if processes == 1 else [sys.executable, '-m', 'torch.distributed.run', '--standalone',
                                                   f'--nproc_per_node={processes}']
    child = subprocess.run([*way, __file__, '--child', what, '--sizes', json.dumps(sizes)], capture_output=True,
                           text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    if child.returncode:
        raise SystemExit(f'{what} {sizes}: {child.stderr}')
    return json.loads([line for line in child.stdout.splitlines() if line.startswith('{')][-1])


def exponent(sizes: list[float], values: list[float]) -> float:
    """The slope of the line through the logarithms, by least squares."""
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, values) if value > 0]
    if len(points) < 2:
        return math.nan
    x, y = (sum(column) / len(points) for column in zip(*points))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def show(what: str, grows: str, sizes: list[int], power: int, rest: dict[str, int]) -> None:
    """A table: a line for each number that is measured, its exponents last."""
    found = [run(what, {**rest, grows: size}) for size in sizes]
    title = f'{what}, {grows}' + ''.join(f', {name} {value}' for name, value in rest.items())
    print(f'\n{title:<40}', *(f'{size:>9}' for size in sizes), ' exponent  of the last two')
    for key in found[0]:
        values = [one[key] for one in found]
        work = [float(size) ** power for size in sizes]
        slope, last = exponent(work, values), exponent(work[-2:], values[-2:])
        more = '  more than linear' if max(slope, last) > MOST and '/s' not in key and 'wall' not in key else ''
        print(f'{key:<40}', *(f'{value:9.4g}' for value in values), f'{slope:9.2f}{last:9.2f}{more}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=[*CASES, 'processes'])
    parser.add_argument('--videos', type=int, nargs='+', help='of the data sets')
    parser.add_argument('--child', help=argparse.SUPPRESS)
    parser.add_argument('--sizes', type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child = {'train': train, 'infer': infer, 'data': data, 'start': start}[args.child]
        print(json.dumps(child(**args.sizes)), flush=True)
        return
    for what, cases in CASES.items():
        for grows, sizes, power, rest in cases if args.only in (None, what) else []:
            show(what, grows, args.videos or sizes if grows == 'videos' else sizes, power, rest)
    if args.only in (None, 'processes'):
        rates = [run('train', dict(crop=64, length=3, batch=2), count)['clips/s on the wall'] * count
                 for count in (1, 2)]
        print(f'\ntraining in two processes: {rates[1] / rates[0]:.2f} times the clips of one '
              f'({rates[0]:.2f} and {rates[1]:.2f} clips/s)')


if __name__ == '__main__':
    main()
