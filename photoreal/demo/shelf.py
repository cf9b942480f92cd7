"""Finished frames on disk, with all that they are blended from, so that they can be blended anew at once."""

from pathlib import Path

import cv2
import numpy as np

from photoreal.datasets.pictures import decode_picture
from photoreal.datasets.writers import write_image
from photoreal.inference import Layers
from photoreal.inference.control import fit
from photoreal.look import Look


class Shelf:
    """The layers of a video's frames. Pictures are JPEGs, which is what visitors are shown anyhow.

    Args:
        folder: Where they lie.
        look: What the generator saw frames through; None: nothing.
    """

    def __init__(self, folder: Path, look: Look | None) -> None:
        self._folder, self._look = folder, look
        self._reach: list[int] = []  # of each frame: with how many before it it shares a scene, and itself

    def __len__(self) -> int:
        return len(self._reach)

    @property
    def labelled(self) -> bool:
        """Whether classes are known."""
        return any(self._reach)

    def picture(self, kind: str, index: int) -> Path:
        """A frame of the 'input', or of the 'prediction' as the generator made it."""
        return self._folder / kind / f'{index:05d}.jpg'

    def put(self, layers: Layers) -> None:
        """Add the next frame."""
        index = len(self)
        write_image(self.picture('input', index), fit(layers.frame, layers.pred.shape[:2]))
        write_image(self.picture('prediction', index), layers.pred)
        if layers.doubt is not None:
            write_image(self._map('doubt', index), np.rint(255 * layers.doubt).astype(np.uint8))
        if layers.labels:
            write_image(self._map('classes', index), layers.labels[0])
        self._reach.append(len(layers.labels))

    def get(self, index: int) -> Layers:
        """A frame that was added."""
        frame, pred = (decode_picture(self.picture(kind, index), False, None)[1] for kind in ('input', 'prediction'))
        before = decode_picture(self.picture('input', index - 1), False, None)[1] if index else None
        doubt = self._map('doubt', index)
        labels = [self._read_map('classes', index - age) for age in range(self._reach[index])]
        return Layers(frame, frame if self._look is None else self._look.apply(frame), pred, index,
                      self._read_map('doubt', index).astype(np.float32) / 255 if doubt.exists() else None, labels,
                      before=before)

    def _map(self, kind: str, index: int) -> Path:
        return self._folder / kind / f'{index:05d}.png'

    def _read_map(self, kind: str, index: int) -> np.ndarray:
        """(h, w) uint8."""
        return cv2.imdecode(np.frombuffer(self._map(kind, index).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
