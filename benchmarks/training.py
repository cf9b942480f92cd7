"""Training steps of the TecoGAN demo network on this machine: the plain way against ours, speed and memory.

    python benchmarks/training.py --json training.json

The network is that of configs/tecogan_multimodal.py, the clip one of 10 frames of 128x128, forward and back again. The
plain way is eager float32 with the channels outermost; the discriminator is run on the real and on the fake clip by
itself, with the flow computed anew each time. Ours is VideoGAN's own step. Each way runs in a process of its own, whose
peak memory is what the first step adds. Last, a short training on real files says how long it waits for data.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import MODELS
from torch import Tensor

from photoreal.config import load_config
from photoreal.datasets.writers import write_json
from photoreal.engine.optim import AutocastOptimWrapper, use_mixed_precision
from photoreal.engine.runner import build_runner
from photoreal.models import VideoGAN
from photoreal.registry import load_plugins
from photoreal.structures import ClipContext
from photoreal.testing.networks import moving_clip

ROOT = Path(__file__).resolve().parents[1]
CONFIG, FRAMES, SIDE = ROOT / 'configs/tecogan_multimodal.py', 10, 128
WAYS: dict[str, dict[str, Any]] = {
    'plain': {},
    'ours, float32': dict(precision=OptimWrapper),
    'ours, bfloat16': dict(precision=AutocastOptimWrapper),
    'ours, bfloat16, checkpointing': dict(precision=AutocastOptimWrapper, checkpointing=True),
    'ours, bfloat16, compiled': dict(precision=AutocastOptimWrapper, compile=True),
}


def plain_step(model: VideoGAN, batch: dict[str, Tensor], optimizers: OptimWrapperDict) -> None:
    """Update both players, with nothing shared between the three times that the discriminator is run."""
    context = model.begin(batch)
    output = model.generator(context.condition)
    context.pred, context.flow = output.pred, output.flow

    def judge(clip: Tensor):
        with torch.no_grad():
            flow = model.generator.estimate_flow(context.condition)
        return model.discriminator(clip, ClipContext(context.condition, flow=flow, flow_back=flow.flip(1)))

    context.real_scores, context.fake_scores = judge(context.target), judge(context.pred.detach())
    optimizers['discriminator'].update_params(model.losses['adversarial'].discriminator_loss(context))
    context.fake_scores = judge(context.pred)
    optimizers['generator'].update_params(sum(loss(context) for loss in model.losses.values()))
    model.generator_ema.update_parameters(model.generator)


def peak_memory() -> float:
    """MB; of the GPU where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(way: str, steps: int) -> dict[str, float]:
    """Seconds of a step (the median, and the quickest) and MB that the first adds."""
    load_plugins()
    settings = dict(WAYS[way])
    precision = settings.pop('precision', OptimWrapper)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.manual_seed(0)
    # The discriminator always learns, so that every step is of the same work.
    model = MODELS.build({**load_config(CONFIG).model, 'update_threshold': None, **settings}).train().to(device)
    if way == 'plain':
        model.to(memory_format=torch.contiguous_format)
    optimizers = OptimWrapperDict(**{
        name: precision(optimizer=torch.optim.Adam(getattr(model, name).parameters(), lr=1e-4))
        for name in ('generator', 'discriminator')})
    batch = dict(condition=moving_clip(1, FRAMES, 4, SIDE, SIDE).to(device),
                 target=moving_clip(1, FRAMES, 3, SIDE, SIDE, seed=1).to(device))
    step = plain_step if way == 'plain' else VideoGAN.train_on
    before, seconds = peak_memory(), []
    for i in range(steps + 1):
        began = time.perf_counter()
        step(model, batch, optimizers)
        if device == 'cuda':
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        if i == 0:
            memory = peak_memory() - before
    return {'seconds': statistics.median(seconds[1:]), 'quickest': min(seconds[1:]), 'memory_mb': memory}


def share_of_waiting(data_root: Path, iterations: int) -> float:
    """How much of the time a training with two data workers waits for clips, its first iterations left out."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_config(CONFIG, [f'data_root={data_root}', f'train_cfg.max_iters={iterations}',
                                   f'train_cfg.val_interval={iterations + 1}', 'train_dataloader.batch_size=1',
                                   'log_level=ERROR', 'val_dataloader.dataset.max_frames=1'])
        cfg.work_dir = folder
        use_mixed_precision(cfg)
        runner = build_runner(cfg, ('train', 'val'))
        runner.train()
        waited, took = (runner.message_hub.get_scalar(f'train/{name}').data[0][3:] for name in ('data_time', 'time'))
        return float(waited.sum() / took.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=[way for way in WAYS if 'compiled' not in way],
                        help='those besides the plain one; what is compiled takes minutes')
    parser.add_argument('--steps', type=int, default=6)
    parser.add_argument('--data-root', type=Path, default=ROOT / 'data/sample')
    parser.add_argument('--no-data', action='store_true', help='leave out the training on real files')
    parser.add_argument('--measure', choices=WAYS, help=argparse.SUPPRESS)  # in the process of one way
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.steps)))
        return
    results: dict[str, Any] = {}
    for way in WAYS:
        if way in args.ways or way == 'plain':
            command = [sys.executable, __file__, '--measure', way, '--steps', str(args.steps)]
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results[way] = json.loads(run.stdout.splitlines()[-1])
            ratio = results['plain']['seconds'] / results[way]['seconds']
            print(f"{way:32}{1 / results[way]['seconds']:7.2f} steps/s, x {ratio:.2f}, "
                  f"{results[way]['memory_mb']:6.0f} MB", flush=True)
    waiting = None if args.no_data else share_of_waiting(args.data_root, 20)
    if waiting is not None:
        print(f'waiting for data: {waiting:.1%} of the time')
    if args.json:
        write_json(args.json, {'torch': torch.__version__, 'machine': platform.machine(), 'ways': results,
                               'threads': torch.get_num_threads(), 'waiting_for_data': waiting,
                               'capability': torch.backends.cpu.get_cpu_capability()})


if __name__ == '__main__':
    main()
