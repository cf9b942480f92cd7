"""The multi-scale patch discriminator of pix2pixHD: the same question at several sizes of the frame.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", CVPR 2018 (arXiv
1711.11585), section 3.2; patches: Isola et al., CVPR 2017 (arXiv 1611.07004).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.discriminators.base import Discriminator, beside_condition, check_side, spectrally_normed
from photoreal.models.layers import Upsample
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


class PatchTrunk(nn.Module):
    """Three halvings and a layer more: one logit for each patch, and four feature maps."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        widths, strides = [in_channels, width, 2 * width, 4 * width, 8 * width], (2, 2, 2, 1)
        self.layers = nn.ModuleList([
            nn.Sequential(nn.Conv2d(a, b, 4 if stride == 2 else 3, stride, padding=1), nn.LeakyReLU(0.2, inplace=True))
            for a, b, stride in zip(widths, widths[1:], strides)])
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Score:
        """(N, in_channels, H, W) -> logits (N, 1, H/8, W/8)."""
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Score(self.head(x), features)


@DISCRIMINATORS.register_module()
class MultiScaleDiscriminator(Discriminator):
    """Judge patches of single frames at full size, half of it, and so on; one score a size.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        levels: Sizes.
        width: Channels of the first layer.
        conditional: Whether it sees the condition too.
        spectral: Whether weights are divided by their spectral norm.
    """

    def __init__(self, in_channels: int, scale: int = 1, levels: int = 3, width: int = 64, conditional: bool = True,
                 spectral: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if levels < 1:
            raise ConfigError(f'MultiScaleDiscriminator: levels={levels}: expected 1 or more')
        self.conditional = conditional and in_channels > 0
        self.upsample = Upsample(scale)
        seen = 3 + (in_channels if self.conditional else 0)
        self.trunks = nn.ModuleList([PatchTrunk(seen, width) for _ in range(levels)])
        if spectral:
            spectrally_normed(self)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        check_side(clip, 8 * 2 ** (len(self.trunks) - 1), 'MultiScaleDiscriminator')
        x = beside_condition(clip, context, self.upsample) if self.conditional else clip.flatten(0, 1)
        scores = []
        for i, trunk in enumerate(self.trunks):
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False) if i else x
            scores.append(trunk(x))
        return scores
