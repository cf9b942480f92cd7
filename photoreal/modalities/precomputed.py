"""Maps that were computed beforehand, by the same class that would compute them from the frame."""

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_folder
from photoreal.modalities.base import Modality
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class Precomputed(Modality):
    """Reads from a folder what another modality computed there; ``tools/prepare_data.py --config`` fills the folder.

    At scale 1 the network sees bit for bit what it would see if ``of`` were computed with its fixed parameters. What
    is random in ``of`` is random no more: in training every clip has the same strength. At a larger scale the map of
    the whole frame is shrunk, instead of being computed on the shrunk frame.

    Args:
        folder: Name of the folder beside ``frames``.
        of: The modality, or its config, that computed the maps.

    Raises:
        ConfigError: ``of`` is no modality, or one that is itself read from a folder.
    """

    raw = True

    def __init__(self, folder: str, of: dict | Modality) -> None:
        self.folder = check_folder(folder)
        if not isinstance(of, Modality):
            if not isinstance(of, dict) or 'type' not in of:
                raise ConfigError(f"of={of!r}: expected the config of a modality, such as of=dict(type='Edges')")
            of = MODALITIES.build(of)
        if of.folder is not None:
            raise ConfigError(f"of={type(of).__name__} is itself read from the folder '{of.folder}': "
                              'expected a modality that is computed from frames; use that one alone')
        self.of = of
        self.channels = of.channels
        self.is_label, self.directed = of.is_label, of.directed
        self.num_classes, self.motion_unit = of.num_classes, of.motion_unit

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, c) as read -> the same.

        Raises:
            ValueError: The maps have not as many channels as ``of`` makes.
        """
        blank = torch.from_numpy(np.zeros((frames.shape[-1], 1, 1), frames.dtype))
        if self.of.encode(blank).shape[0] != self.channels:
            raise ValueError(f'the map has {frames.shape[-1]} channels, which is not what {type(self.of).__name__} '
                             'makes; compute the folder anew with tools/prepare_data.py')
        return frames

    def encode(self, x: Tensor) -> Tensor:
        """(..., c, H, W) -> (..., channels, H, W) float32, as ``of`` does."""
        return self.of.encode(x)

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, c) left to right, as ``of`` does."""
        return self.of.flip(maps)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., channels, H, W) -> (..., H, W, 3) uint8 RGB, as ``of`` does."""
        return self.of.show(encoded)
