"""How fast a generator steps through frames, and what share that is of what the machine can do."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from photoreal.bundle import TrainedModel
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import Generator
from photoreal.precision import choose_device, choose_dtype, convolution_peaks

CLOCK_SECONDS = 3.0  # how long a size is timed, at least three frames


@dataclass(frozen=True)
class ModelReport:
    """What was measured at one size.

    Attributes:
        height: Of the condition, in pixels.
        width: Of the condition, in pixels.
        milliseconds: A frame, the median.
        best: A frame, the quickest: what the machine can do while nothing else runs.
        flops: Floating point operations of a frame's convolutions, two a multiplication with its addition.
        peak: The same a second that one convolution of the same kind reached, measured just before and after.
        memory: Most bytes in use on the device; None on CPUs, where they are the process's.
    """

    height: int
    width: int
    milliseconds: float
    best: float
    flops: float
    peak: float
    memory: int | None = None

    @property
    def rate(self) -> float:
        """Frames a second."""
        return 1000 / self.milliseconds

    @property
    def share(self) -> float:
        """Of the peak, that the quickest frame reached."""
        return self.flops / (self.best / 1000) / self.peak

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**asdict(self), 'frames_per_second': self.rate, 'share_of_peak': self.share}


def measure_model(model: TrainedModel, sizes: Sequence[tuple[int, int]], *, device: str | None = None,
                  dtype: str = 'auto', compiled: bool = False, seconds: float = CLOCK_SECONDS) -> list[ModelReport]:
    """Time the step alone, without decoding, modalities and encoding.

    Args:
        model: What :func:`photoreal.bundle.load_model` or :func:`photoreal.bundle.load_untrained` gave.
        sizes: (H, W) of conditions.
        device: As :class:`photoreal.inference.VideoEnhancer` takes it.
        dtype: Likewise.
        compiled: Whether to compile the step.
        seconds: How long to time each size.

    Raises:
        ConfigError: An unknown dtype.
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    generator = model.generator.to(place, memory_format=torch.channels_last).eval()
    stepper = CompiledGenerator(generator) if compiled else generator
    reports = []
    with torch.inference_mode(), torch.autocast(place.type, kind, enabled=kind != torch.float32):
        for height, width in sizes:
            condition = condition_like(model, (height, width), place)
            if place.type == 'cuda':
                torch.cuda.reset_peak_memory_stats(place)
            state = generator.init_state(condition)
            generator.step(condition, state)
            flops = count_operations(generator, condition)
            before = convolution_peak(place)
            times = time_stream(stepper.step, condition, state, seconds)
            peak = max(before, convolution_peak(place))
            memory = torch.cuda.max_memory_allocated(place) if place.type == 'cuda' else None
            reports.append(ModelReport(height, width, median(times) * 1000, min(times) * 1000,
                                       flops, peak, memory))
    return reports


def count_operations(generator: Generator, condition: Tensor) -> int:
    """Floating point operations of one frame (N, C, H, W), counted without data and without work done twice."""
    with FakeTensorMode(allow_non_fake_inputs=True), FlopCounterMode(display=False) as counter, \
            torch.inference_mode(False), torch.enable_grad(), torch.autocast(condition.device.type, enabled=False):
        # With gradients nothing is run in strips, whose rims are computed twice. Autocast would keep weights that it
        # has cast here for steps elsewhere.
        blank = torch.empty(condition.shape, device=condition.device)
        generator.step(blank, generator.init_state(blank))
    return counter.get_total_flops()


def time_stream(step: Callable[[Tensor, dict], tuple[Tensor, dict]], condition: Tensor, state: dict,
                seconds: float) -> list[float]:
    """Seconds of each frame of a stream, the first two (warming up) left out; at least three."""
    for _ in range(2):
        _, state = step(condition, state)
    wait_for(condition.device)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        _, state = step(condition, state)
        wait_for(condition.device)
        times.append(time.perf_counter() - began)
    return times


def convolution_peak(device: torch.device, repeats: int = 8) -> float:
    """Operations a second of one 3x3 convolution, 64 channels to 64, in the autocast that is on: the best of some."""
    kind = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    return convolution_peaks(device, [kind], rounds=repeats + 2)[kind]


def as_table(reports: Sequence[ModelReport]) -> str:
    """Lines for people."""
    lines = ['      size  frames/s  ms/frame  GFLOP/frame  peak, GFLOP/s  share of it  memory']
    for r in reports:
        memory = '' if r.memory is None else f'{r.memory / 2**20:.0f} MiB'
        lines.append(f'{f"{r.width}x{r.height}":>10}  {r.rate:8.1f}  {r.milliseconds:8.1f}  {r.flops / 1e9:11.1f}  '
                     f'{r.peak / 1e9:13.0f}  {r.share:11.0%}  {memory}'.rstrip())
    return '\n'.join(lines)


def condition_like(model: TrainedModel, size: tuple[int, int], device: torch.device) -> Tensor:
    """A condition (1, C, H, W) of noise."""
    return torch.rand(1, model.preprocessor.layout.channels, *size, device=device)


def wait_for(device: torch.device) -> None:
    """Have the device finish its work."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
