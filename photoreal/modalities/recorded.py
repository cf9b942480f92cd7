"""Maps that were recorded with the frames: images of any kind, depth, normals, and other buffers of an engine."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_folder, check_number
from photoreal.modalities.base import Modality, to_picture
from photoreal.modalities.images import gray, map_frames, to_unit
from photoreal.registry import MODALITIES

# How far apart the channels of a gray picture may be that went through a lossy codec.
_GRAY_TOLERANCE = 16


@MODALITIES.register_module()
class ImageFolder(Modality):
    """Any recorded 8-bit picture: albedo, shading, another program's edges. The network sees its values / 255.

    Pictures are mirrored as pictures are. Where values mirror too (normals), derive from it and override ``flip``.

    Args:
        folder: Name of the folder (or video without its suffix) beside ``frames``.
        channels: 3 for RGB, 1 for the luma alone.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    def __init__(self, folder: str, channels: int = 3) -> None:
        if channels not in (1, 3):
            raise ConfigError(f'channels={channels!r}: expected 3 (RGB) or 1 (gray)')
        self.folder = check_folder(folder)
        self.channels = channels

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB as read -> (T, H, W, channels) uint8."""
        return frames if self.channels == 3 else map_frames(gray, frames)

    def encode(self, x: Tensor) -> Tensor:
        """(..., channels, H, W) uint8 -> the same as float32 in [0, 1]."""
        return to_unit(x)


@MODALITIES.register_module()
class Depth(Modality):
    """Recorded distance from the camera, 8 or 16 bits, brought to [0, 1] between a near and a far plane.

    Distances beyond the planes are taken for the planes themselves, pixels without a distance for far.

    Args:
        folder: Name of the folder (or video without its suffix) beside ``frames``.
        near: Distance of the near plane in metres, greater than 0.
        far: Distance of the far plane in metres, greater than ``near``.
        unit: Metres a count of the file: 0.01 for centimetres, 0.001 for millimetres.
        invalid: Count that stands for "no distance", such as the sky; None: every count is a distance.
        inverse: The network sees 1/distance, which gives what is close its share of the range: 1 is near, 0 is far.
            Otherwise distance itself: 0 is near, 1 is far.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 1
    raw = True
    is_label = True  # half of a distance and half of "no distance" would be a distance at which nothing is

    def __init__(self, folder: str = 'depth', near: float = 2.0, far: float = 200.0, unit: float = 0.01,
                 invalid: int | None = 0, inverse: bool = True) -> None:
        self.folder = check_folder(folder)
        self.near, self.far = check_number('near', near), check_number('far', far)
        if not 0 < self.near < self.far:
            raise ConfigError(f'near={near!r}, far={far!r}: expected 0 < near < far, in metres')
        self.unit = check_number('unit', unit)
        if self.unit <= 0:
            raise ConfigError(f'unit={unit!r}: expected metres a count, greater than 0, such as 0.01 for centimetres')
        self.invalid = None if invalid is None else check_number('invalid', invalid, 0, 65535, integer=True)
        self.inverse = bool(inverse)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, c) uint8 or uint16 as read, c = 1, or 3 or 4 of gray -> (T, H, W, 1) of the same type.

        Raises:
            ValueError: The maps are of another type, or have colours.
        """
        if frames.dtype not in (np.uint8, np.uint16):
            raise ValueError(f'depth is stored as {frames.dtype}: expected 8- or 16-bit whole numbers; '
                             'save it as a 16-bit PNG')
        colour = frames[..., :3]
        if colour.shape[-1] == 3 and (colour.max(-1) - colour.min(-1)).max() > _GRAY_TOLERANCE:
            raise ValueError('depth is stored in colours, which have no order: expected one channel; save counts '
                             "instead of a colour map, or read it as type='ImageFolder'")
        return frames[..., :1]

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 or uint16 -> (..., 1, H, W) float32 in [0, 1]."""
        counts = x.to(torch.float32)
        metres = (counts * self.unit).clamp(self.near, self.far)
        if self.invalid is not None:
            metres = metres.masked_fill(counts == self.invalid, self.far)
        if self.inverse:
            unit = (1 / metres - 1 / self.far) / (1 / self.near - 1 / self.far)
        else:
            unit = (metres - self.near) / (self.far - self.near)
        return unit.clamp(0, 1)  # rounding leaves the far plane a hair outside

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., 1, H, W) -> (..., H, W, 3) uint8 RGB: warm is near and cold is far, whichever way it is encoded."""
        nearness = to_picture(encoded if self.inverse else 1 - encoded)[..., 0]
        flat = cv2.applyColorMap(nearness.reshape(-1, nearness.shape[-1]), cv2.COLORMAP_TURBO)  # (... * H, W, 3)
        return cv2.cvtColor(flat, cv2.COLOR_BGR2RGB).reshape(*nearness.shape, 3)


@MODALITIES.register_module()
class Normals(Modality):
    """Recorded surface normals in view space: x to the right, stored as (n + 1) * 127.5 in RGB of 8 bits.

    The network sees n, and 0 in all channels where nothing is: pixels that are stored as black.

    Args:
        folder: Name of the folder (or video without its suffix) beside ``frames``.

    Raises:
        ConfigError: The folder is no plain name.
    """

    channels = 3
    is_label = True  # half of a normal and half of nothing would be a normal

    def __init__(self, folder: str = 'normal') -> None:
        self.folder = check_folder(folder)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 as read -> the same."""
        return frames

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 -> the same as float32 in [-1, 1]."""
        there = (x != 0).any(dim=-3, keepdim=True)
        return (x.to(torch.float32) / 127.5 - 1) * there

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, 3) left to right: what faces left faces right."""
        maps = maps[:, :, ::-1].copy()
        maps[..., 0] = np.where(maps.any(-1), 255 - maps[..., 0], 0)
        return maps

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., 3, H, W) -> (..., H, W, 3) uint8 RGB as stored, grey where nothing is."""
        return to_picture((encoded + 1) / 2)


@MODALITIES.register_module()
class GBuffer(Modality):
    """Any recorded buffer of an engine, 8 or 16 bits: albedo, roughness, metalness, reflections; 0 where it has none.

    The network sees its values between the ends of ``limits`` as 0 to 1 and, in one more channel, a 1 where there are
    any: "no value" and "the smallest value" are then told apart.

    Args:
        folder: Name of the folder (or video without its suffix) beside ``frames``.
        channels: 3, or 1 for the first channel alone.
        limits: (low, high), the counts that become 0 and 1; None: the whole range of 8 or 16 bits.
        void: Pixels that hold this count in all channels have no value; None: all have one.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    raw = True
    is_label = True  # half of a value and half of none would be another value

    def __init__(self, folder: str, channels: int = 3, limits: Sequence[int] | None = None,
                 void: int | None = 0) -> None:
        if channels not in (1, 3):
            raise ConfigError(f'channels={channels!r}: expected 3, or 1 for the first channel alone')
        self.folder = check_folder(folder)
        self.channels = channels + 1
        self.limits = None if limits is None else _parse_limits(limits)
        self.void = None if void is None else check_number('void', void, 0, 65535, integer=True)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, c) uint8 or uint16 as read -> (T, H, W, channels) of the same type, the last one 0 or 1.

        Raises:
            ValueError: The maps are of another type, or have too few channels.
        """
        count = self.channels - 1
        if frames.dtype not in (np.uint8, np.uint16) or frames.shape[-1] < count:
            raise ValueError(f'the buffer is stored as {frames.shape[-1]} channels of {frames.dtype}: expected {count} '
                             'of 8 or 16 bits; save it as such a PNG, or set channels')
        values = frames[..., :count]
        there = np.ones(values.shape[:3], bool) if self.void is None else (values != self.void).any(-1)
        return np.concatenate([values * there[..., None], there[..., None].astype(values.dtype)], axis=-1)

    def encode(self, x: Tensor) -> Tensor:
        """(..., channels, H, W) uint8 or uint16 -> the same as float32 in [0, 1]."""
        low, high = self.limits or (0, 255 if x.dtype == torch.uint8 else 65535)
        x = x.to(torch.float32)
        there = x[..., -1:, :, :]
        return torch.cat([((x[..., :-1, :, :] - low) / (high - low)).clamp(0, 1) * there, there], dim=-3)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., channels, H, W) -> (..., H, W, 3) uint8 RGB of the values, black where there are none."""
        return to_picture(encoded[..., :-1, :, :])


def _parse_limits(limits: Sequence[int]) -> tuple[int, int]:
    if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
        raise ConfigError(f'limits={limits!r}: expected (low, high), or None')
    low, high = (check_number(f'limits[{i}]', value, 0, 65535, integer=True) for i, value in enumerate(limits))
    if low >= high:
        raise ConfigError(f'limits={limits!r}: expected low < high')
    return low, high
