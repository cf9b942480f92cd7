"""Every way to train faster or in less memory, against plain float32, on 200 iterations of the demo.

    python benchmarks/training_equivalence.py --json equivalence.json

Plain is eager float32 with the channels outermost. Each way starts from the same weights and sees the same clips. What
counts is where it ends: the metrics of the validation, and the generator's pixel and perceptual loss (means of the last
50 iterations). The rounding of any two ways differs, and a game between two networks makes much of it; how much another
order of the clips changes the same numbers (``other clips``) is the measure for that. Without the game there is less
of it:

    python benchmarks/training_equivalence.py --cfg-options model.discriminator=None model.losses.adversarial=None

float16, which takes hours on a CPU, is left out there unless it is asked for.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from photoreal.config import check_config, load_config
from photoreal.datasets.writers import write_json
from photoreal.engine.runner import build_runner

ROOT = Path(__file__).resolve().parents[1]
LOSSES, METRICS, LAST = ('g_pixel', 'g_perceptual'), ('real/psnr', 'real/ssim'), 50


class Way(NamedTuple):
    """How to train: overrides of the config, and whether the channels are outermost."""

    options: tuple[str, ...] = ()
    channels_first: bool = False
    processes: int = 1


BFLOAT16 = tuple(f'optim_wrapper.{part}.type=AutocastOptimWrapper' for part in ('generator', 'discriminator'))
FLOAT16 = 'float16, losses scaled'
WAYS = {
    'plain': Way(channels_first=True),
    **{f'other clips, {seed}': Way((f'train_dataloader.dataset.seed={seed}',), channels_first=True)
       for seed in (1, 2, 3)},
    'channels innermost': Way(),
    'bfloat16': Way(BFLOAT16),
    FLOAT16: Way((*BFLOAT16, 'optim_wrapper.generator.dtype=float16',
                  'optim_wrapper.discriminator.dtype=float16')),
    'two micro-batches': Way(('model.micro_batches=2',)),
    'checkpointing': Way(('model.checkpointing=True',)),
    'compiled': Way(('model.compile=True',)),
    'two processes': Way(('train_dataloader.batch_size=1',), processes=2),
    'bfloat16, checkpointing, compiled': Way((*BFLOAT16, 'model.checkpointing=True', 'model.compile=True')),
}


def train(way: Way, config: Path, options: list[str], work_dir: Path) -> dict[str, float]:
    """Losses and metrics at the end of a training."""
    options = [*options, *way.options, f'experiment_name={work_dir.name}']
    if way.processes > 1:
        torchrun = ('-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={way.processes}')
        subprocess.run([sys.executable, *torchrun, ROOT / 'tools/train.py', config, '--work-dir', work_dir,
                        '--launcher', 'pytorch', '--cfg-options', *options], check=True, stdout=subprocess.DEVNULL)
    else:
        cfg = load_config(config, options)
        cfg.work_dir = str(work_dir)
        check_config(cfg)
        runner = build_runner(cfg, ('train', 'val'))
        if way.channels_first:
            runner.model.to(memory_format=torch.contiguous_format)
        runner.train()
    history = torch.load(work_dir / 'latest.pth', weights_only=True)['message_hub']['log_scalars']
    losses = {name: statistics.fmean(history[f'train/{name}']['values'][-LAST:]) for name in LOSSES}
    measured = json.loads((work_dir / 'metrics.json').read_text())[-1]
    return losses | {name: measured[name] for name in METRICS}


def show(results: dict[str, dict[str, float]]) -> None:
    names = [*LOSSES, *METRICS]
    print(f'{"":36}' + ''.join(f'{name:>26}' for name in names))
    plain = results['plain']
    for way, values in results.items():
        cells = [f'{values[name]:.4f} ({values[name] - plain[name]:+.4f})' for name in names]
        print(f'{way:36}' + ''.join(f'{cell:>26}' for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', type=Path, default=ROOT / 'configs/demo.py')
    parser.add_argument('--iterations', type=int, default=200)
    parser.add_argument('--only', nargs='+', choices=WAYS, help='ways besides the plain one',
                        default=[name for name in WAYS if name != FLOAT16 or torch.cuda.is_available()])
    parser.add_argument('--cfg-options', nargs='+', default=[])
    parser.add_argument('--json', type=Path, help='write the numbers there; those that it holds already are kept')
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    options = [f'train_cfg.max_iters={args.iterations}', f'train_cfg.val_interval={args.iterations}',
               f'default_hooks.checkpoint.interval={args.iterations}', *args.cfg_options]
    with tempfile.TemporaryDirectory() as folder:
        for name in WAYS:
            if name not in results and (name in args.only or name == 'plain'):
                results[name] = train(WAYS[name], args.config, options, Path(folder) / name.replace(' ', '_'))
                if args.json:
                    write_json(args.json, results)
    show({name: results[name] for name in WAYS if name in results})


if __name__ == '__main__':
    main()
