"""Checkpoints: written whole or not at all, read without running anything that is inside."""

import errno
import json
import logging
import os
import pickle
import re
import shutil
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from photoreal.datasets.writers import atomic_path
from photoreal.errors import CheckpointError, ConfigError
from photoreal.modalities import build_modalities
from photoreal.modalities.dropout import ModalityDropout
from photoreal.storage import fetch, is_folder, is_url
from photoreal.structures import LOOK_KEY

LATEST, BEST = 'latest.pth', 'best.pth'
BUNDLE_SUFFIX = '.safetensors'
BUNDLE_LOOK = 'photoreal.look'  # key of the look's table among a bundle's weights
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MARGIN = 1 << 20  # bytes of a checkpoint besides its tensors, at most
HISTORY = 1000  # values of each logged scalar that a run and its checkpoints keep; the log files have all
_STATISTICS = ('min', 'max', 'current', 'mean')


def write_checkpoint(path: Path, checkpoint: dict[str, Any], link: str | None = LATEST) -> None:
    """Save under a temporary name, flush to disk, rename; then point ``link``, a name beside it, at it.

    Raises:
        CheckpointError: There is no room for it; whatever lay there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(tensor.untyped_storage().nbytes() for tensor in _tensors(checkpoint)) + _MARGIN
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise CheckpointError(_no_room(path, needed, f'{free / 1e6:.1f} MB are free'))
    try:
        with atomic_path(path) as temporary, temporary.open('wb') as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
            _load(temporary, map_location='cpu', mmap=True)  # a file that cannot be read takes the place of none
        if link is not None:
            point_at(path.with_name(link), path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        # torch covers the system's error with one of its own, about a file that is not complete.
        cause = error if isinstance(error, OSError) else error.__context__
        if isinstance(cause, OSError) and cause.errno in FULL_DISK:
            raise CheckpointError(_no_room(path, needed, cause.strerror)) from cause
        raise


def _no_room(path: Path, needed: int, found: str) -> str:
    return (f'no room to save {path}: it needs {needed / 1e6:.1f} MB, and {found}. The checkpoints before it are '
            'whole. Free some space, or move the work dir, and go on with --resume')


def _tensors(node: Any) -> Iterator[Tensor]:
    if isinstance(node, Tensor):
        yield node
    elif isinstance(node, dict | list | tuple):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _tensors(child)


def point_at(link: Path, target: Path) -> None:
    """Make a link to a file beside it, in one step."""
    with atomic_path(link) as temporary:
        try:
            temporary.symlink_to(target.name)
        except OSError:  # Windows lets few users make links
            shutil.copyfile(target, temporary)


def _sync_folder(folder: Path) -> None:
    """Have the names of its files survive a power failure, too."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def find_checkpoint(path: str | Path) -> Path:
    """The file that is meant by a path: itself, or the newest checkpoint of a run's folder; of a URL a local copy.

    Raises:
        CheckpointError: There is none.
        StorageError: There is none at a URL, or it cannot be reached.
    """
    if is_url(path):
        return fetch(f'{path.rstrip("/")}/{LATEST}' if is_folder(path) else path)
    path = Path(path)
    if path.is_dir():
        path = path / LATEST
    if not path.is_file():
        raise CheckpointError(f'no checkpoint {path}; {_present(path)}')
    return path


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a checkpoint; only tensors and plain values are admitted, and the log history of MMEngine's own.

    A bundle is read as a checkpoint that holds a generator alone.

    Raises:
        CheckpointError: No such file, a damaged one, one that holds more than plain values, or no weights in it.
        StorageError: There is none at a URL, or it cannot be reached.
    """
    if is_url(path):
        copy = find_checkpoint(path)
        try:
            return read_checkpoint(copy, map_location)
        except CheckpointError as error:
            raise CheckpointError(error.about(path)) from error
    path = find_checkpoint(path)
    if path.suffix == BUNDLE_SUFFIX:
        return _read_bundle(path)
    _check_whole(path)
    checkpoint = _load(path, map_location=map_location)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get('state_dict'), dict):
        raise CheckpointError(f"{path} holds no 'state_dict': expected a checkpoint of tools/train.py, or weights that "
                              '`tools/migrate.py weights` converted')
    # MMEngine would run the config that other tools put in here as Python code.
    if isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


def read_meta(path: Path) -> dict[str, Any]:
    """What a checkpoint of tools/train.py says of itself, without reading its tensors.

    Raises:
        CheckpointError: It cannot be read.
    """
    if path.suffix == BUNDLE_SUFFIX:
        return {}
    checkpoint = _load(path, map_location='cpu', mmap=True)
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    return meta if isinstance(meta, dict) else {}


def _read_bundle(path: Path) -> dict[str, Any]:
    """A bundle's generator, and the condition that it is for, as a checkpoint holds them."""
    try:
        with safe_open(path, framework='pt') as file:
            model = json.loads((file.metadata() or {})['model'])
            state = {LOOK_KEY if key == BUNDLE_LOOK else f'generator.{key}': file.get_tensor(key).float()
                     for key in file.keys()}
        modalities = build_modalities(model['modalities'])
        optional = ModalityDropout.parse(model.get('dropout'), list(modalities), model.get('image')).probs
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, ConfigError) as error:
        raise CheckpointError(f'{path} cannot be read as a bundle of tools/export.py: {error}') from error
    channels = {name: modality.channels for name, modality in modalities.items()}
    return {'state_dict': state, 'meta': {'condition': {'channels': channels, 'optional': list(optional)}}}


