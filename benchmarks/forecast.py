"""Does the forecast of a training come true? What it says of an iteration, against the iterations of the same run.

    python benchmarks/forecast.py

Forecasts and iterations alternate, as every round is a training of its own, so that whatever else the machine does
falls on both alike. It ends with exit code 1 where the median of the rounds' ratios is out of 1.5 either way.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
BOUND = 1.5
ITERATIONS = 24  # a shorter run has no forecast
SETTLED = 12  # iterations that are not counted: the log gives means of ten, and the first ones are slower
TINY = ['clip_length=6', 'crop_size=32', 'model.generator.mid_channels=8', 'model.generator.num_blocks=1',
        'model.generator.flow_channels=4', 'model.losses.perceptual=None', 'train_dataloader.num_workers=0']
CONFIGS = {'tiny': ('configs/demo.py', TINY), 'configs/demo.py': ('configs/demo.py', [])}


def measure(config: str, options: list[str], data_root: Path) -> tuple[float, float]:
    """Seconds of an iteration: as forecast, and the median of those that came then."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / 'tools/train.py'), str(ROOT / config), '--work-dir', folder,
                   '--cfg-options', f'data_root={data_root}', f'train_cfg.max_iters={ITERATIONS}',
                   'val_dataloader.dataset.max_frames=1', 'default_hooks.logger.interval=1', *options]
        run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        found = re.search(r'forecast: (\S+) s an iteration', run.stdout)
        if run.returncode or not found:
            sys.exit(f'{config}: the training ended with exit code {run.returncode} and told:\n{run.stdout}')
        log = next(Path(folder).glob('*/vis_data/scalars.json')).read_text().splitlines()
    times = [entry['time'] for entry in map(json.loads, log) if 'g_total' in entry]
    return float(found[1]), median(times[SETTLED:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--data-root', type=Path, default=ROOT / 'data/sample')
    args = parser.parse_args()
    wrong = False
    for name, (config, options) in CONFIGS.items():
        ratios = []
        for _ in range(args.rounds):
            forecast, took = measure(config, options, args.data_root.resolve())
            ratios.append(forecast / took)
            print(f'{name:16} forecast {forecast:7.3g} s, took {took:7.3g} s: x {ratios[-1]:.2f}', flush=True)
        ratio = median(ratios)
        wrong |= not 1 / BOUND < ratio < BOUND
        print(f'{name:16} median of {args.rounds}: x {ratio:.2f}, load {os.getloadavg()[0]:.1f}', flush=True)
    sys.exit(int(wrong))


if __name__ == '__main__':
    main()
