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
from photoreal.camera import CameraSettings
from photoreal.config import check_config, load_config
from photoreal.datasets.writers import atomic_path
from photoreal.engine.checkpoint import BUNDLE_LOOK, load_generator, read_checkpoint
from photoreal.errors import CheckpointError, ConfigError
from photoreal.look import Look, build_look
from photoreal.models.generators import Generator
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.storage import fetch, is_url
from photoreal.structures import LOOK_KEY

SUFFIX = '.safetensors'
_FORMAT = 'photoreal-bundle-1'


@dataclass
class TrainedModel:
    """What prediction needs.

    Attributes:
        generator: In evaluation mode, on the CPU.
        preprocessor: Modalities and their encoding.
        config: 'generator', 'modalities', 'image' and 'dropout' as in the model's config.
        metadata: Where it came from.
        look: What frames go through before modalities are computed from them; None: nothing.
        camera: What predictions go through last; None: nothing.
    """

    generator: Generator
    preprocessor: ClipPreprocessor
    config: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)
    look: Look | None = None
    camera: CameraSettings | None = None


def load_model(model: str | Path, checkpoint: str | Path | None = None,
               overrides: tuple[str, ...] = ()) -> TrainedModel:
    """Load a bundle, or a config with its checkpoint.

    Raises:
        ConfigError: The config cannot be used.
        CheckpointError: A file is missing, damaged or does not fit.
    """
    if Path(model).suffix == SUFFIX:
        if checkpoint is not None or overrides:
            raise ConfigError(f'{model} is a bundle, which has its own weights and config: leave out --checkpoint and '
                              '--cfg-options')
        return load_bundle(model)
    if checkpoint is None:
        raise CheckpointError(f"'{model}' is a config: name the weights with --checkpoint, or give a bundle "
                              f'(*{SUFFIX})')
    state = read_checkpoint(checkpoint)['state_dict']
    loaded = _untrained(model, overrides, Look(state[LOOK_KEY], 'from the checkpoint') if LOOK_KEY in state else None)
    load_generator(loaded.generator, state, str(checkpoint))
    loaded.metadata['checkpoint'] = str(checkpoint)
    return loaded


def load_untrained(path: str | Path, overrides: tuple[str, ...] = ()) -> TrainedModel:
    """The model of a config with its initial weights: enough to see how fast it is.

    Raises:
        ConfigError: The config cannot be used.
    """
    return _untrained(path, overrides)


def _untrained(path: str | Path, overrides: tuple[str, ...], look: Look | None = None) -> TrainedModel:
    """As :func:`load_untrained`, with this look where there is one, which needs no file."""
    full = load_config(path, overrides)
    check_config(full)
    cfg = full.model
    config = {'modalities': cfg.modalities, 'image': cfg.get('image'), 'dropout': cfg.get('dropout'),
              'generator': cfg.generator}
    config = json.loads(json.dumps(config))  # tuples become lists, as in a bundle
    preprocessor, generator = _build(config)
    return TrainedModel(generator, preprocessor, config,
                        {'config': str(path), 'photoreal_version': photoreal.__version__},
                        look or build_look(cfg.get('look')))


def save_bundle(model: TrainedModel, path: str | Path, metadata: Mapping[str, str] = {}, half: bool = False) -> None:
    """Write a bundle.

    Args:
        model: What :func:`load_model` gave.
        path: A file name that ends in ``.safetensors``.
        metadata: More to note: training data, metrics, licence.
        half: Store the weights in float16, in half the space; they are loaded as float32 all the same.

    Raises:
        CheckpointError: The path has another suffix.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: a bundle's name ends in {SUFFIX}")
    header = {**model.metadata, **metadata, 'format': _FORMAT, 'model': json.dumps(model.config)}
    weights = {key: value.contiguous() for key, value in model.generator.state_dict().items()}
    if model.look is not None:
        weights[BUNDLE_LOOK] = model.look.table
        header['look'] = model.look.title
    if model.camera is not None:
        header['camera'] = model.camera.to_json()
    if half:
        weights = {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(weights, metadata=header))


def load_bundle(path: str | Path) -> TrainedModel:
    """Load a bundle, from a path or a URL. Only plugins that are registered by name can be in it, so that it runs no
    code of its own.

    Raises:
        CheckpointError: No such file, no bundle, an unknown plugin, or weights that do not fit.
        StorageError: There is none at a URL, or it cannot be reached.
    """
    local = fetch(path) if is_url(path) else Path(path)
    if not local.is_file():
        raise CheckpointError(f'no bundle {path}')
    try:
        with safe_open(local, framework='pt') as file:
            header = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f'{path} cannot be read as a bundle: {error}') from error
    if header.get('format') != _FORMAT:
        raise CheckpointError(f"{path} is no bundle: its format is {header.get('format')!r}, expected '{_FORMAT}'; "
                              'make one with tools/export.py')
    try:
        config = json.loads(header.pop('model'))
        preprocessor, generator = _build(config)
        table = weights.pop(BUNDLE_LOOK, None)
        look = None if table is None else Look(table.float(), header.pop('look', ''))
        camera = CameraSettings.from_json(header.pop('camera')) if 'camera' in header else None
        generator.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
        # A plugin that is not registered here, too: nothing that a bundle names is imported.
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise CheckpointError(f'{path} cannot be built: {reason}') from error
    header.pop('format')
    return TrainedModel(generator, preprocessor, config, header, look, camera)


def _build(config: dict[str, Any]) -> tuple[ClipPreprocessor, Generator]:
    """Preprocessor and generator in evaluation mode, with initial weights."""
    preprocessor = ClipPreprocessor(config['modalities'], config['image'], config.get('dropout'))
    generator = preprocessor.build_generator(config['generator'])
    return preprocessor.eval(), generator.to(memory_format=torch.channels_last).eval()