def _load(path: Path, **arguments: Any) -> Any:
    try:
        with torch.serialization.safe_globals(_ADMITTED):
            return torch.load(path, weights_only=True, **arguments)
    except Exception as error:  # torch raises many kinds for what is no checkpoint
        foreign = re.search(r'GLOBAL (\S+)|(getattr of \S+)', str(error))
        if isinstance(error, pickle.UnpicklingError) and foreign:
            raise CheckpointError(
                f'{path} holds more than weights and plain values ({foreign[1] or foreign[2]}), and nothing else is '
                'loaded, because it can run code. If you trust where it comes from, keep its weights alone: '
                "torch.save({'state_dict': torch.load(path, weights_only=False)['state_dict']}, new_path)") from error
        raise CheckpointError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = ': '.join([type(error).__name__, *str(error).splitlines()[:1]])  # some say nothing, some a page
    return f'{path} cannot be read as a checkpoint: it is damaged ({reason})'


def _check_whole(path: Path) -> None:
    """Compare a file's contents with its checksums, which torch itself does not do."""
    if not zipfile.is_zipfile(path):
        return  # torch's older format, or no checkpoint: loading it will tell
    try:
        with zipfile.ZipFile(path) as file:
            part = file.testzip()
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise CheckpointError(_damaged(path, error)) from error
    if part:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: it is damaged (the checksum of '{part}' in it "
                              'is wrong)')


