"""Maps of single frames, read and computed as for the network."""

from collections.abc import Mapping

import numpy as np

from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.sources import FrameSource
from photoreal.datasets.transforms import Window, compute_map
from photoreal.look import Look
from photoreal.modalities import Modality
from photoreal.modalities.images import shrink


def shrinkage(video: VideoRecord, scale: int) -> int:
    """What a video's frames are shrunk by: the scale for real ones, which are the target; virtual ones stay."""
    return scale if video.domain == 'real' else 1


def read_maps(video: VideoRecord, modalities: Mapping[str, Modality | None], index: int,
              scale: int = 1, look: Look | None = None) -> dict[str, np.ndarray]:
    """Maps of one frame with the fixed parameters, before they are encoded.

    Args:
        video: The video.
        modalities: Name -> modality; None for the frame itself. Those with a folder must be recorded.
        index: The frame.
        scale: Real frames, and maps recorded with them, are cut to a multiple of it and shrunk by it first.
        look: What virtual frames go through first.

    Returns:
        Name -> (H, W, c).

    Raises:
        DataError: Something cannot be decoded, or a recorded map holds what it should not.
    """
    factor = shrinkage(video, scale)
    contexts = [m.context if m else 0 for m in modalities.values() if m is None or m.folder is None]
    # All that is computed shares one reading of the frames.
    frames = _read(video.frames, _up_to(index, max(contexts)), factor) if contexts else None
    if look is not None and frames is not None and video.domain == 'virtual':
        frames = look.apply(frames)
    found: dict[str, np.ndarray] = {}
    for name, modality in modalities.items():
        if modality is None:
            found[name] = shrink(frames[-1:], factor)[0]
            continue
        wanted = _up_to(index, modality.context)
        source, given = video.frames, frames
        if modality.folder is not None:
            source = video.recorded[name]
            given = _read(source, wanted, factor, raw=modality.raw)
        given = modality.shrink(given[-len(wanted):], factor)
        found[name] = compute_map(name, modality, given, modality.sample(None), source, wanted)[-1]
    return found


def spread(length: int, count: int) -> list[int]:
    """Up to ``count`` numbers from 0 to ``length - 1``, evenly spread."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(int)).tolist()


def _up_to(index: int, context: int) -> range:
    return range(max(0, index - context), index + 1)


def _read(source: FrameSource, indices: range, scale: int, *, raw: bool = False) -> np.ndarray:
    """Frames or maps, cut to a multiple of the scale."""
    height, width = (side // scale * scale for side in source.size)
    return source.read(indices, raw=raw, window=Window(0, 0, height, width))
