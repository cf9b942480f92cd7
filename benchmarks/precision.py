"""What bfloat16 gains on this CPU, under each instruction set that it can pretend to stop at.

    python benchmarks/precision.py
    python benchmarks/precision.py --sets AVX2 AVX512_CORE_BF16 --json precision.json

float32 and bfloat16 take turns within a process; the quickest of each counts, in processor time and on one thread, so
that a busy machine does little to it. Steps are those of generators with initial weights, at 160x90; the training is of
configs/tecogan_multimodal.py, one clip of 3 frames of 48x48, forward and back again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import MODELS
from torch import nn

from photoreal.bundle import load_untrained
from photoreal.config import load_config
from photoreal.datasets.writers import write_json
from photoreal.engine.optim import AutocastOptimWrapper
from photoreal.precision import DTYPES, choose_dtype
from photoreal.registry import load_plugins
from photoreal.testing.networks import moving_clip

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device('cpu')
SETS = {'AVX2': 'avx2', 'AVX512_CORE': 'avx512', 'AVX512_CORE_BF16': 'avx512', 'AVX512_CORE_AMX': 'avx512'}
# oneDNN's name -> ATen's; a processor that lacks one uses the best that it has.
HEIGHT, WIDTH = 90, 160  # of frames: without instructions for it bfloat16 takes long
STEPS = {'FRNet': 'tecogan_multimodal', 'small': 'realtime_small', 'nano': 'realtime_nano'}


def race(run: dict[torch.dtype, Callable[[], object]], rounds: int) -> list[float]:
    """How often a second of processor time each runs, float32 first: the quickest of some rounds after a first one."""
    best = dict.fromkeys(run, float('inf'))
    for i in range(rounds + 1):
        for dtype, function in run.items():
            began = time.process_time()
            function()
            if i:
                best[dtype] = min(best[dtype], time.process_time() - began)
    return [1 / seconds for seconds in best.values()]


def convolution_rates(rounds: int) -> list[float]:
    """GFLOP/s of a 3x3 convolution of 64 channels to 64, at 134x320."""
    runs = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.rand(1, 64, 134, 320, dtype=dtype).contiguous(memory_format=torch.channels_last)
        runs[dtype] = partial(nn.Conv2d(64, 64, 3, padding=1).to(dtype, memory_format=torch.channels_last), x)
    with torch.inference_mode():
        return [rate * 2 * 9 * 64 * 64 * 134 * 320 / 1e9 for rate in race(runs, rounds)]


def step_rates(config: str, rounds: int) -> list[float]:
    model = load_untrained(ROOT / f'configs/{config}.py')
    generator = model.generator.to(memory_format=torch.channels_last).eval()
    condition = torch.rand(1, model.preprocessor.layout.channels, HEIGHT, WIDTH)

    def step(dtype: torch.dtype) -> None:
        with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32):
            generator.step(condition, generator.init_state(condition))

    return race({dtype: partial(step, dtype) for dtype in (torch.float32, torch.bfloat16)}, rounds)


def training_rates(rounds: int) -> list[float]:
    load_plugins()
    batch = dict(condition=moving_clip(1, 3, 4, 48, 48), target=moving_clip(1, 3, 3, 48, 48, seed=1))
    steps = {}
    for dtype, wrapper in ((torch.float32, OptimWrapper), (torch.bfloat16, AutocastOptimWrapper)):
        model = MODELS.build({**load_config(ROOT / 'configs/tecogan_multimodal.py').model, 'update_threshold': None})
        optimizers = OptimWrapperDict(**{
            name: wrapper(optimizer=torch.optim.Adam(getattr(model, name).parameters(), lr=1e-4))
            for name in ('generator', 'discriminator')})
        steps[dtype] = partial(model.train().train_on, batch, optimizers)
    return race(steps, rounds)


def measure(rounds: int) -> dict[str, list[float]]:
    """What -> its speed in float32 and in bfloat16."""
    torch.set_num_threads(1)
    return {'convolution, GFLOP/s': convolution_rates(rounds),
            **{f'{name}, frames/s': step_rates(config, rounds) for name, config in STEPS.items()},
            'training, steps/s': training_rates(rounds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sets', nargs='+', choices=SETS, default=list(SETS))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)  # in the process of one set
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.rounds)))
        return
    auto = next(name for name, dtype in DTYPES.items() if dtype == choose_dtype('auto', CPU))
    print(f"{torch.cpu.get_capabilities().get('cpu_name', 'CPU')}: auto is {auto}; float32 -> bfloat16:")
    results = {}
    for name in args.sets:
        environment = os.environ | {'ONEDNN_MAX_CPU_ISA': name, 'ATEN_CPU_CAPABILITY': SETS[name]}
        run = subprocess.run([sys.executable, __file__, '--measure', '--rounds', str(args.rounds)], check=True,
                             stdout=subprocess.PIPE, text=True, env=environment)
        results[name] = json.loads(run.stdout.splitlines()[-1])
        for what, (single, half) in results[name].items():
            print(f'{name:18}{what:26}{single:9.3g} ->{half:9.3g}   x {half / single:.2f}', flush=True)
    if args.json:
        write_json(args.json, {'torch': torch.__version__, 'auto': auto, 'sets': results,
                               'processor': torch.cpu.get_capabilities().get('cpu_name')})


if __name__ == '__main__':
    main()
