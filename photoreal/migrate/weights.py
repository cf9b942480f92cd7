"""Weights of TecoGAN-PyTorch under our names."""

import re
from pathlib import Path

import torch
from torch import Tensor

from photoreal.datasets.writers import atomic_path
from photoreal.errors import CheckpointError

_RULES = [(re.compile(pattern), new) for pattern, new in [
    (r'^fnet\.(encoder|decoder)(\d)\.(\d\..+)$', lambda m: f'flow_net.{m[1]}.{int(m[2]) - 1}.{m[3]}'),
    (r'^fnet\.(flow\..+)$', lambda m: f'flow_net.{m[1]}'),
    (r'^srnet\.resblocks\.(\d+)\.conv\.(.+)$', lambda m: f'blocks.{m[1]}.body.{m[2]}'),
    (r'^srnet\.(conv_in|conv_up|conv_out)\.(.+)$', lambda m: f'{m[1]}.{m[2]}'),
    (r'^(conv_in\..+)$', lambda m: f'trunk.{m[1]}'),
    (r'^discriminator_block\.block(\d)\.(.+)$', lambda m: f'trunk.blocks.{int(m[1]) - 1}.{m[2]}'),
    (r'^dense\.(.+)$', lambda m: f'trunk.head.1.{m[1]}'),
]]
_DERIVED = re.compile(r'(^|\.)(upsample_func\.)?kernels$')  # the bicubic kernel: computed, not trained


def convert_weights(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a TecoGAN-PyTorch generator's or discriminator's weights to those of FRNet or our discriminators.

    Args:
        state_dict: Contents of a ``G_iterN.pth`` or ``D_iterN.pth``; a ``module.`` in front is taken off.

    Raises:
        CheckpointError: A key is not one of those networks'.
    """
    converted, unknown = {}, []
    for key, value in state_dict.items():
        name = key.removeprefix('module.')
        if _DERIVED.search(name):
            continue
        for pattern, new in _RULES:
            match = pattern.match(name)
            if match:
                converted[new(match)] = value
                break
        else:
            unknown.append(key)
    if unknown or not converted:
        found = f'{len(unknown)} unknown keys, the first {unknown[0]!r}' if unknown else 'no weights'
        raise CheckpointError(f'these are not the weights of a TecoGAN-PyTorch FRNet, STNet or SNet: {found}; '
                              "expected keys such as 'srnet.conv_in.0.weight' or 'discriminator_block.block1.0.weight'")
    return converted


def convert_weights_file(source: str | Path, target: str | Path, beside: str | Path | None = None) -> str:
    """Convert a weights file; nothing in it is executed.

    Args:
        source: ``G_iterN.pth`` or ``D_iterN.pth``.
        target: The file to write; it is loaded with ``load_from``.
        beside: Another one, such as the discriminator's, to go into the same file.

    Returns:
        'generator' or 'discriminator', whichever the source held.

    Raises:
        CheckpointError: A file is missing, unreadable or not such a network's.
    """
    part, state = _read(Path(source))
    if beside is not None:
        state |= _read(Path(beside))[1]
    with atomic_path(target) as temporary:
        torch.save({'state_dict': state}, temporary)
    return part


def _read(source: Path) -> tuple[str, dict[str, Tensor]]:
    """Which part of a model a weights file holds, and its weights under our names."""
    if not source.is_file():
        raise CheckpointError(f'{source}: no such file')
    try:
        state = torch.load(source, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds for what is no weights file
        raise CheckpointError(f'{source} cannot be read as a weights file: it is damaged, or holds more than weights '
                              f'({type(error).__name__}: {str(error).splitlines()[0]})') from error
    if not isinstance(state, dict) or \
            not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        raise CheckpointError(f'{source} does not hold a plain dict of tensors: expected a G_iterN.pth or D_iterN.pth')
    try:
        converted = convert_weights(state)
    except CheckpointError as error:
        raise CheckpointError(f'{source}: {error}') from error
    part = 'discriminator' if 'trunk.conv_in.0.weight' in converted else 'generator'
    return part, {f'{part}.{key}': value for key, value in converted.items()}
