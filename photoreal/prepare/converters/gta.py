"""Playing for Data: pictures and labels out of GTA V."""

from pathlib import Path

import numpy as np

from photoreal.datasets.sources import FolderSource
from photoreal.modalities.labels import LabelMap
from photoreal.prepare.converters.base import Converter, matching, no_videos, numbers_of, without_gaps
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS

# Ids of Cityscapes -> train ids; the others have none.
_TRAIN_IDS = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13,
              27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
_LAST_ID = 34
_NONE = 255
# The colours that Cityscapes gives to ids without a train id.
_VOID = [(0, 0, 0), (20, 20, 20), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180),
         (150, 100, 100), (150, 120, 90), (0, 0, 90), (0, 0, 110)]


def decode_labels(maps: np.ndarray) -> np.ndarray:
    """Labels of Playing for Data to train ids of Cityscapes; 255 where there is none.

    Args:
        maps: (T, H, W, 1) uint8 ids of Cityscapes, as its indexed PNGs hold, or (T, H, W, 3) uint8 colours.

    Returns:
        (T, H, W, 1) uint8.

    Raises:
        ValueError: A value is neither.
    """
    if maps.shape[-1] == 3:
        return LabelMap(num_classes=19, palette='cityscapes', ignore=_VOID).compute(maps)
    if maps.dtype != np.uint8 or ((maps > _LAST_ID) & (maps != _NONE)).any():
        raise ValueError(f'the labels hold values above {_LAST_ID}; expected ids of Cityscapes, or its colours')
    table = np.full(256, _NONE, np.uint8)
    table[list(_TRAIN_IDS)] = list(_TRAIN_IDS.values())
    return table[maps]


@CONVERTERS.register_module('gta')
class Gta(Converter):
    """Playing for Data: ``images/<number>.png`` and ``labels/<number>.png``, which may be missing.

    S. Richter et al., "Playing for Data: Ground Truth from Computer Games", ECCV 2016. The pictures are of many drives:
    add ``--cut-scenes``. Labels are written as train ids of Cityscapes with 255 for what has none
    (``dict(type='LabelMap', num_classes=19, ignore=255)``).
    """

    def find(self, root: Path) -> list[Footage]:
        """One video, or one for every stretch of numbers without a gap."""
        if not (root / 'images').is_dir():
            raise no_videos(root, 'Playing for Data', 'folders images/ and labels/')
        frames = FolderSource(root / 'images')
        labels = root / 'labels'
        maps = {'segmentation': matching(frames, labels, decode_labels)} if labels.is_dir() else {}
        name = root.resolve().name
        return without_gaps(Footage(name, name, Track(frames), maps), numbers_of(frames))
