"""What a training will take, by one of its iterations: time, memory, and what to do where that is too much."""

import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from photoreal.engine.preflight import Parts, loader_config
from photoreal.engine.resume import random_states_kept
from photoreal.engine.workers import workers_explained
from photoreal.progress import duration

try:
    import resource
except ImportError:  # Windows
    resource = None

_DAY = 24 * 3600.0
_ABSURD = {'cpu': 2 * _DAY, 'gpu': 60 * _DAY}  # what nobody would wait for, though there are other ways
_WARM_UP = 5.0  # seconds; what a first iteration does besides others matters less in one that takes longer
_LEAST = {'train_dataloader.batch_size': 1, 'clip_length': 4, 'crop_size': 64}  # as in configs/demo.py
_FEWEST = 1000  # iterations of which something can be learnt


class Trial(NamedTuple):
    """One iteration.

    Attributes:
        seconds: An iteration, with the wait for its data.
        memory: Peak of the GPU or, without one, of this process, in bytes; None where the system does not tell.
        logs: What the training step returned.
    """

    seconds: float
    memory: int | None
    logs: Mapping[str, float]


def process_peak() -> int | None:
    """The peak of this process's memory so far, in bytes; None on Windows."""
    if resource is None:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1 << 10)


def try_iteration(cfg: Config, parts: Parts) -> Trial:
    """Put one batch through a training step, or two where that is quick, as the first one is slower than the rest.

    The parts are spoilt by it, and not to be trained; no random number of the training is drawn.

    Args:
        cfg: The config.
        parts: Of this config, with the data of the phase 'train'.
    """
    with random_states_kept(), workers_explained(('train',)):
        try:
            return _try(cfg, parts)
        finally:
            for wrapper in parts.optim_wrapper.values():
                wrapper.optimizer.state.clear()
                wrapper.zero_grad()
            parts.model.to('cpu')
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()


def _try(cfg: Config, parts: Parts) -> Trial:
    workers = cfg.train_dataloader.get('num_workers', 0)
    # One worker tells how quick they are; in the main process nothing is loaded that the training loads in workers.
    one = loader_config(cfg, 'train', parts.datasets['train'], num_workers=min(workers, 1))
    if workers:
        one['persistent_workers'] = False
    model = parts.model.to(get_device()).train()
    batches = iter(Runner.build_dataloader(one))
    batch, waited = _timed(lambda: next(batches))
    logs, seconds = _timed(lambda: _step(model, batch, parts))
    if workers:
        waited = 0.0  # the workers had to be started
    if seconds < _WARM_UP:
        batch, waited = _timed(lambda: next(batches))
        logs, again = _timed(lambda: _step(model, batch, parts))
        if workers:  # this one has loaded while the first step was made; all of them do so in turn
            waited = max(0.0, (waited + seconds) / workers - again) if waited > 0.1 * seconds else 0.0
        seconds = again
    memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else process_peak()
    return Trial(seconds + waited, memory, logs)


def _step(model: torch.nn.Module, batch: Any, parts: Parts) -> dict[str, float]:
    logs = model.train_step(batch, parts.optim_wrapper)
    return {key: float(value) for key, value in logs.items()}  # waits for the device


def _timed(function: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def describe_forecast(cfg: Config, trial: Trial) -> list[str]:
    """What a run of ``train_cfg.max_iters`` iterations will take; in a second line what to do where that is absurd."""
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else 'the CPU'
    iterations = cfg.train_cfg.max_iters
    total = trial.seconds * iterations
    memory = '' if trial.memory is None else f', {trial.memory / 1e9:.1f} GB of memory'
    lines = [f'forecast: {trial.seconds:.3g} s an iteration on {device}{memory}; {iterations} iterations, validations '
             f'aside: {_long_duration(total)}']
    if total > _ABSURD['gpu' if on_gpu else 'cpu']:
        lines.append(f'that is very long for this device{"" if on_gpu else ", and no GPU is seen here"}: '
                     + _advice(cfg, trial))
    return lines


def _advice(cfg: Config, trial: Trial) -> str:
    """Sizes of which a day would be enough, taking the time to grow with the pixels of a batch."""
    demo = 'configs/demo.py shows all of it in minutes'
    seconds, options = trial.seconds, []
    for key, least in _LEAST.items():
        value = _value(cfg, key)
        if isinstance(value, int) and value > least:
            seconds *= (least / value) ** (2 if key == 'crop_size' else 1)
            options.append(f'{key}={least}')
    iterations = min(cfg.train_cfg.max_iters, int(_DAY / seconds) // _FEWEST * _FEWEST)
    if iterations < _FEWEST:
        return f'take a smaller model, or train on a GPU; {demo}'
    if iterations < cfg.train_cfg.max_iters:
        options.append(f'train_cfg.max_iters={iterations}')
    return f'--cfg-options {" ".join(options)} would take about {_long_duration(seconds * iterations)}; {demo}'


def _value(cfg: Config, key: str) -> Any:
    node: Any = cfg
    for part in key.split('.'):
        node = node.get(part) if isinstance(node, Mapping | Config) else None
    return node


def _long_duration(seconds: float) -> str:
    if seconds >= 2 * _DAY:
        return f'{seconds / _DAY:.0f} days'
    return f'{seconds / 3600:.0f} h' if seconds >= 2 * 3600 else duration(seconds)
