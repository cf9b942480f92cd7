"""The datasets of a config, with what follows for them from its model."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from photoreal.modalities.dropout import ModalityDropout
from photoreal.registry import DATASETS


def build_dataset(cfg: Mapping[str, Any], phase: str) -> Dataset:
    """The dataset of a phase; videos may lack those modalities that the model's dropout leaves out at random.

    Args:
        cfg: A checked config.
        phase: 'train', 'val' or 'test'.
    """
    given = cfg[f'{phase}_dataloader']['dataset']
    if 'optional' in given or 'optional' not in inspect.signature(DATASETS.get(given['type'])).parameters:
        return DATASETS.build(given)
    return DATASETS.build({**given, 'optional': optional_modalities(cfg)})


def optional_modalities(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the modalities that a video may lack.

    Raises:
        ConfigError: ``model.dropout`` is out of range.
    """
    model = cfg['model']
    names = [name for name, modality in (model.get('modalities') or {}).items() if modality is not None]
    return tuple(ModalityDropout.parse(model.get('dropout'), names, model.get('image')).probs)
