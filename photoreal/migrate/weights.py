"""Weights of TecoGAN-PyTorch under our names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photoreal.datasets.writers import atomic_path, keep_apart
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


def convert_weights_file(source: str | Path, target: str | Path, beside: str | Path | None = None,
                         channels: Mapping[str, int] | None = None) -> str:
    """Convert a weights file; nothing in it is executed.

    Args:
        source: ``G_iterN.pth`` or ``D_iterN.pth``.
        target: The file to write; it is loaded with ``load_from``.
        beside: Another one, such as the discriminator's, to go into the same file.
        channels: Name of a modality -> its channels, in the order of the network's input, to be noted in the file:
            weights are then carried over to other modalities by their names.

    Returns:
        'generator' or 'discriminator', whichever the source held.

    Raises:
        CheckpointError: A file is missing, unreadable or not such a network's.
        DataError: The target is one of them.
    """
    keep_apart(target, [source, *filter(None, [beside])])
    part, state = _read(Path(source))
    if channels is not None and part == 'generator' and input_channels(state) != sum(channels.values()):
        listed = ', '.join(f'{name} {count}' for name, count in channels.items())
        raise CheckpointError(f'{source} is for {input_channels(state)} input channels; the modalities have '
                              f'{sum(channels.values())} ({listed}): name those that it was trained with, in their '
                              'order')
    if beside is not None:
        state |= _read(Path(beside))[1]
    made: dict[str, Any] = {'state_dict': state}
    if channels is not None:
        made['meta'] = {'condition': {'channels': dict(channels), 'optional': []}}
    with atomic_path(target) as temporary:
        torch.save(made, temporary)
    return part


def read_shape(source: str | Path) -> tuple[int, int]:
    """Input channels of a generator's weights, and its convolutions between the residual blocks and the last layer.

    Raises:
        CheckpointError: The file is unreadable or no generator's.
    """
    part, state = _read(Path(source))
    if part != 'generator':
        raise CheckpointError(f'{source} holds the weights of a {part}; expected those of a generator')
    return input_channels(state), sum(bool(re.fullmatch(r'generator\.conv_up\.\d+\.weight', key)) for key in state)


def input_channels(state: Mapping[str, Tensor]) -> int:
    """Channels of the condition that a generator's weights are for, under our names."""
    return state['generator.flow_net.encoder.0.0.weight'].shape[1] // 2  # the flow net sees two frames


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
