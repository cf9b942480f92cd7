"""From what the data workers deliver to what the networks see, on the model's device."""

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from photoreal.modalities import Modality, build_modalities
from photoreal.structures import ConditionLayout


class ClipPreprocessor(BaseDataPreprocessor):
    """Move a batch to the device, encode each modality there, and lay them side by side as the condition.

    Args:
        modalities: Name -> config of a modality, in the order of the condition's channels.
        image: Name of the modality that is the 3-channel degraded frame; None where there is none.

    Attributes:
        layout: Which channels of the condition belong to which modality.

    Raises:
        ConfigError: A modality cannot be built, or ``image`` names none of 3 channels.
    """

    def __init__(self, modalities: dict[str, dict | Modality], image: str | None = None) -> None:
        super().__init__(non_blocking=True)
        self.modalities = build_modalities(modalities)
        self.layout = ConditionLayout.from_channels({k: m.channels for k, m in self.modalities.items()}, image)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Replace ``maps`` by ``condition`` (N, T, C, H, W), or (N, C, H, W) for single frames.

        ``target`` becomes float32 in [0, 1]; everything else is passed on as it is, on the device.
        """
        data = self.cast_data(data)
        maps = data.pop('maps')
        data['condition'] = torch.cat([m.encode(maps[name]) for name, m in self.modalities.items()], dim=-3)
        if 'target' in data:
            data['target'] = data['target'].float() / 255
        return data

    def labels(self, maps: dict[str, Tensor]) -> Tensor | None:
        """Of ``maps``, the first that holds a class for each pixel, (..., 1, H, W) uint8; None where there is none."""
        found = (maps[name] for name, m in self.modalities.items() if m.is_label and m.channels > 1)
        return next((m for m in found if m.dtype == torch.uint8 and m.shape[-3] == 1), None)

    def image(self, condition: Tensor) -> Tensor | None:
        """The degraded frame (..., 3, H, W) within a condition (..., C, H, W)."""
        at = self.layout.image_slice
        return None if at is None else condition[..., at, :, :]
