"""A trained generator to take along: with its checkpoint and config, or as one bundle file that runs no code.

A bundle is a safetensors file: the generator's weights and, as JSON in its header, the configs of generator and
modalities and what the model was made from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

import photoreal
from photoreal.config import load_config
from photoreal.datasets.writers import atomic_path
from photoreal.engine.checkpoint import load_generator, read_checkpoint
from photoreal.errors import CheckpointError
from photoreal.models import ClipPreprocessor
from photoreal.models.generators import Generator
from photoreal.registry import GENERATORS, MODALITIES, load_plugins, suggest

SUFFIX = '.safetensors'
_FORMAT = 'photoreal-bundle-1'


@dataclass
class TrainedModel:
    """What prediction needs.

    Attributes:
        generator: In evaluation mode, on the CPU.
        preprocessor: Modalities and their encoding.
        config: 'generator', 'modalities' and 'image' as in the model's config.
        metadata: Where it came from.
    """

    generator: Generator
    preprocessor: ClipPreprocessor
    config: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)


def load_model(model: str | Path, checkpoint: str | Path | None = None,
               overrides: tuple[str, ...] = ()) -> TrainedModel:
    """Load a bundle, or a config with its checkpoint.

    Raises:
        ConfigError: The config cannot be used.
        CheckpointError: A file is missing, damaged or does not fit.
    """
    if Path(model).suffix == SUFFIX:
        return load_bundle(model)
    if checkpoint is None:
        raise CheckpointError(f"'{model}' is a config: name the weights with --checkpoint, or give a bundle "
                              f'(*{SUFFIX})')
    cfg = load_config(model, overrides).model
    config = {'modalities': cfg.modalities, 'image': cfg.get('image'), 'generator': cfg.generator}
    config = json.loads(json.dumps(config))  # tuples become lists, as in a bundle
    preprocessor, generator = _build(config)
    load_generator(generator, read_checkpoint(checkpoint)['state_dict'], str(checkpoint))
    metadata = {'config': str(model), 'checkpoint': str(checkpoint), 'photoreal_version': photoreal.__version__}
    return TrainedModel(generator, preprocessor, config, metadata)


def save_bundle(model: TrainedModel, path: str | Path, metadata: Mapping[str, str] = {}) -> None:
    """Write a bundle.

    Args:
        model: What :func:`load_model` gave.
        path: A file name that ends in ``.safetensors``.
        metadata: More to note: training data, metrics, licence.

    Raises:
        CheckpointError: The path has another suffix.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: a bundle's name ends in {SUFFIX}")
    header = {**model.metadata, **metadata, 'format': _FORMAT, 'model': json.dumps(model.config)}
    weights = {key: value.contiguous() for key, value in model.generator.state_dict().items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(weights, metadata=header))


def load_bundle(path: str | Path) -> TrainedModel:
    """Load a bundle. Only plugins that are registered by name can be in it, so that it runs no code of its own.

    Raises:
        CheckpointError: No such file, no bundle, an unknown plugin, or weights that do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'no bundle {path}')
    try:
        with safe_open(path, framework='pt') as file:
            header = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f'{path} cannot be read as a bundle: {error}') from error
    if header.get('format') != _FORMAT:
        raise CheckpointError(f"{path} is no bundle: its format is {header.get('format')!r}, expected '{_FORMAT}'; "
                              'make one with tools/export.py')
    config = json.loads(header.pop('model'))
    header.pop('format')
    load_plugins()
    for modality in config['modalities'].values():
        _must_be_registered(modality, MODALITIES, path)
    _must_be_registered(config['generator'], GENERATORS, path)
    preprocessor, generator = _build(config)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f'{path} does not fit its own config: {error}') from error
    return TrainedModel(generator, preprocessor, config, header)


def _build(config: dict[str, Any]) -> tuple[ClipPreprocessor, Generator]:
    """Preprocessor and generator in evaluation mode, with initial weights."""
    preprocessor = ClipPreprocessor(config['modalities'], config['image'])
    at = preprocessor.layout.image_slice
    skip = (at.start, at.stop) if at else None
    generator = GENERATORS.build({**config['generator'], 'in_channels': preprocessor.layout.channels, 'skip': skip})
    return preprocessor.eval(), generator.to(memory_format=torch.channels_last).eval()


def _must_be_registered(cfg: dict[str, Any], registry: Any, path: Path) -> None:
    # MMEngine would import any class whose full path stands here.
    name = cfg.get('type')
    if name not in registry.module_dict:
        raise CheckpointError(f"{path} needs the {registry.name} '{name}', which is not registered"
                              f'{suggest(str(name), registry.module_dict)}; install the package that has it')
