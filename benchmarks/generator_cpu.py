"""Generators on this CPU: FRNet against the plain way of running it, and the real-time generator against FRNet.

The plain way is an eager float32 loop over ``step`` with the channels outermost. Ours is what tools/infer.py does
(channels innermost, bfloat16 where the processor computes it quickly), without and with ``--compile``. All have the
same weights; the predictions are compared.

    python benchmarks/generator_cpu.py --json generator_cpu.json

Contenders take turns of at least half a second, and the quickest frame counts, so that what else runs on the machine
matters little. The peak is that of one 3x3 convolution of 64 channels, measured in the same rounds.
"""

import argparse
import copy
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

import photoreal
from photoreal.benchmark.model import convolution_peak, count_operations
from photoreal.bundle import TrainedModel, load_untrained
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_json
from photoreal.inference import VideoEnhancer, enhance_file
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import FRNet, Generator
from photoreal.precision import choose_dtype
from photoreal.testing.networks import moving_clip, randomize

CPU = torch.device('cpu')
ROOT = Path(__file__).resolve().parents[1]
TURN_SECONDS = 0.5


class Stream:
    """A generator that steps through a clip again and again, its state carried."""

    def __init__(self, generator: Generator | CompiledGenerator, clip: Tensor, dtype: torch.dtype) -> None:
        self.generator, self.clip, self.dtype = generator, clip, dtype
        self.state, self.index = generator.init_state(clip[:, 0]), 0

    def __call__(self) -> Tensor:
        with torch.inference_mode(), torch.autocast('cpu', self.dtype, enabled=self.dtype != torch.float32):
            pred, self.state = self.generator.step(self.clip[:, self.index], self.state)
        self.index = (self.index + 1) % self.clip.shape[1]
        return pred


