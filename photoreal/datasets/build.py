"""The datasets of a config, with what follows for them from its model."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from photoreal.modalities.dropout import ModalityDropout
from photoreal.registry import DATASETS, LOSSES


def build_dataset(cfg: Mapping[str, Any], phase: str) -> Dataset:
    """The dataset of a phase; videos may lack those modalities that the model's dropout leaves out at random, and what
    a teacher made of them comes along where a loss learns from it.

    Args:
        cfg: A checked config.
        phase: 'train', 'val' or 'test'.
    """
    given = cfg[f'{phase}_dataloader']['dataset']
    known = inspect.signature(DATASETS.get(given['type'])).parameters
    derived = {'optional': optional_modalities, 'teacher': learns_from_teacher}
    return DATASETS.build({**{name: find(cfg) for name, find in derived.items() if name in known}, **given})


def learns_from_teacher(cfg: Mapping[str, Any]) -> bool:
    """Whether a loss of the model, or of its unpaired branch, learns from what a teacher made of virtual frames."""
    losses = [cfg['model'].get('losses'), (cfg['model'].get('unpaired') or {}).get('losses')]
    chosen = [loss for group in losses for loss in (group or {}).values() if loss]
    return any(getattr(LOSSES.get(loss['type']), 'needs_teacher', False) and loss.get('weight', 1) for loss in chosen)


def optional_modalities(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the modalities that a video may lack.

    Raises:
        ConfigError: ``model.dropout`` is out of range.
    """
    model = cfg['model']
    names = [name for name, modality in (model.get('modalities') or {}).items() if modality is not None]
    return tuple(ModalityDropout.parse(model.get('dropout'), names, model.get('image')).probs)
