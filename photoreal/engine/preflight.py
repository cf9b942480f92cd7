"""Build the parts of a run before the run: what is wrong with them is told before anything is written."""

import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS, METRICS, MODELS, PARAM_SCHEDULERS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from photoreal.datasets.build import build_dataset
from photoreal.datasets.transforms import compute_map
from photoreal.engine.agreement import greatest
from photoreal.engine.checkpoint import load_weights
from photoreal.engine.finetune import start_from
from photoreal.engine.mirror import copy_of, mirror_of
from photoreal.engine.optim import PartwiseOptimWrapperConstructor
from photoreal.engine.resume import check_resumable, newest_of_all, newest_with_copy, read_for_all
from photoreal.engine.schedule import ScheduleHook
from photoreal.errors import CheckpointError, ConfigError, DataError, PhotorealError
from photoreal.storage import is_url
from photoreal.structures import PARTS

_LISTED = 5  # faults of one kind, before they are only counted


class Parts(NamedTuple):
    """What a run consists of, on the CPU."""

    model: nn.Module
    optim_wrapper: OptimWrapperDict | None  # None for a test
    datasets: dict[str, Dataset]  # by phase
    evaluators: dict[str, Evaluator]  # by phase, without 'train'

    def describe(self) -> str:
        """The condition's channels, the networks' parameters and dtype, what was found in the data: a line each."""
        layout = self.model.data_preprocessor.layout
        channels = ', '.join(f'{name} {part.stop - part.start}' for name, part in layout.slices.items())
        presence = f', presence of {" and ".join(layout.presence)} {len(layout.presence)}' if layout.presence else ''
        lines = [f'condition: {layout.channels} channels: {channels}{presence}']
        for name in PARTS:
            part = getattr(self.model, name, None)  # a model of another package may have no such part
            if part is not None:
                count = sum(p.numel() for p in part.parameters())
                wrapper = self.optim_wrapper[name] if self.optim_wrapper is not None else None
                dtype = getattr(wrapper, 'dtype', torch.float32)  # float32 where there is no mixed precision
                lines.append(f'{name}: {type(part).__name__}, {count / 1e6:.2f} M parameters'
                             + f', in {str(dtype).removeprefix("torch.")}' * (wrapper is not None))
        for phase, dataset in self.datasets.items():
            videos = getattr(dataset, 'videos', None)  # a dataset of another package may have no such thing
            lines.append(f'{phase}: {len(dataset)} items' if videos is None else
                         f'{phase}: {len(videos)} videos, {sum(map(len, videos))} frames')
            lines += [f'{phase}: {text}' for text in lacking(dataset)]
            virtual = getattr(dataset, 'virtual', None)
            if virtual is not None:
                lines.append(f'{phase}, virtual: {len(virtual.videos)} videos, {len(virtual)} frames')
        return '\n'.join([*lines, f'device: {get_device()}'])


def lacking(dataset: Dataset) -> list[str]:
    """Which videos of a dataset lack which modalities, a sentence for each modality."""
    recorded = {name for name, m in getattr(dataset, 'modalities', {}).items() if m.folder is not None}
    without = {name: [v.name for v in getattr(dataset, 'videos', ()) if name not in v.recorded] for name in recorded}
    return [f"{len(videos)} {'videos lack' if len(videos) > 1 else 'video lacks'} '{name}': "
            + ', '.join(videos[:_LISTED])
            + (f' and {len(videos) - _LISTED} more' if len(videos) > _LISTED else '')
            for name, videos in sorted(without.items()) if videos]


def build_parts(cfg: Config, phases: Sequence[str]) -> Parts:
    """Build model, data and, to train, optimizers, schedules and hooks; load the weights that the run starts from.

    Args:
        cfg: A checked config.
        phases: Some of 'train', 'val' and 'test'.

    Raises:
        ConfigError: A constructor refuses its arguments.
        DataError: The data cannot be used; the faults of all phases are listed.
        CheckpointError: ``load_from`` is missing, damaged, does not fit, or a run cannot be resumed from it.
    """
    with _naming('model'):
        model: nn.Module = MODELS.build(cfg.model)
    if cfg.get('load_from'):
        if cfg.get('resume'):
            cfg.load_from = _newest(cfg, model)
        checkpoint = read_for_all(cfg.load_from)
        if cfg.get('resume'):
            check_resumable(checkpoint, model, cfg.load_from)
        if 'train' in phases and not cfg.get('resume'):
            start_from(model, checkpoint, cfg.load_from)
        else:
            load_weights(model, checkpoint['state_dict'], cfg.load_from)
    datasets = _build_datasets(cfg, phases)
    for phase, dataset in datasets.items():
        with _naming(f'{phase}_dataloader'):
            Runner.build_dataloader(loader_config(cfg, phase, dataset))  # workers start only when it is iterated
    return Parts(model, _build_optimizers(cfg, model, datasets['train']) if 'train' in phases else None, datasets,
                 {phase: _build_evaluator(cfg, phase) for phase in phases if phase != 'train'})


