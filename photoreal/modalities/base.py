"""What every modality is: how it is read or computed, and how the network sees it."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from torch import Tensor


class Modality(ABC):
    """A named per-frame map, recorded with the frames or computed from them, that the generator sees.

    Subclasses set the attributes below (as class attributes, or in ``__init__`` where they depend on arguments)
    and implement :meth:`compute` and :meth:`encode`. Register them with ``@MODALITIES.register_module()``.

    Attributes:
        channels: Channels of the encoded map.
        folder: Folder (or file stem of a video) of recorded maps beside ``frames``; None: computed from the frame.
        context: Frames before the current one that :meth:`compute` needs (an optical flow: 1).
        margin: Pixels around a crop that :meth:`compute` needs to give the same as on the whole frame.
        align: A crop handed to :meth:`compute` starts at multiples of this many pixels of the frame.
        exact_crop: Whether, margin and alignment kept, the map of a crop equals the crop of the map.
        raw: Recorded maps are read as they are stored (16 bits, palette indices) instead of as uint8 RGB.
        is_label: Values must not be mixed (categories, counts with a special meaning): resize by nearest neighbour.
    """

    channels: int
    folder: str | None = None
    context: int = 0
    margin: int = 0
    align: int = 1
    exact_crop: bool = True
    raw: ClassVar[bool] = False
    is_label: ClassVar[bool] = False

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """Parameters of :meth:`compute`, drawn once a clip.

        Args:
            rng: Source of randomness in training; None outside training, where the values are fixed.
        """
        return {}

    @abstractmethod
    def compute(self, frames: np.ndarray, **params: Any) -> np.ndarray:
        """Make the map that travels from the data worker to the device.

        Args:
            frames: (T, H, W, 3) uint8 RGB frames, the first up to ``context`` of them belonging to what came
                before; where ``folder`` is set: (T, H, W, c) the recorded maps as read.
            **params: What :meth:`sample` gave for this clip.

        Returns:
            (T, H, W, c) of uint8, uint16 or float32, as small as can be: a label map stays (T, H, W, 1) uint8.
            One map a frame; those of frames with fewer than ``context`` frames before them need not be complete.

        Raises:
            ValueError: A recorded map holds a value that the modality does not know. The dataset adds the file.
        """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Make what the network sees, on the model's device.

        Args:
            x: (..., c, H, W) as :meth:`compute` made it, channels first.

        Returns:
            (..., channels, H, W) float32.
        """

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, c), recorded ones as stored or computed ones, left to right.

        Override where values mirror too (normals, motion).
        """
        return maps[:, :, ::-1]
