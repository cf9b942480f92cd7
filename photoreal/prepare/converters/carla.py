"""Recordings of the CARLA simulator."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from photoreal.datasets.sources import FolderSource
from photoreal.prepare.converters.base import (
    Converter,
    folders_below,
    matching,
    name_below,
    no_videos,
    numbers_of,
    without_gaps,
)
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS

_RGB = ('rgb', 'CameraRGB', 'camera_rgb')
_DEPTH = ('depth', 'CameraDepth', 'camera_depth')
_SEMANTIC = ('semantic', 'semantic_segmentation', 'segmentation', 'CameraSemantic', 'CameraSegmentation', 'CameraSeg')
_FPS = 20.0  # CARLA's usual fixed step of 0.05 s
_FAR = 1000.0  # metres that the largest depth stands for
_NONE = 255


def decode_depth(maps: np.ndarray) -> np.ndarray:
    """Raw depth of CARLA, 24 bits over R, G and B, to centimetres.

    Args:
        maps: (T, H, W, 3) uint8.

    Returns:
        (T, H, W, 1) uint16, 1 to 65535; what is farther than 655.35 m, such as the sky, is 65535.

    Raises:
        ValueError: The maps are grey: CARLA's conversion to a picture has thrown most of the depth away.
    """
    raw = maps.shape[-1] == 3 and maps.dtype == np.uint8
    # Black and white are also the nearest and the farthest raw depth: frames of the sky alone hold nothing else.
    if not raw or ((maps == maps[..., :1]).all() and not np.isin(maps, (0, 255)).all()):
        raise ValueError('the depth is grey; expected the raw picture, with 24 bits over R, G and B; record it without '
                         'a colour converter (ColorConverter.Raw)')
    red, green, blue = np.moveaxis(maps.astype(np.uint32), -1, 0)
    counts = red + (green << 8) + (blue << 16)
    metres = counts * (_FAR / (256 ** 3 - 1))
    return np.clip(np.rint(metres * 100), 1, 65535).astype(np.uint16)[..., None]


def _table(classes: dict[int, int]) -> np.ndarray:
    table = np.full(256, _NONE, np.uint8)
    table[list(classes)] = list(classes.values())
    return table


# Tags of CARLA -> train ids of Cityscapes; road lines are road, of which real labels make no difference.
_TAGS = _table({tag: tag - 1 for tag in range(1, 20)} | {24: 0})
# Up to 0.9.13: building, fence, pedestrian, pole, line, road, sidewalk, vegetation, vehicle (taken for a car), wall,
# sign, sky, traffic light, terrain.
_OLD_TAGS = _table({1: 2, 2: 4, 4: 11, 5: 5, 6: 0, 7: 0, 8: 1, 9: 8, 10: 13, 11: 3, 12: 7, 13: 10, 18: 6, 22: 9})


def decode_tags(maps: np.ndarray) -> np.ndarray:
    """Raw labels of CARLA 0.9.14 and later, the tag in red, to train ids of Cityscapes; 255 where there is none.

    Args:
        maps: (T, H, W, 3) uint8, or (T, H, W, 1) of the tags alone.

    Returns:
        (T, H, W, 1) uint8.

    Raises:
        ValueError: The maps are coloured instead.
    """
    return _decode(maps, _TAGS, 28)


def decode_old_tags(maps: np.ndarray) -> np.ndarray:
    """The same for CARLA up to 0.9.13."""
    return _decode(maps, _OLD_TAGS, 22)


def _decode(maps: np.ndarray, table: np.ndarray, last: int) -> np.ndarray:
    tags = maps[..., :1]
    if maps.dtype != np.uint8 or tags.max() > last or maps[..., 1:].any():
        raise ValueError(f'the labels are coloured, or of another version of CARLA; expected tags from 0 to {last} in '
                         'red and 0 in green and blue; record them without a colour converter (ColorConverter.Raw)')
    return table[tags]


@CONVERTERS.register_module('carla')
class Carla(Converter):
    """Recordings of CARLA 0.9.14 and later: folders ``rgb``, ``depth`` and ``semantic`` (or ``CameraRGB`` ...) side by
    side, of pictures with the same numbers; depth and semantic are raw and may be missing.

    A. Dosovitskiy et al., "CARLA: An Open Urban Driving Simulator", CoRL 2017. Depth is written in centimetres
    (``Depth`` reads it with its defaults), labels as train ids of Cityscapes with 255 for what has none
    (``dict(type='LabelMap', num_classes=19, ignore=255)``).
    """

    decode_labels: ClassVar[Callable[[np.ndarray], np.ndarray]] = staticmethod(decode_tags)

    def find(self, root: Path) -> list[Footage]:
        """The recordings below ``root``, or ``root`` itself."""
        found = []
        for folder in folders_below(root, 4):
            rgb = _first(folder, _RGB)
            if rgb is not None:
                found += self._recording(root, folder, FolderSource(rgb))
        if not found:
            raise no_videos(root, 'CARLA recordings', 'folders rgb/, depth/ and semantic/ side by side')
        return found

    def _recording(self, root: Path, folder: Path, frames: FolderSource) -> list[Footage]:
        name = name_below(root, folder)
        maps = {}
        for target, names, decode in (('depth', _DEPTH, decode_depth),
                                      ('segmentation', _SEMANTIC, self.decode_labels)):
            there = _first(folder, names)
            if there is not None:
                maps[target] = matching(frames, there, decode)
        return without_gaps(Footage(name, folder.resolve().name, Track(frames), maps, _FPS), numbers_of(frames))


@CONVERTERS.register_module('carla-0.9.13')
class Carla0913(Carla):
    """Recordings of CARLA up to 0.9.13, whose labels have other numbers."""

    decode_labels = staticmethod(decode_old_tags)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)
