"""Modalities: the maps that a generator sees instead of the frame."""

from collections.abc import Collection, Mapping

from photoreal.errors import ConfigError
from photoreal.modalities.abstraction import Guided, Kuwahara, Superpixels
from photoreal.modalities.base import Modality
from photoreal.modalities.blur import Blur
from photoreal.modalities.combine import Chain, OneOf
from photoreal.modalities.downsample import Downsample
from photoreal.modalities.edges import Edges
from photoreal.modalities.estimators import MonoDepth, Segmentation
from photoreal.modalities.flow import Flow
from photoreal.modalities.gray import Gray
from photoreal.modalities.labels import LabelMap
from photoreal.modalities.lines import LineDrawing
from photoreal.modalities.precomputed import Precomputed
from photoreal.modalities.recorded import Depth, GBuffer, ImageFolder, Normals
from photoreal.modalities.simplify import Palette, Posterize, Smooth
from photoreal.registry import MODALITIES, suggest

__all__ = ['Blur', 'Chain', 'Depth', 'Downsample', 'Edges', 'Flow', 'GBuffer', 'Gray', 'Guided', 'ImageFolder',
           'Kuwahara', 'LabelMap', 'LineDrawing', 'Modality', 'MonoDepth', 'Normals', 'OneOf', 'Palette', 'Posterize',
           'Precomputed', 'Segmentation', 'Smooth', 'Superpixels', 'build_modalities', 'without']


def build_modalities(cfg: dict[str, dict | Modality]) -> dict[str, Modality]:
    """Build the modalities of a config.

    Args:
        cfg: Name -> the modality, or its config with ``type`` and the constructor's arguments.

    Returns:
        Name -> modality, in the order of ``cfg``.

    Raises:
        ConfigError: There is none, or one cannot be built; the message names it.
    """
    if not cfg:
        raise ConfigError('there are no modalities: the generator would see nothing; '
                          "name at least one, such as modalities = dict(blur=dict(type='Blur'))")
    return {name: _build(name, value) for name, value in cfg.items()}


def without(modalities: Mapping[str, Modality], leave_out: Collection[str]) -> dict[str, Modality]:
    """The modalities that are not left out.

    Raises:
        ConfigError: A name to leave out is none of them, or none is left.
    """
    for name in leave_out:
        if name not in modalities:
            raise ConfigError(f"leave_out names '{name}', which is no modality{suggest(name, modalities)}")
    left = {name: modality for name, modality in modalities.items() if name not in leave_out}
    if not left:
        raise ConfigError(f'leave_out={list(leave_out)} leaves no modality; keep one at least')
    return left


def _build(name: str, cfg: dict | Modality) -> Modality:
    if isinstance(cfg, Modality):
        return cfg
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise ConfigError(f"modality '{name}' is {cfg!r}: expected a dict with a type, such as dict(type='Blur')")
    try:
        modality = MODALITIES.build(cfg)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ConfigError(f"modality '{name}': {reason}") from error
    if not isinstance(modality, Modality):
        raise ConfigError(f"modality '{name}': {cfg['type']} makes a {type(modality).__name__}; "
                          'expected a subclass of photoreal.modalities.Modality')
    return modality
