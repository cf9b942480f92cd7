"""Colour statistics of a video or a domain, from histograms that can be added up."""

import cv2
import numpy as np

from photoreal.modalities.images import gray

CHANNELS = ('red', 'green', 'blue', 'luma', 'saturation')
_PIXELS = 20_000  # looked at in a frame


class ColourStatistics:
    """Histograms of red, green, blue, luma and saturation, on a grid of about 20,000 pixels a frame.

    Attributes:
        counts: (5, 256) pixels by channel (:data:`CHANNELS`) and value.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((len(CHANNELS), 256), np.int64)

    def add(self, frame: np.ndarray) -> None:
        """Take in a frame: (H, W, 3) uint8 RGB."""
        step = max(1, round((frame.shape[0] * frame.shape[1] / _PIXELS) ** 0.5))
        some = np.ascontiguousarray(frame[::step, ::step])
        saturation = cv2.cvtColor(some, cv2.COLOR_RGB2HSV)[..., 1]
        for row, values in zip(self.counts, [*np.moveaxis(some, -1, 0), gray(some), saturation]):
            row += np.bincount(values.ravel(), minlength=256)

    def merge(self, other: 'ColourStatistics') -> None:
        """Add what another has seen."""
        self.counts += other.counts

    @property
    def mean(self) -> dict[str, float]:
        """Channel -> mean in [0, 1]; 0 where nothing was seen."""
        return dict(zip(CHANNELS, (self._shares() @ np.arange(256) / 255).tolist()))

    @property
    def std(self) -> dict[str, float]:
        """Channel -> standard deviation in [0, 1]."""
        values, shares = np.arange(256) / 255, self._shares()
        return dict(zip(CHANNELS, np.sqrt(np.maximum(0, shares @ values**2 - (shares @ values)**2)).tolist()))

    @property
    def clipped(self) -> float:
        """Part of the pixels whose luma is black or white, 0 to 1."""
        luma = self._shares()[CHANNELS.index('luma')]
        return float(luma[:2].sum() + luma[-2:].sum())

    def curve(self, channel: str, bins: int = 64) -> np.ndarray:
        """(bins,) share of the pixels, which sums to 1."""
        return self._shares()[CHANNELS.index(channel)].reshape(bins, -1).sum(axis=1)

    def _shares(self) -> np.ndarray:
        return self.counts / np.maximum(1, self.counts.sum(axis=1, keepdims=True))