def _statistic(owner: Any, name: str) -> Any:
    """What stands in for ``getattr`` in a file: only a log history's own functions can be reached by it."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(f'getattr of {name!r} is not admitted')
    return getattr(owner, name)


# What MMEngine's own checkpoints hold besides tensors and plain values: the log history, and numbers of NumPy.
_ADMITTED = [HistoryBuffer, (_statistic, 'builtins.getattr'), np.ndarray, np.dtype, np.float64,
             (np.array(0).__reduce__()[0], 'numpy._core.multiarray._reconstruct'),
             (np.array(0).__reduce__()[0], 'numpy.core.multiarray._reconstruct'),
             (np.float64(0).__reduce__()[0], 'numpy._core.multiarray.scalar'),
             (np.float64(0).__reduce__()[0], 'numpy.core.multiarray.scalar'),
             *(type(np.dtype(kind)) for kind in ('float64', 'float32', 'int64', 'int32', 'bool'))]


def _present(path: Path) -> str:
    """What there is in place of a checkpoint that there is not, and what to do."""
    if path.suffix:
        found = sorted(p.name for p in path.parent.glob('*.pth'))
        if found:
            return f'{path.parent} has {", ".join(found)}'
        if path.parent.is_dir():
            return f'there is no .pth file in {path.parent}: train first (tools/train.py), or name another work dir'
        path = path.parent
    runs = sorted(p.parent.name for p in path.parent.glob(f'*/{LATEST}'))
    return (f'there is no folder {path}: train first (tools/train.py makes it)'
            + (f', or name a run of {path.parent}: {", ".join(runs)}' if runs else ', or name another work dir'))


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
        if part in parts:
            _fill(_inner(part, module), parts[part], part, origin)
        elif module.state_dict():
            print_log(f"{origin} has no '{part}': it keeps its initial weights", 'current')
    for name, buffer in model.named_buffers(recurse=False):
        if name in parts and name != LOOK_KEY:
            buffer.copy_(parts[name][''])
    _compare_looks(getattr(model, LOOK_KEY, None), parts.get(LOOK_KEY, {}).get(''), origin)


def _compare_looks(look: Tensor | None, found: Tensor | None, origin: str) -> None:
    """The data goes through the config's look, which is kept; say so where the weights were trained with another."""
    if found is None and look is None:
        return
    if found is None or look is None or found.shape != look.shape or not torch.equal(found.to(look), look):
        trained = 'without a look' if found is None else 'with another look' if look is not None else 'with a look'
        used = 'this config has none' if look is None else "this config's is used"
        print_log(f'{origin} was trained {trained}; {used}', 'current', logging.WARNING)


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


def check_fit(model: nn.Module, state: dict[str, Any], origin: str) -> None:
    """Check all that :func:`load_weights` checks, and load nothing.

    Raises:
        CheckpointError: As :func:`load_weights`.
    """
    parts = _parts(state, origin)
    for part, module in model.named_children():
        if part in parts:
            _check_part(_inner(part, module).state_dict(), parts[part], part, origin)


def _inner(part: str, module: nn.Module) -> nn.Module:
    """The network inside a distributed wrapper; the running average is a wrapper too, whose weights have its names."""
    return module if part == 'generator_ema' else getattr(module, 'module', module)


def _fill(module: nn.Module, state: dict[str, Any], part: str, origin: str) -> None:
    _check_part(module.state_dict(), state, part, origin)
    module.load_state_dict(state)


def _check_part(wanted: dict[str, Any], state: dict[str, Any], part: str, origin: str) -> None:
    shapes = [f"'{key}' is {tuple(state[key].shape)}, expected {tuple(value.shape)}" for key, value in wanted.items()
              if key in state and state[key].shape != value.shape]
    faults = shapes + [f"'{key}' is missing" for key in wanted if key not in state] + \
        [f"'{key}' is not known" for key in state if key not in wanted]
    if faults:
        raise CheckpointError(f'{origin} does not fit the {part} of this config: {"; ".join(faults[:3])}'
                              f'{f" and {len(faults) - 3} more" if len(faults) > 3 else ""}'
                              '. Use the config that it was trained with (it lies beside the checkpoint)')


def plain_message_hub(state: dict[str, Any]) -> dict[str, Any]:
    """MMEngine's log history as tensors, which load with weights_only; the newest thousand values of each."""
    scalars = {}
    for key, buffer in state['log_scalars'].items():
        values, counts = buffer.data
        scalars[key] = {'values': torch.tensor(values[-HISTORY:]), 'counts': torch.tensor(counts[-HISTORY:])}
    return {'log_scalars': scalars, 'runtime_info': _plain(state['runtime_info']),
            'resumed_keys': dict(state['resumed_keys'])}


def restored_message_hub(state: dict[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`plain_message_hub`; what MMEngine itself has saved stays as it is."""
    scalars = OrderedDict((key, entry if isinstance(entry, HistoryBuffer) else
                           HistoryBuffer(entry['values'].tolist(), entry['counts'].tolist()))
                          for key, entry in state['log_scalars'].items())
    return {**state, 'log_scalars': scalars}


def _plain(value: Any) -> Any:
    """The same without numpy scalars."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(child) for child in value]
    return value.item() if hasattr(value, 'item') else value
