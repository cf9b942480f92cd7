"""Contact sheets: a row of small pictures from the beginning to the end of a video."""

from collections.abc import Iterable

import cv2
import numpy as np

from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.transforms import compute_map, to_tensor
from photoreal.errors import DataError
from photoreal.modalities import Modality

WIDTH = 148  # pixels of a small picture; eight fit beside each other on a page
_GAP = 4  # pixels between pictures


def contact_sheet(video: VideoRecord, modality: Modality | None, name: str, count: int) -> np.ndarray | None:
    """Some frames of a video, or a modality of them as the network sees it, side by side.

    Args:
        video: The video.
        modality: What to show; None for the frames.
        name: The modality's name.
        count: Pictures at most.

    Returns:
        (H, W, 3) uint8 RGB; None where they cannot be read.
    """
    try:
        return side_by_side(_picture(video, modality, name, index) for index in _spread(len(video), count))
    except DataError:
        return None  # the check has told it already


def side_by_side(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) of one height in a row on white."""
    spaced: list[np.ndarray] = []
    for picture in pictures:
        spaced += [picture, np.full((picture.shape[0], _GAP, 3), 255, np.uint8)]
    return np.concatenate(spaced[:-1], axis=1)


def _picture(video: VideoRecord, modality: Modality | None, name: str, index: int) -> np.ndarray:
    if modality is None:
        return _small(video.frames.read([index])[0], nearest=False)
    recorded = modality.folder is not None
    source = video.recorded[name] if recorded else video.frames
    wanted = range(max(0, index - modality.context), index + 1)
    given = source.read(wanted, raw=recorded and modality.raw)
    maps = compute_map(name, modality, given, modality.sample(None), source, wanted)[-1]
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


def _spread(length: int, count: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(int)).tolist()
