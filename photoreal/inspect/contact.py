"""Contact sheets: a row of small pictures from the beginning to the end of a video."""

from collections.abc import Iterable

import cv2
import numpy as np

from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.transforms import to_tensor
from photoreal.errors import DataError
from photoreal.inspect.maps import read_maps, spread
from photoreal.modalities import Modality

WIDTH = 148  # pixels of a small picture; eight fit beside each other on a page
_GAP = 4  # pixels between pictures


def contact_sheet(video: VideoRecord, modality: Modality | None, name: str, count: int,
                  scale: int = 1) -> np.ndarray | None:
    """Some frames of a video, or a modality of them as the network sees it, side by side.

    Args:
        video: The video.
        modality: What to show; None for the frames.
        name: The modality's name.
        count: Pictures at most.
        scale: Real frames are shrunk by it first, as for training.

    Returns:
        (H, W, 3) uint8 RGB; None where they cannot be read.
    """
    try:
        return side_by_side(_picture(video, modality, name, index, scale)
                            for index in spread(len(video), count))
    except DataError:
        return None  # the check has told it already


def side_by_side(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) of one height in a row on white."""
    spaced: list[np.ndarray] = []
    for picture in pictures:
        spaced += [picture, np.full((picture.shape[0], _GAP, 3), 255, np.uint8)]
    return np.concatenate(spaced[:-1], axis=1)


def _picture(video: VideoRecord, modality: Modality | None, name: str, index: int,
             scale: int) -> np.ndarray:
    maps = read_maps(video, {name: modality}, index, scale)[name]
    if modality is None:
        return _small(maps, nearest=False)
    if modality.is_label:  # made small before it is encoded: one-hot labels of a large frame take gigabytes
        return modality.show(modality.encode(to_tensor(_small(maps, nearest=True))))
    return _small(modality.show(modality.encode(to_tensor(maps))), nearest=False)


def _small(picture: np.ndarray, nearest: bool) -> np.ndarray:
    """(H, W, c) -> (h, 148, c)."""
    height, width = picture.shape[:2]
    size = WIDTH, max(1, round(height * WIDTH / width))
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA if width > WIDTH else cv2.INTER_LINEAR
    small = cv2.resize(picture, size, interpolation=way)
    return small[..., None] if small.ndim == 2 else small
