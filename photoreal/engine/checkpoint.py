"""Checkpoints: written whole or not at all, read without running anything that is inside."""

import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import HistoryBuffer, print_log
from torch import nn

from photoreal.datasets.writers import atomic_path
from photoreal.errors import CheckpointError
from photoreal.structures import PARTS

LATEST, BEST = 'latest.pth', 'best.pth'


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Save under a temporary name, flush to disk, rename; then point ``latest.pth`` or ``best.pth`` at it."""
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    _point(path.with_name(BEST if path.name.startswith('best_') else LATEST), path)


def _point(link: Path, target: Path) -> None:
    with atomic_path(link) as temporary:
        try:
            temporary.symlink_to(target.name)
        except OSError:  # Windows lets few users make links
            shutil.copyfile(target, temporary)


def find_checkpoint(path: str | Path) -> Path:
    """The file that is meant by a path: itself, or the newest checkpoint of a run's folder.

    Raises:
        CheckpointError: There is none.
    """
    path = Path(path)
    if path.is_dir():
        path = path / LATEST
    if not path.is_file():
        raise CheckpointError(f'no checkpoint {path}{_present(path.parent)}')
    return path


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a checkpoint; only tensors and plain values are admitted.

    Raises:
        CheckpointError: No such file, a damaged one, one that holds more than plain values, or no weights in it.
    """
    path = find_checkpoint(path)
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch raises many kinds for what is no checkpoint
        reason = ': '.join([type(error).__name__, *str(error).splitlines()[:1]])  # some say nothing, some a page
        raise CheckpointError(f'{path} cannot be read as a checkpoint: it is damaged, or holds more than weights and '
                              f'plain values ({reason})') from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get('state_dict'), dict):
        raise CheckpointError(f"{path} holds no 'state_dict': expected a checkpoint of tools/train.py, or weights that "
                              '`tools/migrate.py weights` converted')
    # MMEngine would run the config that other tools put in here as Python code.
    if isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


def check_resumable(checkpoint: dict[str, Any], model: nn.Module, origin: str) -> None:
    """Check that a run of this model can go on from a checkpoint.

    Raises:
        CheckpointError: It holds weights alone, or another set of networks was trained.
    """
    missing = {'meta', 'message_hub', 'optimizer'} - set(checkpoint)
    if missing or not {'iter', 'epoch'} <= set(checkpoint['meta']):
        raise CheckpointError(f'{origin} holds weights but no {", ".join(sorted(missing)) or "position"}: a run cannot '
                              "be resumed from it. Start a new run from its weights: --cfg-options load_from='...'")
    trained = [part for part in PARTS if getattr(model, part, None) is not None]
    if sorted(checkpoint['optimizer']) != sorted(trained):
        raise CheckpointError(f'{origin} is of a run that trained {" and ".join(sorted(checkpoint["optimizer"]))}, and '
                              f'this config trains {" and ".join(trained)}. Resume with the config of that run, or '
                              "start a new one from its weights: --cfg-options load_from='...'")


def _present(folder: Path) -> str:
    found = sorted(p.name for p in folder.glob('*.pth'))
    return f'; {folder} has {", ".join(found)}' if found else f'; there is no .pth file in {folder}'


def load_weights(model: nn.Module, state: dict[str, Any], origin: str) -> None:
    """Put weights into a VideoGAN, part by part (generator, discriminator, generator_ema ...).

    A part that the checkpoint lacks keeps its initial weights and is named in the log, so that a generator that was
    trained alone can be carried over; ``generator_ema`` then starts as the generator. A part that does not fit is an
    error.

    Raises:
        CheckpointError: There is no generator, or a part's tensors differ in name or shape.
    """
    parts = _parts(state, origin)
    if 'generator_ema' not in parts:
        parts['generator_ema'] = {'steps': torch.zeros((), dtype=torch.long),
                                  **{f'module.{name}': value for name, value in parts['generator'].items()}}
    for part, module in model.named_children():
        module = getattr(module, 'module', module) if part != 'generator_ema' else module
        if part in parts:
            _fill(module, parts[part], part, origin)
        elif module.state_dict():
            print_log(f"{origin} has no '{part}': it keeps its initial weights", 'current')
    for name, buffer in model.named_buffers(recurse=False):
        if name in parts:
            buffer.copy_(parts[name][''])


def load_generator(generator: nn.Module, state: dict[str, Any], origin: str) -> None:
    """Put into a generator the weights to predict with: a VideoGAN's running average where there is one.

    Raises:
        CheckpointError: There is no generator, or its tensors differ in name or shape.
    """
    parts = _parts(state, origin)
    average = {key.removeprefix('module.'): value for key, value in parts.get('generator_ema', {}).items()
               if key.startswith('module.')}
    _fill(generator, average or parts['generator'], 'generator', origin)


def _parts(state: dict[str, Any], origin: str) -> dict[str, dict[str, Any]]:
    """A VideoGAN's weights by its parts."""
    parts: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        part, _, name = key.partition('.')
        parts.setdefault(part, {})[name] = value
    if 'generator' not in parts:
        raise CheckpointError(f"{origin} has no generator: its parts are {sorted(parts) or 'none'}")
    return parts


def _fill(module: nn.Module, state: dict[str, Any], part: str, origin: str) -> None:
    wanted = module.state_dict()
    shapes = [f"'{key}' is {tuple(state[key].shape)}, expected {tuple(value.shape)}" for key, value in wanted.items()
              if key in state and state[key].shape != value.shape]
    faults = shapes + [f"'{key}' is missing" for key in wanted if key not in state] + \
        [f"'{key}' is not known" for key in state if key not in wanted]
    if faults:
        raise CheckpointError(f'{origin} does not fit the {part} of this config: {"; ".join(faults[:3])}'
                              f'{f" and {len(faults) - 3} more" if len(faults) > 3 else ""}'
                              '. Use the config that it was trained with (it lies beside the checkpoint)')
    module.load_state_dict(state)


def plain_message_hub(state: dict[str, Any]) -> dict[str, Any]:
    """MMEngine's log history as plain lists, which load with weights_only."""
    scalars = {}
    for key, buffer in state['log_scalars'].items():
        values, counts = buffer.data
        scalars[key] = {'values': values.tolist(), 'counts': counts.tolist()}
    return {'log_scalars': scalars, 'runtime_info': _plain(state['runtime_info']),
            'resumed_keys': dict(state['resumed_keys'])}


def restored_message_hub(state: dict[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`plain_message_hub`."""
    scalars = OrderedDict((key, HistoryBuffer(entry['values'], entry['counts']))
                          for key, entry in state['log_scalars'].items())
    return {**state, 'log_scalars': scalars}


def _plain(value: Any) -> Any:
    """The same without numpy scalars."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(child) for child in value]
    return value.item() if hasattr(value, 'item') else value
