"""How fast clips are made, stage by stage, and whether the model has to wait for them."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import cv2
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from torch.utils.data import DataLoader, default_collate

from photoreal.datasets.build import build_dataset
from photoreal.datasets.clips import ClipDataset
from photoreal.engine.preflight import build_parts, loader_config
from photoreal.engine.workers import workers_explained
from photoreal.errors import ConfigError

READ, TRANSFORM, COLLATE = 'read and decode', 'transform', 'collate'


@dataclass(frozen=True)
class DataReport:
    """What was measured.

    Attributes:
        stages: Stage -> milliseconds a clip, in one process.
        clip_length: Frames of a clip.
        workers: Processes of the loader; 0: none but the main one.
        batch_size: Clips of a batch.
        loader_clips: Clips a second that the loader gives, as configured.
        model_clips: Clips a second that training takes on this machine; None: not measured.
        device: Where the model was.
    """

    stages: dict[str, float]
    clip_length: int
    workers: int
    batch_size: int
    loader_clips: float
    model_clips: float | None = None
    device: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """A table of the stages, and who waits for whom."""
        total = sum(self.stages.values())
        width = max(map(len, self.stages))
        lines = [f'{"stage":{width}}  ms/clip  share', '-' * (width + 16)]
        lines += [f'{stage:{width}}  {ms:7.2f}  {ms / total:5.0%}' for stage, ms in self.stages.items()]
        lines += [f'{"all":{width}}  {total:7.2f}', '', self._rate('one process', 1000 / total),
                  self._rate(f'the loader, {self.workers} workers', self.loader_clips)]
        if self.model_clips is not None:
            lines.append(self._rate(f'the model on {self.device}', self.model_clips))
            ratio = self.loader_clips / self.model_clips
            lines.append(f'the loader gives {ratio:.2f} times what the model takes: ' + (
                'the model never waits' if ratio >= 1 else f'the model waits {1 - ratio:.0%} of the time; raise '
                'train_dataloader.num_workers, or pack the data (tools/pack_data.py)'))
        return '\n'.join(lines)

    def _rate(self, who: str, clips: float) -> str:
        return f'{who}: {clips:.2f} clips/s, {clips * self.clip_length:.1f} frames/s'


def measure_data(cfg: Config, *, clips: int = 32, batches: int = 8, steps: int = 3) -> DataReport:
    """Measure the training data of a config, and the model's need of it.

    Args:
        cfg: A checked config.
        clips: How many to time by stage.
        batches: How many to time from the loader, after those that it had prefetched.
        steps: Training steps to time; 0: leave the model out.

    Raises:
        ConfigError: ``train_dataloader.dataset`` is no ClipDataset, whose stages are known.
    """
    if steps:
        parts = build_parts(cfg, ('train',))
        dataset = parts.datasets['train']
    else:
        dataset = build_dataset(cfg, 'train')
    if not isinstance(dataset, ClipDataset):
        raise ConfigError(f'train_dataloader.dataset: found a {type(dataset).__name__}; expected a ClipDataset, the '
                          'stages of which can be measured')
    config = loader_config(cfg, 'train', dataset)
    loader: DataLoader = Runner.build_dataloader(config)
    rate = time_loader(loader, batches)
    model_clips = device = None
    if steps:
        device = str(get_device())
        model = parts.model.to(device).train()
        batch = next(iter(Runner.build_dataloader(loader_config(cfg, 'train', dataset, num_workers=0))))
        seconds = _seconds_a_call(lambda: _step(model, batch, parts.optim_wrapper), steps)
        model_clips = loader.batch_size / seconds
    stages = time_stages(build_dataset(cfg, 'train'), loader.batch_size, clips, loader.collate_fn)
    return DataReport(stages, dataset.clip_length, loader.num_workers, loader.batch_size, rate, model_clips, device)


def time_loader(loader: DataLoader, batches: int) -> float:
    """Clips a second. The start of the workers and what they prefetched do not count."""
    ahead = loader.num_workers * (loader.prefetch_factor or 0)
    with workers_explained(('train',)):
        iterator = iter(loader)
        for _ in islice(iterator, 1 + ahead):
            pass
        start = time.perf_counter()
        count = sum(1 for _ in islice(iterator, batches))
    return count * loader.batch_size / (time.perf_counter() - start)


def time_stages(dataset: ClipDataset, batch_size: int, clips: int,
                collate: Callable[[list], Any] = default_collate) -> dict[str, float]:
    """Milliseconds a clip of each stage, in this process.

    Args:
        dataset: The clips; its sources and modalities are put into wrappers that measure, so use no other's.
        batch_size: Clips that are collated at once.
        clips: How many to time, after one that warms up.
        collate: Makes a batch of clips.
    """
    spent: dict[str, float] = defaultdict(float)
    _watch(dataset, spent)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)  # as in a worker
    try:
        dataset[0]
        spent.clear()
        start = time.perf_counter()
        items = [dataset[k] for k in range(1, clips + 1)]
        spent[TRANSFORM] = time.perf_counter() - start - sum(spent.values())
    finally:
        cv2.setNumThreads(threads)
    start = time.perf_counter()
    for first in range(0, clips, batch_size):
        collate(items[first:first + batch_size])
    spent[COLLATE] = time.perf_counter() - start
    order = [READ, *(f'modality {name}' for name in dataset.modalities), TRANSFORM, COLLATE]
    return {stage: spent[stage] * 1000 / clips for stage in order}


class _Watched:
    """An object one method of which is timed."""

    def __init__(self, target: Any, method: str, stage: str, spent: dict[str, float]) -> None:
        self._target, self._method, self._stage, self._spent = target, method, stage, spent

    def __len__(self) -> int:
        return len(self._target)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return self._timed(value) if name == self._method else value

    def _timed(self, function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._spent[self._stage] += time.perf_counter() - start
        return call


def _watch(dataset: ClipDataset, spent: dict[str, float]) -> None:
    dataset.videos = [
        replace(video, frames=_Watched(video.frames, 'read', READ, spent),
                recorded={name: _Watched(source, 'read', READ, spent) for name, source in video.recorded.items()})
        for video in dataset.videos]
    dataset.modalities = {name: _Watched(modality, 'compute', f'modality {name}', spent)
                          for name, modality in dataset.modalities.items()}


def _step(model: Any, batch: dict, optim_wrapper: Any) -> None:
    logs = model.train_step(batch, optim_wrapper)
    float(logs['g_total'])  # waits for the device


def _seconds_a_call(function: Callable[[], None], times: int) -> float:
    function()
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times
