"""Kill a training again and again, at random moments, and see that it ends as one that was never disturbed.

    python benchmarks/soak.py

Trains tiny networks for 300 iterations; the same again while 20 signals come (SIGKILL, SIGTERM and Ctrl-C, some of them
while the program still starts), each time going on with --resume. It ends with exit code 1 where the two runs differ in
one bit of weights, optimizers, schedules or random states, or in a metric.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from photoreal.datasets.writers import write_image

ROOT = Path(__file__).resolve().parents[1]
VIDEOS = ('train/real/a', 'train/real/b', 'val/real/c', 'val/virtual/d')
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PARTS = ('state_dict', 'optimizer', 'param_schedulers', 'random_states')
OPTIONS = ['clip_length=3', 'crop_size=32', 'model.generator.mid_channels=8', 'model.generator.num_blocks=1',
           'model.losses.perceptual=None', 'train_dataloader.num_workers=1', 'val_dataloader.dataset.max_frames=4',
           'train_cfg.val_interval=50', 'default_hooks.checkpoint.interval=5', 'default_hooks.logger.interval=1']


def make_data(root: Path) -> None:
    """Videos of patterns that move."""
    for number, video in enumerate(VIDEOS):
        pattern = np.random.default_rng(number).integers(0, 256, (40, 56, 3), dtype=np.uint8)
        for i in range(8):
            write_image(root / video / f'frames/{i}.png', np.roll(pattern, i, axis=1))


def start(data: Path, work_dir: Path, iterations: int) -> subprocess.Popen:
    """A training that goes on from where the last one was."""
    command = [sys.executable, str(ROOT / 'tools/train.py'), str(ROOT / 'configs/demo.py'), '--resume', '--work-dir',
               str(work_dir), '--cfg-options', f'data_root={data}', f'train_cfg.max_iters={iterations}', *OPTIONS]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def disturb(process: subprocess.Popen, rng: random.Random, most: int) -> tuple[str, int]:
    """Send a signal at a random moment of the start, or after some iterations, ``most`` or fewer.

    Returns:
        The signal's name and the exit code.
    """
    number, wait = rng.choice(SIGNALS), rng.randint(1, most)
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0.2, 4))
    else:
        for line in process.stdout:
            wait -= 'Iter(train)' in line
            if not wait:
                break
        time.sleep(rng.uniform(0, 0.1))
    process.send_signal(number)
    process.communicate()
    return number.name, process.returncode


def equal(a: Any, b: Any) -> bool:
    """Bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iterations', type=int, default=300, help='(default: %(default)s)')
    parser.add_argument('--kills', type=int, default=20, help='(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the moments and signals (default: %(default)s)')
    args = parser.parse_args()
    rng = random.Random(args.seed)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else a program in the background passes on its deafness
    with tempfile.TemporaryDirectory() as folder:
        data, straight, disturbed = (Path(folder) / name for name in ('data', 'straight', 'disturbed'))
        make_data(data)
        _, errors = (process := start(data, straight, args.iterations)).communicate()
        if process.returncode:
            raise SystemExit(f'the training failed:\n{errors}')
        most = 3 * args.iterations // (2 * args.kills)  # so that the last signal, too, comes before the end
        ends: Counter[tuple[str, int]] = Counter()
        while sum(ends.values()) < args.kills:
            ends[disturb(start(data, disturbed, args.iterations), rng, most)] += 1
            kept = sorted(int(path.stem[5:]) for path in disturbed.glob('iter_*.pth'))
            print(f'{sum(ends.values()):3d} signals, checkpoints {kept}', flush=True)
        _, errors = (process := start(data, disturbed, args.iterations)).communicate()
        if process.returncode:
            raise SystemExit(f'the last training failed:\n{errors}')
        for (name, code), count in sorted(ends.items()):
            print(f'{count:3d} times {name}: exit code {code}')
        files = [torch.load(run / f'iter_{args.iterations}.pth', weights_only=True) for run in (straight, disturbed)]
        unequal = [part for part in PARTS if not equal(files[0][part], files[1][part])]
        metrics = [json.loads((run / 'metrics.json').read_text()) for run in (straight, disturbed)]
        unequal += ['metrics'] * (metrics[0] != metrics[1])
        print(f'{args.iterations} iterations, disturbed {args.kills} times: '
              + (f'NOT equal in {", ".join(unequal)}' if unequal else f'equal in {", ".join(PARTS)} and all metrics'))
    raise SystemExit(bool(unequal))


if __name__ == '__main__':
    main()
