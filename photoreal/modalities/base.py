"""What every modality is: how it is read or computed, and how the network sees it."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import cv2
import numpy as np
from torch import Tensor

from photoreal.modalities.images import shrink


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
        directed: Whether values depend on which way time runs (motion): recorded ones then fit forward clips alone.
        raw: Recorded maps are read as they are stored (16 bits, palette indices) instead of as uint8 RGB.
        is_label: Values must not be mixed (categories, counts with a special meaning): resize by nearest neighbour.
        motion_unit: Of a map whose first two channels are backward flow: how many pixels a value of 1 is; 0 of others.
        num_classes: Of a map that holds a class for each pixel as uint8, 255 for none; 0 of all others.
    """

    channels: int
    folder: str | None = None
    context: int = 0
    margin: int = 0
    align: int = 1
    exact_crop: bool = True
    directed: bool = False
    num_classes: int = 0
    motion_unit: float = 0.0
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

    def shrink(self, maps: np.ndarray, scale: int) -> np.ndarray:
        """Bring frames, or recorded maps, to the condition's size, where predictions are larger than the condition.

        Means of blocks; of labels the pixels at the blocks' centres. Override where the way from large to small is
        itself the modality; ``margin`` must cover what it looks at. What is small already is never shrunk: a virtual
        video, and all video at scale 1.

        Args:
            maps: (T, H*s, W*s, c) as read.
            scale: The factor s.

        Returns:
            (T, H, W, c) of the same type.
        """
        # What is computed from frames is given frames here, whatever it makes of them.
        return shrink(maps, scale, nearest=self.is_label and self.folder is not None)

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, c), recorded ones as stored or computed ones, left to right.

        Override where values mirror too (normals, motion).
        """
        return maps[:, :, ::-1]

    def show(self, encoded: Tensor) -> np.ndarray:
        """Make a picture, for people, of what the network sees.

        Three channels are shown as they are, one in grey, any other number by the colour of the strongest channel,
        black where all are 0. Override where that tells little.

        Args:
            encoded: (..., channels, H, W) as :meth:`encode` made it; values outside [0, 1] are clipped.

        Returns:
            (..., H, W, 3) uint8 RGB.
        """
        if self.channels in (1, 3):
            return to_picture(encoded)
        return colour_classes(encoded, class_colours(self.channels))


def to_picture(x: Tensor) -> np.ndarray:
    """(..., 1 or 3, H, W) in [0, 1] -> (..., H, W, 3) uint8; one channel becomes grey."""
    pixels = x.detach().float().clamp(0, 1).mul(255).round().byte().movedim(-3, -1).cpu().numpy()
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def class_colours(count: int) -> np.ndarray:
    """``count`` colours that are easy to tell apart: (count, 3) uint8 RGB."""
    number = np.arange(count)
    hue = number * 0.618034 % 1 * 180  # the golden ratio keeps neighbours in number apart in hue
    value = np.where(number % 2, 170, 240)
    hsv = np.stack([hue, np.full(count, 190), value], axis=-1).astype(np.uint8)
    return cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]


def colour_classes(x: Tensor, colours: np.ndarray) -> np.ndarray:
    """The strongest channel's colour, black where all are 0: (..., K, H, W), colours (K, 3) -> (..., H, W, 3) uint8."""
    strength, index = x.detach().max(dim=-3)
    picture = colours[index.cpu().numpy()]
    picture[(strength <= 0).cpu().numpy()] = 0
    return picture
