"""Which frames of a video, and which part of them, a comparison with ground truth takes in."""

from dataclasses import dataclass

import numpy as np

from photoreal.errors import ConfigError
from photoreal.registry import suggest
from photoreal.structures import FrameInfo


@dataclass(frozen=True)
class Protocol:
    """The published rules of one evaluation.

    Attributes:
        skip: Frames left out at the beginning and at the end of each video.
        border: Pixels that the crop leaves out at the least, on each of the four sides.
        multiple: The sides of the crop are multiples of this many pixels.
    """

    skip: int
    border: int
    multiple: int

    def covers(self, info: FrameInfo) -> bool:
        """Whether the frame counts."""
        return self.skip <= info['index'] < info['length'] - self.skip

    def crop(self, image: np.ndarray) -> np.ndarray:
        """The part of an image (H, W) or (H, W, C) that counts, as a view.

        Raises:
            ValueError: The image is too small to leave anything.
        """
        rows, columns = (self._span(side) for side in image.shape[:2])
        return image[rows, columns]

    def _span(self, side: int) -> slice:
        kept = (side - 2 * self.border) // self.multiple * self.multiple
        if kept < 1:
            raise ValueError(f'a side of {side} pixels is too short for this protocol: expected at least '
                             f"{2 * self.border + self.multiple}; take larger frames, or protocol='plain'")
        start = (side - kept) // 2
        return slice(start, start + kept)


PROTOCOLS = {
    'plain': Protocol(skip=0, border=0, multiple=1),
    'tecogan': Protocol(skip=2, border=8, multiple=32),
}


def get_protocol(name: str) -> Protocol:
    """The protocol called ``name``: ``plain`` (all frames, whole) or ``tecogan`` (the TecoGAN authors' evaluation).

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f'no evaluation protocol is called {name!r}{suggest(str(name), PROTOCOLS)}')
    return PROTOCOLS[name]
