"""What stays the render's: classes and masks, with a border that is soft in space and in time.

Legend: T time, H height, W width, c channels.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities import LabelMap, Modality
from photoreal.modalities.labels import class_names
from photoreal.registry import suggest

KEEP_MASK = 'keep_mask'  # under this name masks are given among what is recorded
SEGMENTATION = 'segmentation'  # and labels under this one, where the model knows none
BORDER = 4  # pixels over which what is kept fades into what is predicted
MEMORY = 3  # frames over which a region fades that is kept no longer, so that labels that flicker do not show


class KeepMask(Modality):
    """Masks of what is to be kept: white, or the value 1 where nothing is brighter; colours count by their brightest
    channel."""

    channels = 1
    is_label = True

    def compute(self, frames: np.ndarray, **params: Any) -> np.ndarray:
        """(T, H, W, c) uint8 or bool -> (T, H, W, 1) uint8, 1 for what is kept."""
        brightest = frames.max(axis=-1, keepdims=True)
        least = 1 if brightest.max(initial=0) <= 1 else 128
        return (brightest >= least).astype(np.uint8)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> likewise, float32."""
        return x.float()


def find_labels(modalities: dict[str, Modality]) -> tuple[str, Modality]:
    """The label map among modalities, and its name; where there is none, one of the classes of Cityscapes."""
    found = next(((name, one) for name, one in modalities.items() if one.num_classes), None)
    name = f'{SEGMENTATION}_labels' if SEGMENTATION in modalities else SEGMENTATION
    return found or (name, LabelMap(SEGMENTATION, ignore='others'))


def option(text: str) -> str:
    """The option behind ``name=path`` of what is recorded, for messages."""
    name, _, path = text.partition('=')
    return f'--keep-mask {path}' if name == KEEP_MASK else f'--modality {text}'


def parse_classes(classes: Iterable[int | str], count: int) -> tuple[int, ...]:
    """Numbers of classes that are named by number or by name: ``['car', '11']`` -> ``(13, 11)``.

    Args:
        classes: Numbers, or names where classes have them; ``traffic_light`` is ``traffic light``.
        count: How many classes the labels have.

    Raises:
        ConfigError: There is no such class.
    """
    names = class_names(count)
    found = []
    for one in classes:
        text = ' '.join(str(one).lower().replace('_', ' ').split())
        if text in names:
            found.append(names.index(text))
        elif text.isdecimal() and int(text) < count:
            found.append(int(text))
        else:
            raise ConfigError(f"--keep: there is no class '{one}': expected numbers from 0 to {count - 1}"
                              + (f' or names{suggest(text, names)}' if names else '; these classes have no names'))
    return tuple(dict.fromkeys(found))


def kept_weight(kept: Sequence[np.ndarray], masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray | None:
    """How much of the render stays where.

    Args:
        kept: (H, W) bool each: pixels of the classes that are kept, in this frame and in those before, newest first.
        masks: Other pixels that are kept, likewise.
        size: (height, width) of the weight.

    Returns:
        (height, width) float32: 1 for what is kept in this frame, falling to 0 over ``BORDER`` pixels around it and,
        where it is kept no longer, over ``MEMORY`` frames; None: nothing is kept.
    """
    total = None
    for age, now in enumerate(_united(kept, masks)):
        weight = _softened(now, size) if now.any() else None
        if age and weight is not None:
            weight = np.maximum(weight - age / MEMORY, 0)
        if weight is not None:
            total = weight if total is None else np.maximum(total, weight)
    return total


def _united(kept: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    if kept and masks:
        return [a | b for a, b in zip(kept, masks)]
    return list(kept or masks)


def _softened(kept: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    away = kept.astype(np.uint8) ^ 1
    if away.shape != size:
        away = cv2.resize(away, size[::-1], interpolation=cv2.INTER_NEAREST)
    return np.clip(1 - cv2.distanceTransform(away, cv2.DIST_L2, 3) / (BORDER + 1), 0, 1)
