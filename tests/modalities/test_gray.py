"""Gray: BT.601 weights on RGB."""

import numpy as np

from photoreal.modalities import Gray
from photoreal.testing.modality import ModalityContract


class TestGray(ModalityContract):
    def make(self):
        return Gray()


def test_weights_are_those_of_rgb():
    frames = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)[None, None]
    assert Gray().compute(frames)[0, 0, :, 0].tolist() == [76, 150, 29, 255]