def race(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each call, the quickest of all rounds."""
    best = dict.fromkeys(contenders, float('inf'))
    for _ in range(rounds):
        for name, run in contenders.items():
            turn = time.perf_counter() + TURN_SECONDS
            while True:
                began = time.perf_counter()
                run()
                ended = time.perf_counter()
                best[name] = min(best[name], ended - began)
                if ended > turn:
                    break
    return best


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a.float() - b.float()).square().mean().log10())


def run_frnet(rounds: int, compiled: bool, frames: int = 5) -> dict[str, Any]:
    """FRNet, scale 4, 64 channels, 10 blocks, at 134x320: the plain way and ours."""
    torch.manual_seed(0)
    plain = FRNet(3, mid_channels=64, num_blocks=10, scale=4, skip=(0, 3)).eval()
    randomize(plain)
    ours, dtype = copy.deepcopy(plain).to(memory_format=torch.channels_last), choose_dtype('auto', CPU)
    clip = moving_clip(1, frames, 3, 134, 320)
    streams = {'plain': Stream(plain, clip, torch.float32), f'ours, {dtype}': Stream(ours, clip, dtype)}
    if compiled:
        streams[f'ours, {dtype}, compiled'] = Stream(CompiledGenerator(ours), clip, dtype)
    made = {name: [stream() for _ in range(frames)] for name, stream in streams.items()}
    peaks: list[float] = []

    def measure_peak() -> None:
        with torch.inference_mode(), torch.autocast('cpu', dtype, enabled=dtype != torch.float32):
            peaks.append(convolution_peak(CPU))

    seconds = race({**streams, 'peak': measure_peak}, rounds)
    flops, peak = count_operations(plain, clip[:, 0]), max(peaks)
    return {'flops': flops, 'peak': peak, 'ways': {name: {
        'frames_per_second': 1 / seconds[name], 'times_plain': seconds['plain'] / seconds[name],
        'psnr': min(psnr(a, b) for a, b in zip(made[name], made['plain'])) if name != 'plain' else None,
        'share_of_peak': flops / seconds[name] / peak} for name in streams}}


def run_nano(rounds: int, compiled: bool, sample: Path) -> dict[str, Any]:
    """The real-time generators against FRNet at scale 1 and 640x360, and `nano` from file to file."""
    torch.manual_seed(0)
    models = {name: load_untrained(ROOT / f'configs/{file}.py') for name, file in (
        ('FRNet', 'tecogan_multimodal'), ('nano', 'realtime_nano'), ('small', 'realtime_small'),
        ('base', 'realtime_base'))}
    dtype, clip = choose_dtype('auto', CPU), moving_clip(1, 4, 4, 360, 640)
    streams = {name: Stream(model.generator, clip, dtype) for name, model in models.items()}
    if compiled:
        streams['nano, compiled'] = Stream(CompiledGenerator(models['nano'].generator), clip, dtype)
    for stream in streams.values():
        stream()
    seconds = race(streams, rounds)
    flops = {name: count_operations(model.generator, clip[:, 0]) for name, model in models.items()}
    table = {name: {'frames_per_second': 1 / seconds[name], 'times_frnet': seconds['FRNet'] / seconds[name],
                    'flops': flops[name.partition(',')[0]]} for name in streams}
    return {'step': table, 'file to file, nano': file_to_file(models['nano'], compiled, rounds, sample)}


def file_to_file(model: TrainedModel, compiled: bool, rounds: int, sample: Path) -> dict[str, float]:
    """Frames a second from an H.264 file of 640x360 to another: decoding, blur, edges, generator, encoding."""
    with tempfile.TemporaryDirectory() as folder:
        source, frames = Path(folder) / 'in.mp4', FolderSource(sample)
        with VideoWriter(source, 25) as writer:
            for i in range(len(frames)):
                writer.write(cv2.resize(frames.read([i])[0], (640, 360), interpolation=cv2.INTER_AREA))
        rates = {}
        for name, enhancer in [('eager', VideoEnhancer(model, 'cpu'))] + (
                [('compiled', VideoEnhancer(model, 'cpu', compiled=True))] if compiled else []):
            runs = [enhance_file(enhancer, source, Path(folder) / 'out.mp4') for _ in range(max(2, rounds // 2))]
            rates[name] = max(run.frames / run.seconds for run in runs)
    return rates


def show(results: dict[str, Any]) -> None:
    frnet = results['frnet']
    print(f'FRNet x4, 64 channels, 10 blocks, 134x320: {frnet["flops"] / 1e9:.0f} GFLOP a frame, peak measured '
          f'{frnet["peak"] / 1e9:.0f} GFLOP/s')
    for name, way in frnet['ways'].items():
        quality = '' if way['psnr'] is None else f', {way["psnr"]:.1f} dB'
        print(f'  {name:32}{way["frames_per_second"]:6.2f} frames/s, x {way["times_plain"]:.2f}, '
              f'{way["share_of_peak"]:.0%} of the peak{quality}')
    print('Scale 1, 640x360, the step alone')
    for name, way in results['realtime']['step'].items():
        print(f'  {name:32}{way["frames_per_second"]:6.2f} frames/s, x {way["times_frnet"]:.1f}, '
              f'{way["flops"] / 1e9:.1f} GFLOP a frame')
    for name, rate in results['realtime']['file to file, nano'].items():
        print(f'nano at 640x360, file to file, {name}: {rate:.1f} frames/s')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sample', type=Path, default=ROOT / 'examples/sample/street/frames',
                        help='pictures to make the video of')
    parser.add_argument('--rounds', type=int, default=6)
    parser.add_argument('--no-compile', action='store_true', help='leave out what is compiled')
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    compiled = not args.no_compile
    results = {'photoreal': photoreal.__version__, 'torch': torch.__version__, 'machine': platform.machine(),
               'threads': torch.get_num_threads(), 'capability': torch.backends.cpu.get_cpu_capability(),
               'frnet': run_frnet(args.rounds, compiled), 'realtime': run_nano(args.rounds, compiled, args.sample)}
    show(results)
    if args.json:
        write_json(args.json, results)


if __name__ == '__main__':
    main()
