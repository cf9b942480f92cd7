"""Memory of tools/test.py and tools/infer.py on a long video against a short one: it must not grow with the length.

    python benchmarks/test_memory.py
    python benchmarks/test_memory.py --tools infer --lengths 100 3000

The frames are tiny, so that whatever is kept for each frame shows beside what the libraries take. tools/test.py reads a
folder, tools/infer.py goes from an H.264 file to another. It ends with exit code 1 where the long video takes more than
5 % more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.registry import MODELS

from photoreal.config import load_config
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image, write_json
from photoreal.engine.checkpoint import write_checkpoint

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH = 64, 96
OPTIONS = ['model.generator.mid_channels=8', 'model.generator.num_blocks=1', 'model.generator.flow_channels=8']
MOST = 1.05


def frames(count: int) -> Iterator[np.ndarray]:
    """A pattern that moves: (H, W, 3) uint8 each."""
    pattern = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for i in range(count):
        yield np.roll(pattern, i, axis=1)


def test_command(root: Path, config: str, count: int) -> list[str]:
    """Validate one real video of ``count`` frames."""
    for i, frame in enumerate(frames(count)):
        write_image(root / f'{count}/val/real/a/frames/{i:05d}.png', frame)
    return ['tools/test.py', config, '--checkpoint', str(root / 'weights.pth'), '--out', str(root / f'out{count}'),
            '--domains', 'real', '--cfg-options', *OPTIONS, f'data_root={root / str(count)}']


def infer_command(root: Path, config: str, count: int) -> list[str]:
    """Predict a video file of ``count`` frames."""
    with VideoWriter(root / f'{count}.mp4', 25) as writer:
        for frame in frames(count):
            writer.write(frame)
    return ['tools/infer.py', config, str(root / f'{count}.mp4'), '--checkpoint', str(root / 'weights.pth'), '--out',
            str(root / f'out{count}.mp4'), '--cfg-options', *OPTIONS]


COMMANDS = {'test': test_command, 'infer': infer_command}


def peak_memory(command: list[str]) -> int:
    """Bytes that the greatest process of a tool had at its peak."""
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'{command[0]} failed with exit code {process.returncode}')
    return usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default=str(ROOT / 'configs/demo.py'))
    parser.add_argument('--tools', nargs='+', choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument('--lengths', type=int, nargs=2, default=[100, 3000], help='frames (default: %(default)s)')
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    results = {}
    for tool in args.tools:
        peaks = []
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            cfg = load_config(args.config, OPTIONS)
            write_checkpoint(root / 'weights.pth', {'state_dict': MODELS.build(cfg.model).state_dict()})
            for count in args.lengths:
                peaks.append(peak_memory(COMMANDS[tool](root, args.config, count)))
                print(f'tools/{tool}.py, {count} frames: {peaks[-1] / 1e6:.0f} MB', flush=True)
        results[tool] = {'lengths': args.lengths, 'peaks': peaks, 'ratio': peaks[1] / peaks[0]}
        print(f'ratio: {peaks[1] / peaks[0]:.3f}; at most {MOST} is expected')
    if args.json:
        write_json(args.json, results)
    if any(result['ratio'] > MOST for result in results.values()):
        sys.exit(1)


if __name__ == '__main__':
    main()
