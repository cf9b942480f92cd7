"""Where the time of a generator's step goes, operator by operator."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from photoreal.benchmark.model import condition_like, wait_for
from photoreal.bundle import TrainedModel
from photoreal.inference.tiles import Whole
from photoreal.models.compiled import CompiledGenerator
from photoreal.precision import choose_device, choose_dtype

_SMALL = 0.01  # operators with a smaller share are summed up
_WARM_UP = 2  # steps that are not watched


@dataclass(frozen=True)
class OperatorShare:
    """One operator of torch, such as ``aten::mkldnn_convolution``.

    Attributes:
        name: Of the operator.
        share: Of the step's time, spent in it itself and not in those that it calls.
        calls: How often a frame needs it.
    """

    name: str
    share: float
    calls: float

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)


def profile_model(model: TrainedModel, size: tuple[int, int], *, device: str | None = None, dtype: str = 'auto',
                  compiled: bool = False, steps: int = 8) -> list[OperatorShare]:
    """Watch some steps with torch's profiler.

    Args:
        model: What :func:`photoreal.bundle.load_model` or :func:`photoreal.bundle.load_untrained` gave.
        size: (H, W) of the condition.
        device: As :class:`photoreal.inference.VideoEnhancer` takes it.
        dtype: Likewise.
        compiled: Whether to compile the step.
        steps: How many to watch.

    Returns:
        The operators, the largest share first.

    Raises:
        ConfigError: An unknown dtype, or no such device.
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    generator = model.generator.to(place, memory_format=torch.channels_last).eval()
    stepper = Whole(CompiledGenerator(generator) if compiled else generator)
    condition = condition_like(model, size, place)
    on_gpu = place.type == 'cuda'
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with torch.inference_mode(), torch.autocast(place.type, kind, enabled=kind != torch.float32):
        state = stepper.init_state(condition)
        for _ in range(_WARM_UP):
            _, state = stepper.step(condition, state)
        wait_for(place)
        with profile(activities=activities) as watched:
            for _ in range(steps):
                _, state = stepper.step(condition, state)
            wait_for(place)
    spent = {event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total, event.count)
             for event in watched.key_averages()}
    total = sum(time for time, _ in spent.values())
    found = [OperatorShare(name, time / total, count / steps) for name, (time, count) in spent.items() if time]
    return sorted(found, key=lambda one: -one.share)


def as_profile(found: Sequence[OperatorShare]) -> str:
    """Lines for people; what takes less than a hundredth is one of them."""
    shown = [one for one in found if one.share >= _SMALL]
    lines = [f'  {"operator":<44}   share  calls a frame',
             *(f'  {one.name:<44}  {one.share:6.1%}  {one.calls:13.0f}' for one in shown)]
    if len(shown) < len(found):
        rest = f'{len(found) - len(shown)} others'
        lines.append(f'  {rest:<44}  {sum(one.share for one in found) - sum(one.share for one in shown):6.1%}')
    return '\n'.join(lines)