def _newest(cfg: Config, model: nn.Module) -> str:
    """What a run goes on from: of a folder its newest whole checkpoint; those that are not are named.

    Of the run's own work dir, which may be lost, it can be the copy in its mirror.
    """
    folder = Path(cfg.load_from)
    url = mirror_of(cfg) if folder == Path(cfg.get('work_dir') or '') else None
    if url is None and (is_url(cfg.load_from) or not greatest(folder.is_dir())):
        return cfg.load_from
    path, faults = newest_of_all(folder, model) if url is None else newest_with_copy(folder, copy_of(url), model)
    if path is None:
        where = folder if url is None else f'{folder} or {url}'
        raise CheckpointError.from_faults(f'no checkpoint in {where} can be resumed from:', faults)
    for fault in faults:
        print_log(f'passed over: {fault}', level=logging.WARNING)
    return str(path)


def loader_config(cfg: Config, phase: str, dataset: Dataset, **changes: Any) -> dict[str, Any]:
    """The config of a phase's DataLoader, with its dataset as built and what follows from the machine and the rest."""
    config = {'pin_memory': torch.cuda.is_available(), **cfg[f'{phase}_dataloader'], 'dataset': dataset, **changes}
    if config.get('num_workers', 0) == 0:  # torch then refuses what is for workers
        config |= {'persistent_workers': False, 'prefetch_factor': None}
    return config


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Where a constructor refuses what the config gives it, name the key; it is no fault of the program."""
    try:
        yield
    except PhotorealError:
        raise
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(f'{key} cannot be built: {type(error).__name__}: {error} '
                          f'({place.filename}:{place.lineno})') from error


def _build_datasets(cfg: Config, phases: Sequence[str]) -> dict[str, Dataset]:
    datasets, faults = {}, []
    for phase in phases:
        try:
            with _naming(f'{phase}_dataloader.dataset'):
                datasets[phase] = build_dataset(cfg, phase)
                faults += _map_faults(datasets[phase])
                faults += _map_faults(getattr(datasets[phase], 'virtual', None))
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError('\n'.join(dict.fromkeys(faults)))
    return datasets


def _map_faults(dataset: Dataset | None) -> list[str]:
    """Compute the first recorded map of each video: values that a modality does not know show only then."""
    faults: list[str] = []
    for video in getattr(dataset, 'videos', ()):
        for name, source in video.recorded.items():
            modality = dataset.modalities[name]
            try:
                compute_map(name, modality, source.read([0], raw=modality.raw), modality.sample(None), source, [0])
            except DataError as error:
                faults.append(str(error))
    more = len(faults) - _LISTED
    return faults if more <= 0 else [*faults[:_LISTED], f'{more} more videos have such maps']


def _build_evaluator(cfg: Config, phase: str) -> Evaluator:
    given, metrics = cfg.get(f'{phase}_evaluator') or [], []
    for i, metric in enumerate(given if isinstance(given, list) else [given]):
        with _naming(f'{phase}_evaluator.{i}'):
            metrics.append(METRICS.build(metric))
    return Evaluator(metrics)


def _build_optimizers(cfg: Config, model: nn.Module, dataset: Dataset) -> OptimWrapperDict:
    parts = {key: value for key, value in cfg.optim_wrapper.items() if key != 'constructor'}
    with _naming('optim_wrapper'):
        wrapper = PartwiseOptimWrapperConstructor(parts)(model)
    for part, schedules in _schedules(cfg.get('param_scheduler'), list(wrapper.keys())).items():
        for schedule in schedules:
            with _naming('param_scheduler'):
                PARAM_SCHEDULERS.build({**schedule, 'optimizer': wrapper[part]})
    for section in ('default_hooks', 'custom_hooks'):
        hooks = cfg.get(section) or {}
        for name, hook in hooks.items() if isinstance(hooks, dict) else enumerate(hooks):
            if hook is not None:
                with _naming(f'{section}.{name}'):
                    built = HOOKS.build(hook)
                if isinstance(built, ScheduleHook):
                    built.check(model, dataset)
    return wrapper


def _schedules(given: Any, parts: list[str]) -> dict[str, list[dict]]:
    """Part of the model -> its schedules, in any of the forms that MMEngine takes."""
    by_part = given if isinstance(given, dict) and 'type' not in given else dict.fromkeys(parts, given)
    lists = {part: [own] if isinstance(own, dict) else own or [] for part, own in by_part.items() if part in parts}
    return {part: [{k: v for k, v in schedule.items() if k != 'convert_to_iter_based'} for schedule in own]
            for part, own in lists.items()}
