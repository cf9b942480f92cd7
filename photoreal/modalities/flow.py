"""Motion: recorded by an engine, or estimated from the frames."""

import cv2
import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_folder, check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import gray
from photoreal.registry import MODALITIES

_MOST = 65535
_SMALLEST = 32  # pixels a side that the estimator needs
PRESETS = {'ultrafast': cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST, 'fast': cv2.DISOPTICAL_FLOW_PRESET_FAST,
           'medium': cv2.DISOPTICAL_FLOW_PRESET_MEDIUM}


@MODALITIES.register_module()
class Flow(Modality):
    """Backward flow, how far from here each pixel was in the frame before, as (dx, dy) / ``limit`` and a 1 where known.

    Recorded flow, such as an engine's motion vectors, is stored as in KITTI: PNG of 16 bits with dx, dy (to the right
    and downward) and, last, 0 where it is not known; a count is 1/64 pixel and 32768 is rest. Without a folder it is
    estimated from luma by Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016. Take the same for
    both domains where you can. The first frame of a video has none.

    A recorded flow tells what changed since the frame before; so clips must run forward, frame by frame, and no loss
    may have them run back.

    Args:
        folder: Name of the folder beside ``frames``; None: estimated.
        limit: Pixels of the condition that the network sees as 1; what moves further is taken for that.
        unit: Pixels a count of the file.
        zero: The count of what rests.
        negate: Whether the file tells where pixels are now minus where they were, as engines do.
        preset: Of the estimator: 'medium', 'fast' or 'ultrafast', which take about 17, 4 and 2.5 ms for a frame of
            448x256 on one core.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    channels = 3
    raw = True
    directed = True
    exact_crop = False

    def __init__(self, folder: str | None = None, limit: float = 32.0, unit: float = 1 / 64, zero: int = 32768,
                 negate: bool = False, preset: str = 'medium') -> None:
        self.folder = None if folder is None else check_folder(folder)
        self.is_label = self.exact_crop = folder is not None
        self.limit, self.unit = check_number('limit', limit), check_number('unit', unit)
        if min(self.limit, self.unit) <= 0:
            raise ConfigError(f'limit={limit!r}, unit={unit!r}: expected pixels, greater than 0')
        self.motion_unit = self.limit
        self.zero = check_number('zero', zero, 0, _MOST, integer=True)
        self.negate = bool(negate)
        if preset not in PRESETS:
            raise ConfigError(f'preset={preset!r}: expected one of {list(PRESETS)}')
        self.preset = PRESETS[preset]
        if folder is None:
            self.context, self.margin = 1, 32

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB, or uint16 as stored -> (T, H, W, 3) uint16 counts and, last, 0 or 1.

        Raises:
            ValueError: The maps are not stored so.
        """
        if self.folder is None:
            return self._estimate(frames)
        if frames.dtype != np.uint16 or frames.shape[-1] != 3:
            raise ValueError(f'flow is stored as {frames.shape[-1]} channels of {frames.dtype}: expected three of '
                             'uint16, dx, dy and whether it is known; save it as KITTI does')
        maps = frames.copy()
        maps[..., 2] = frames[..., 2] != 0
        if self.negate:
            maps[..., :2] = self._negative(frames[..., :2])
        return maps

    def encode(self, x: Tensor) -> Tensor:
        """(..., 3, H, W) uint16 -> (..., 3, H, W) float32: dx and dy in [-1, 1], 0 where not known, and 1 or 0."""
        x = x.to(torch.float32)
        known = x[..., 2:, :, :]
        motion = ((x[..., :2, :, :] - self.zero) * (self.unit / self.limit)).clamp(-1, 1)
        return torch.cat([motion * known, known], dim=-3)

    def shrink(self, maps: np.ndarray, scale: int) -> np.ndarray:
        """(T, H*s, W*s, 3) -> (T, H, W, 3): recorded flow becomes shorter as well."""
        small = super().shrink(maps, scale)
        if self.folder is None or scale == 1:
            return small
        small = small.copy()
        small[..., :2] = np.rint((small[..., :2] - float(self.zero)) / scale + self.zero)
        return small

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, 3) left to right: what went left goes right."""
        maps = maps[:, :, ::-1].copy()
        maps[..., 0] = self._negative(maps[..., 0])
        return maps

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., 3, H, W) -> (..., H, W, 3) uint8 RGB: the direction as hue, the distance as strength."""
        dx, dy, known = encoded.detach().float().movedim(-3, 0).cpu().numpy()
        hue = (np.arctan2(dy, dx) % (2 * np.pi)) * (90 / np.pi)
        strength = np.clip(np.hypot(dx, dy), 0, 1)**0.5 * 255
        hsv = np.stack([np.minimum(hue, 179), strength, 255 * known], axis=-1).astype(np.uint8)
        return cv2.cvtColor(hsv.reshape(1, -1, 3), cv2.COLOR_HSV2RGB).reshape(hsv.shape)

    def _negative(self, counts: np.ndarray) -> np.ndarray:
        """The opposite of each; of the few that have none in 16 bits, themselves."""
        other = 2 * self.zero - counts.astype(np.int32)
        return np.where((other >= 0) & (other <= _MOST), other, counts).astype(np.uint16)

    def _estimate(self, frames: np.ndarray) -> np.ndarray:
        maps = np.full(frames.shape, self.zero, np.uint16)
        maps[0, ..., 2] = 0
        if len(frames) == 1:
            return maps
        height, width = frames.shape[1:3]
        below, right = max(0, _SMALLEST - height), max(0, _SMALLEST - width)
        luma = [cv2.copyMakeBorder(gray(frame), 0, below, 0, right, cv2.BORDER_REPLICATE) for frame in frames]
        estimator = cv2.DISOpticalFlow_create(self.preset)
        for i in range(1, len(frames)):
            flow = estimator.calc(luma[i], luma[i - 1], None)[:height, :width]  # (H, W, 2)
            maps[i, ..., :2] = np.rint(np.clip(flow / self.unit + self.zero, 0, _MOST))
            maps[i, ..., 2] = 1
        return maps
