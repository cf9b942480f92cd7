"""PatchNCE: each place of the prediction must show what the source frame shows there, and not what it shows elsewhere.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020 (arXiv 2007.15651), eq. 3, on the
features of a network trained on photographs instead of the generator's own, which generators here need not have.
Legend: N batch, T time, c channels, P patches.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext


@LOSSES.register_module()
class PatchNCELoss(Loss):
    """Hold what the source frames show, and leave free how: it serves on virtual clips, which have no target.

    Args:
        backbone: Network of :mod:`photoreal.models.features`; 'squeezenet1_1' comes with the package.
        layers: Names of its layers, the mean over which is taken.
        temperature: Divisor of the similarities, as published.
        grid: Patches along each side: features are averaged to so many, or are fewer. 16 gives the published 256.
        weights: Path of the backbone's weights, where it does not come with the package.
        weight: Factor of the result.

    Raises:
        ConfigError: An argument is out of range, or unknown.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, backbone: str = 'squeezenet1_1', layers: Sequence[str] = ('fire3', 'fire5'),
                 temperature: float = 0.07, grid: int = 16, weights: str | None = None, weight: float = 0.1) -> None:
        super().__init__(weight)
        if temperature <= 0 or grid < 2:
            raise ConfigError(f'PatchNCELoss: temperature={temperature}, grid={grid}: expected a temperature above 0 '
                              'and a grid of 2 or more')
        self.features = build_features(backbone, layers, weights)
        self.temperature, self.grid = temperature, grid

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'PatchNCELoss').flatten(0, 1)  # (N*T, 3, H, W)
        frames = context.need('frames', 'PatchNCELoss').flatten(0, 1)
        with torch.no_grad():
            shown = self.features(frames)
        terms = [self._layer(query, key) for query, key in zip(self.features(pred), shown, strict=True)]
        return self.weight * torch.stack(terms).mean()

    def _layer(self, query: Tensor, key: Tensor) -> Tensor:
        query, key = self._patches(query), self._patches(key)  # (N*T, P, c)
        likeness = query @ key.transpose(1, 2) / self.temperature  # (N*T, P, P)
        same = torch.arange(likeness.shape[1], device=likeness.device).expand(len(likeness), -1)
        return F.cross_entropy(likeness.flatten(0, 1), same.flatten())

    def _patches(self, features: Tensor) -> Tensor:
        """Unit vectors (N*T, P, c) of features (N*T, c, h, w)."""
        size = [min(self.grid, side) for side in features.shape[-2:]]
        return F.normalize(F.adaptive_avg_pool2d(wide(features), size).flatten(2).transpose(1, 2), dim=2)
