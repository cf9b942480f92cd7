"""The perceptual ensemble of discriminators: frozen features at several depths, each judged by a small network.

Richter et al., "Enhancing Photorealism Enhancement", TPAMI 2022 (arXiv 2105.04619), section 3.3. It is told what the
scene shows by projection (Miyato and Koyama, "cGANs with Projection Discriminator", ICLR 2018, arXiv 1802.05637): a
look is only real where it belongs. Legend: N batch, T time, C condition channels, c channels, h height, w width.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.models.discriminators.base import Discriminator, spectrally_normed
from photoreal.models.features import build_features
from photoreal.models.layers import conv3x3
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


class Judge(nn.Module):
    """One logit for each place of a feature map, which depends on the condition there by an inner product."""

    def __init__(self, channels: int, in_channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(conv3x3(a, width), nn.LeakyReLU(0.2, inplace=True))
                                     for a in (channels, width)])
        self.head = nn.Conv2d(width, 1, 1)
        self.embed = nn.Conv2d(in_channels, width, 1, bias=False) if in_channels else None

    def forward(self, x: Tensor, condition: Tensor | None) -> Score:
        """Features (N*T, c, h, w) and the condition at their size (N*T, C, h, w) -> logits (N*T, 1, h, w)."""
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        logits = self.head(x)
        if self.embed is not None:
            logits = logits + (self.embed(condition) * x).mean(1, keepdim=True)
        return Score(logits, features)


@DISCRIMINATORS.register_module()
class PerceptualDiscriminator(Discriminator):
    """Judge single frames by what a network trained on photographs sees in them; one score a layer.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        backbone: Network of :mod:`photoreal.models.features`; 'squeezenet1_1' comes with the package.
        layers: Names of its layers; None: its usual ones.
        weights: Path of its weights, where it does not come with the package.
        width: Channels of the small networks.
        conditional: Whether the condition is projected on.
        spectral: Whether the small networks' weights are divided by their spectral norm.

    Raises:
        ConfigError: Unknown backbone or layer.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, in_channels: int, scale: int = 1, backbone: str = 'squeezenet1_1',
                 layers: Sequence[str] | None = None, weights: str | None = None, width: int = 64,
                 conditional: bool = True, spectral: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.features = build_features(backbone, layers, weights)
        with torch.no_grad():
            channels = [found.shape[1] for found in self.features(torch.zeros(1, 3, 64, 64))]
        self.judges = nn.ModuleList([Judge(c, in_channels if conditional else 0, width) for c in channels])
        if spectral:
            spectrally_normed(self.judges)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        condition = context.condition.flatten(0, 1)  # (N*T, C, H, W)
        scores = []
        for judge, found in zip(self.judges, self.features(clip.flatten(0, 1)), strict=True):
            found = found / (found.square().mean(1, keepdim=True) + 1e-6).sqrt()  # layers differ a lot in strength
            there = None if judge.embed is None else F.adaptive_avg_pool2d(condition, found.shape[-2:])
            scores.append(judge(found, there))
        return scores
