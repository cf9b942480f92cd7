"""Memory of a test (tools/test.py) on a long video against a short one: it must not grow with the video's length.

    python benchmarks/test_memory.py

The frames are tiny, so that whatever is kept for each frame shows beside what the libraries take. It ends with exit
code 1 where the long video takes more than 5 % more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mmengine.registry import MODELS

from photoreal.config import load_config
from photoreal.datasets.writers import write_image, write_json
from photoreal.engine.checkpoint import write_checkpoint

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH = 64, 96
OPTIONS = ['model.generator.mid_channels=8', 'model.generator.num_blocks=1', 'model.generator.flow_channels=8']
MOST = 1.05


def make_data(root: Path, count: int) -> None:
    """One real video of a pattern that moves."""
    pattern = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for i in range(count):
        write_image(root / f'val/real/a/frames/{i:05d}.png', np.roll(pattern, i, axis=1))


def peak_memory(root: Path, config: str, checkpoint: Path, out: Path) -> int:
    """Bytes that the greatest process of the test had at its peak."""
    command = [sys.executable, str(ROOT / 'tools/test.py'), config, '--checkpoint', str(checkpoint), '--out', str(out),
               '--domains', 'real', '--cfg-options', *OPTIONS, f'data_root={root}']
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'the test failed with exit code {process.returncode}')
    return usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default=str(ROOT / 'configs/demo.py'))
    parser.add_argument('--lengths', type=int, nargs=2, default=[100, 2000], help='frames (default: %(default)s)')
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cfg = load_config(args.config, OPTIONS)
        write_checkpoint(root / 'weights.pth', {'state_dict': MODELS.build(cfg.model).state_dict()})
        for count in args.lengths:
            make_data(root / str(count), count)
            peaks.append(peak_memory(root / str(count), args.config, root / 'weights.pth', root / f'out{count}'))
            print(f'{count} frames: {peaks[-1] / 1e6:.0f} MB', flush=True)
    ratio = peaks[1] / peaks[0]
    print(f'ratio: {ratio:.3f}; at most {MOST} is expected')
    if args.json:
        write_json(args.json, {'lengths': args.lengths, 'peaks': peaks, 'ratio': ratio})
    if ratio > MOST:
        sys.exit(1)


if __name__ == '__main__':
    main()
