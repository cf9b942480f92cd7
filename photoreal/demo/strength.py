"""One number for how much a modality takes away, whatever its parameters are."""

from typing import Any

import numpy as np

from photoreal.modalities import Modality

USUAL = 0.5
_DRAWS = 64


def has_strength(modality: Modality) -> bool:
    """Whether the modality was trained with more than one strength."""
    return any(low < high for low, high in _ranges(modality).values())


def at_strength(modality: Modality, strength: float) -> dict[str, Any]:
    """Parameters of the modality's ``compute``.

    Args:
        modality: The modality.
        strength: From 0, the least that it was trained with, over 0.5, the usual, to 1, the most.
    """
    usual = modality.sample(None)
    params = dict(usual)
    for name, (low, high) in _ranges(modality).items():
        middle = usual[name]
        share = strength * 2 if strength < USUAL else strength * 2 - 1
        value = low + share * (middle - low) if strength < USUAL else middle + share * (high - middle)
        params[name] = round(value) if isinstance(middle, int) else float(value)
    return params


def _ranges(modality: Modality) -> dict[str, tuple[float, float]]:
    """Numeric parameter -> the least and the most that training draws, or the usual value where that is beyond."""
    usual = modality.sample(None)
    draws = [usual, *(modality.sample(np.random.default_rng(seed)) for seed in range(_DRAWS))]
    numeric = [name for name, value in usual.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
               and all(isinstance(drawn.get(name), (int, float)) for drawn in draws)]
    return {name: (min(drawn[name] for drawn in draws), max(drawn[name] for drawn in draws)) for name in numeric}
