"""What a network estimates from the frame: classes, and depth. The network is any file that is given by path."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import map_frames
from photoreal.modalities.labels import Colour, LabelMap
from photoreal.modalities.model_files import IMAGENET_MEAN, IMAGENET_STD, ImageModel
from photoreal.registry import MODALITIES

# A network looks at the whole frame: a margin wider than any.
_WHOLE_FRAME = 1 << 16
_MOST = 65535


@MODALITIES.register_module()
class Segmentation(Modality):
    """Classes by a semantic segmentation network; the generator sees one channel a class, as with a LabelMap.

    A network a frame is slow in training: compute the maps beforehand with ``tools/prepare_data.py`` and read them with
    ``Precomputed``, or with ``LabelMap``, which needs no network.

    Args:
        model: The network, by path or name (see :class:`~photoreal.modalities.model_files.ImageModel`), which gives
            (1, num_classes, h, w) scores or (1, h, w) class numbers. None where only computed maps are read.
        num_classes: Number of classes, 1 to 255.
        size: (height, width), or one number for both, of the network's input; None: the frame's own size.
        mean: Of each channel of frames in [0, 1].
        std: Of each channel of frames in [0, 1].
        output: Which output of the network, by number or name.
        palette: (R, G, B) of each class to show maps in, or 'cityscapes'; None: colours that differ well.
        ignore: Class, or list of classes, whose pixels are 0 in every channel.

    Raises:
        ConfigError: An argument is out of its range, the file or what reads it is missing.
    """

    margin = _WHOLE_FRAME
    exact_crop = False
    is_label = True

    def __init__(self, model: str | None, num_classes: int = 19, size: int | Sequence[int] | None = None,
                 mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD, output: int | str = 0,
                 palette: str | Sequence[Colour] | None = None, ignore: int | Sequence[int] | None = None) -> None:
        self.model = ImageModel(model, size, mean, std, output)
        self.labels = LabelMap(num_classes=num_classes, palette=palette, ignore=ignore)
        self.channels = self.num_classes = self.labels.channels

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint8: the class, 255 where it is ignored.

        Raises:
            ConfigError: The network cannot be run, or knows another number of classes.
        """
        classes = map_frames(self._classes, frames)
        try:
            return self.labels.compute(classes)
        except ValueError as error:
            raise ConfigError(f'{self.model.path}: {error}') from error

    def _classes(self, frame: np.ndarray) -> np.ndarray:
        maps, size = self.model.run(frame), frame.shape[1::-1]
        if len(maps) == 1:  # the network has chosen the classes itself
            return cv2.resize(maps[0].astype(np.uint16), size, interpolation=cv2.INTER_NEAREST_EXACT)
        if len(maps) != self.channels:
            raise ConfigError(f'{self.model.path}: the network gives {len(maps)} maps; expected num_classes='
                              f'{self.channels} of them; set num_classes={len(maps)}, or choose another output')
        # Class after class: all scores at the frame's size would be gigabytes for large frames and many classes.
        best = cv2.resize(maps[0].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        classes = np.zeros(best.shape, np.uint8)
        for number in range(1, len(maps)):
            score = cv2.resize(maps[number].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
            classes[score > best] = number
            np.maximum(best, score, out=best)
        return classes

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., num_classes, H, W) float32: 1 in the channel of the class, else 0."""
        return self.labels.encode(x)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., num_classes, H, W) -> (..., H, W, 3) uint8 in the palette's colours."""
        return self.labels.show(encoded)


@MODALITIES.register_module()
class MonoDepth(Modality):
    """Depth by a network that looks at a single frame; the generator sees 1 where it is near and 0 where it is far.

    R. Ranftl et al., "Towards Robust Monocular Depth Estimation", PAMI 2022, is of this kind, as are its successors.
    A network a frame is slow in training: compute the maps beforehand with ``tools/prepare_data.py`` and read them with
    ``Precomputed``.

    Args:
        model: The network, by path or name (see :class:`~photoreal.modalities.model_files.ImageModel`), which gives
            (1, 1, h, w) or (1, h, w). None where only computed maps are read.
        kind: 'disparity' where the network gives large values for what is near, 'depth' where for what is far.
        limits: (low, high), the network's values that become the ends of the range; None: the smallest and largest of
            each frame. Frames of their own range flicker: give limits wherever the network has a fixed scale.
        size: (height, width), or one number for both, of the network's input; None: the frame's own size.
        mean: Of each channel of frames in [0, 1].
        std: Of each channel of frames in [0, 1].
        output: Which output of the network, by number or name.

    Raises:
        ConfigError: An argument is out of its range, the file or what reads it is missing.
    """

    channels = 1
    margin = _WHOLE_FRAME
    exact_crop = False

    def __init__(self, model: str | None, kind: str = 'disparity', limits: Sequence[float] | None = None,
                 size: int | Sequence[int] | None = None, mean: Sequence[float] = IMAGENET_MEAN,
                 std: Sequence[float] = IMAGENET_STD, output: int | str = 0) -> None:
        self.model = ImageModel(model, size, mean, std, output)
        if kind not in ('disparity', 'depth'):
            raise ConfigError(f"kind={kind!r}: expected 'disparity' (large is near) or 'depth' (large is far)")
        self.kind = kind
        self.limits = None if limits is None else _parse_limits(limits)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> (T, H, W, 1) uint16, 0 far and 65535 near.

        Raises:
            ConfigError: The network cannot be run, or gives more than one map.
        """
        return map_frames(self._nearness, frames)

    def _nearness(self, frame: np.ndarray) -> np.ndarray:
        maps = self.model.run(frame)
        if len(maps) != 1:
            raise ConfigError(f'{self.model.path}: the network gives {len(maps)} maps; expected one; '
                              'choose another output')
        values = cv2.resize(maps[0].astype(np.float32), frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        finite = values[np.isfinite(values)]
        low, high = self.limits or (float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf)))
        unit = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
        unit = unit if self.kind == 'disparity' else 1 - unit
        return np.rint(np.nan_to_num(unit, nan=0.0) * _MOST).astype(np.uint16)  # no value: taken for far

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint16 -> (..., 1, H, W) float32 in [0, 1]."""
        return x.to(torch.float32) / _MOST


def _parse_limits(limits: Sequence[float]) -> tuple[float, float]:
    if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
        raise ConfigError(f'limits={limits!r}: expected (low, high), or None')
    low, high = (check_number(f'limits[{i}]', value) for i, value in enumerate(limits))
    if low >= high:
        raise ConfigError(f'limits={limits!r}: expected low < high')
    return low, high
