"""Perceptual loss: prediction and target, or render, must look alike to a network trained on photographs.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer", ECCV 2016 (arXiv 1603.08155); the cosine form is
TecoGAN's (arXiv 1811.09393).
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
class PerceptualLoss(Loss):
    """Distance of deep features, summed over layers.

    Args:
        backbone: 'squeezenet1_1' (comes with the package) or 'vgg19' (torchvision's weights).
        layers: Names of layers of the backbone ('relu3_4', 'fire4', ...); None: the backbone's usual ones.
        layer_weights: Factor of each layer; None: 1 for all.
        kind: 'cosine' (1 - cosine similarity of the feature vectors at each place) or 'l1'.
        against: 'target', or 'frames': what the prediction is compared with. Of virtual clips the frames are the
            render: deep layers then hold what it shows, and leave free how.
        weights: Path of the backbone's weights; None: see :func:`photoreal.models.features.find_weights`.
        weight: Factor of the result.

    Raises:
        ConfigError: Unknown backbone, layer, kind or ``against``.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, backbone: str = 'squeezenet1_1', layers: Sequence[str] | None = None,
                 layer_weights: Sequence[float] | None = None, kind: str = 'cosine', weights: str | None = None,
                 weight: float = 0.2, against: str = 'target') -> None:
        super().__init__(weight)
        if kind not in ('cosine', 'l1'):
            raise ConfigError(f"PerceptualLoss: kind='{kind}': expected 'cosine' or 'l1'")
        if against not in ('target', 'frames'):
            raise ConfigError(f"PerceptualLoss: against='{against}': expected 'target' or 'frames'")
        self.features = build_features(backbone, layers, weights)
        named = tuple(layers or self.features.layers)
        layer_weights = tuple(layer_weights or [1.0] * len(named))
        if len(layer_weights) != len(named):
            raise ConfigError(f'PerceptualLoss: layer_weights has {len(layer_weights)} entries for {len(named)} layers '
                              f'{named}')
        weight_of = dict(zip(named, layer_weights))  # the net gives its layers from shallow to deep
        self.layer_weights = tuple(weight_of[layer] for layer in self.features.layers)
        self.kind, self.against = kind, against

    def forward(self, context: ClipContext) -> Tensor:
        pred = context.need('pred', 'PerceptualLoss').flatten(0, 1)  # (N*T, 3, H, W)
        target = context.need(self.against, 'PerceptualLoss').flatten(0, 1)
        with torch.no_grad():
            wanted = self.features(target)
        terms = [weight * self._distance(a, b)
                 for a, b, weight in zip(self.features(pred), wanted, self.layer_weights, strict=True)]
        return self.weight * sum(terms)

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        a, b = wide(a), wide(b)  # near 1 a cosine in bfloat16 has steps of 0.004
        return F.l1_loss(a, b) if self.kind == 'l1' else (1 - F.cosine_similarity(a, b, dim=1)).mean()
