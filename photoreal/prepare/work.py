"""The work itself: a segment of a video at a time, each file written whole or not at all."""

from collections.abc import Iterator

import cv2
import numpy as np

from photoreal.datasets.sources import open_source
from photoreal.datasets.transforms import compute_map
from photoreal.datasets.writers import write_image
from photoreal.prepare.plans import VideoPlan

SEGMENT = 100  # frames of a task


def segments(length: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of the parts that a video of that length is made in."""
    for start in range(0, length, SEGMENT):
        yield start, min(start + SEGMENT, length)


def write_frames(plan: VideoPlan, start: int, stop: int) -> int:
    """Write frames and recorded maps that are not there yet.

    Returns:
        How many frames there are in the segment.

    Raises:
        DataError: One cannot be decoded.
    """
    footage = plan.recipe.footage
    tracks = {'frames': footage.frames, **footage.maps}
    for index in range(start, stop):
        for folder, track in tracks.items():
            suffix = plan.settings.format if folder == 'frames' else 'png'
            path = plan.staging / folder / f'{plan.file_name(index)}.{suffix}'
            if not path.exists():
                write_image(path, fit(track.read(index), plan.settings.size, nearest=track.raw))
    return stop - start


def write_modalities(plan: VideoPlan, start: int, stop: int) -> int:
    """Write maps that are not there yet, computed from the frames as written, just as a StreamDataset would.

    Returns:
        How many frames there are in the segment.

    Raises:
        DataError: A frame cannot be read back.
    """
    frames = open_source(plan.home, 'frames')
    params = {folder: modality.sample(None) for folder, modality in plan.modalities.items()}
    context = max(modality.context for modality in plan.modalities.values())
    kept: dict[int, np.ndarray] = {}
    for index in range(start, stop):
        paths = {folder: plan.staging / folder / f'{plan.file_name(index)}.png' for folder in plan.modalities}
        missing = {folder: path for folder, path in paths.items() if not path.exists()}
        if not missing:
            continue
        indices = range(max(0, index - context), index + 1)
        kept = {i: kept[i] if i in kept else frames.read([i])[0] for i in indices}
        for folder, path in missing.items():
            modality = plan.modalities[folder]
            given = indices[-1 - modality.context:]
            maps = compute_map(folder, modality, np.stack([kept[i] for i in given]), params[folder], frames, given)
            write_image(path, maps[-1])
    return stop - start


def fit(image: np.ndarray, size: tuple[int, int] | None, *, nearest: bool) -> np.ndarray:
    """Bring an image to a size; nothing is stretched: what does not fit the shape is cut off around the centre.

    Args:
        image: (H, W, c).
        size: (height, width); None: as it is.
        nearest: Do not mix values.
    """
    if size is None or image.shape[:2] == size:
        return image
    factor = max(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (min(side, max(1, round(wanted / factor))) for side, wanted in zip(image.shape, size))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    image = np.ascontiguousarray(image[top:top + height, left:left + width])
    # Nearest without OpenCV, whose pixel centres are half a pixel off.
    if nearest:
        rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(size, image.shape))
        return image[rows[:, None], columns]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size[::-1], interpolation=method).reshape(*size, -1)


def is_recordable(maps: np.ndarray) -> bool:
    """Whether a PNG can hold such maps (..., c)."""
    return maps.dtype in (np.uint8, np.uint16) and maps.shape[-1] in (1, 3)
