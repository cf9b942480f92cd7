"""Whether things keep their colours: the hue of the prediction beside that of the source frame."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from mmengine.registry import METRICS

from photoreal.errors import ConfigError
from photoreal.metrics.base import VideoMetric
from photoreal.metrics.temporal import resize
from photoreal.structures import FrameResult

# By Cityscapes' trainIds.
OBJECTS: Mapping[str, Sequence[int]] = {'vehicles': (13, 14, 15, 16, 17, 18), 'vegetation': (8,), 'buildings': (2,)}
MIN_PIXELS = 32


def hue_difference(pred: np.ndarray, source: np.ndarray, min_chroma: float) -> tuple[float | None, float | None]:
    """How far the hues of two sets of pixels are apart, and how much of their colourfulness is left.

    Hue and chroma are angle and length of (a, b) in CIELAB. A hue means nothing where there is hardly any colour, so
    that only pixels count that have ``min_chroma`` in both, each with the lesser of its two chromas as its weight.

    Args:
        pred: (n, 3) float32 CIELAB, L in [0, 100].
        source: (n, 3) float32 CIELAB of the same places.
        min_chroma: Least chroma; grey has 0, a red car some 50.

    Returns:
        The mean difference of hue in degrees, 0 to 180, and the chroma of ``pred`` as a part of that of ``source``,
        over all pixels that have ``min_chroma`` in ``source``. None where fewer than 32 pixels count.
    """
    chroma, source_chroma = (np.hypot(x[:, 1], x[:, 2]) for x in (pred, source))
    coloured = source_chroma >= min_chroma
    both = coloured & (chroma >= min_chroma)
    kept = float(chroma[coloured].sum() / source_chroma[coloured].sum()) if coloured.sum() >= MIN_PIXELS else None
    if both.sum() < MIN_PIXELS:
        return None, kept
    (_, a, b), (_, c, d) = pred[both].T, source[both].T
    angles = np.degrees(np.abs(np.arctan2(a * d - b * c, a * c + b * d)))
    return float(np.average(angles, weights=np.minimum(chroma, source_chroma)[both])), kept


@METRICS.register_module()
class HueDifference(VideoMetric):
    """Whether objects keep their colours, in degrees of hue, lower is better: ``hue``, ``hue_vehicles`` and so on.

    See :func:`hue_difference`. ``hue`` is that of the whole frame; the others need label maps, and a frame that shows
    too little of an object has no value. What has lost its colour has no hue that could differ: read ``chroma``,
    ``chroma_vehicles`` beside it, the part of the source's colourfulness that is left, 1 for all of it.
    Source frames of another size than the prediction are resized to it.

    Args:
        domain: ``real`` or ``virtual``.
        objects: Name -> numbers of its classes; the default is for Cityscapes' trainIds.
        min_chroma: Least chroma in CIELAB for a pixel to count.
        prefix: First part of the names; None: the domain.

    Raises:
        ConfigError: ``min_chroma`` is not above 0.
    """

    neutral = frozenset({'chroma', *(f'chroma_{name}' for name in OBJECTS)})

    def __init__(self, domain: str, objects: Mapping[str, Sequence[int]] = OBJECTS, min_chroma: float = 10.0,
                 prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        if min_chroma <= 0:
            raise ConfigError(f'HueDifference: min_chroma={min_chroma}; expected more than 0')
        self.objects, self.min_chroma = dict(objects), min_chroma
        self.neutral = frozenset({'chroma', *(f'chroma_{name}' for name in self.objects)})

    def update(self, result: FrameResult) -> dict[str, float]:
        height, width = result.pred.shape[:2]
        pred, source = (cv2.cvtColor(x.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
                        for x in (result.pred, resize(result.frame, width, height)))
        places = {'': np.ones((height, width), bool)}
        if result.labels is not None:
            labels = cv2.resize(result.labels, (width, height), interpolation=cv2.INTER_NEAREST)
            places |= {f'_{name}': np.isin(labels, classes) for name, classes in self.objects.items()}
        values = {}
        for name, where in places.items():
            found = hue_difference(pred[where], source[where], self.min_chroma)
            values |= {key + name: value for key, value in zip(('hue', 'chroma'), found, strict=True)
                       if value is not None}
        return values
