"""The U-Net discriminator: a verdict on every pixel, from what surrounds it near and far.

Schoenfeld et al., "A U-Net Based Discriminator for Generative Adversarial Networks", CVPR 2020 (arXiv 2002.12655); in
the form of Wang et al., "Real-ESRGAN", ICCVW 2021 (arXiv 2107.10833): three halvings, weights spectrally normed.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.models.discriminators.base import Discriminator, beside_condition, check_side, spectrally_normed
from photoreal.models.layers import Upsample
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


@DISCRIMINATORS.register_module()
class UNetDiscriminator(Discriminator):
    """Judge each pixel of single frames.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        width: Channels at full size; twice as many after each of three halvings.
        conditional: Whether it sees the condition too.
        spectral: Whether weights are divided by their spectral norm.
    """

    def __init__(self, in_channels: int, scale: int = 1, width: int = 64, conditional: bool = True,
                 spectral: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.conditional = conditional and in_channels > 0
        self.upsample = Upsample(scale)
        self.conv_in = nn.Conv2d(3 + (in_channels if self.conditional else 0), width, 3, padding=1)
        widths = [width * 2**i for i in range(4)]
        self.down = nn.ModuleList([nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(widths, widths[1:])])
        self.up = nn.ModuleList([nn.Conv2d(b, a, 3, padding=1) for a, b in zip(widths[-2::-1], widths[::-1])])
        self.refine = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Conv2d(width, 1, 3, padding=1)
        if spectral:
            spectrally_normed(self)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        check_side(clip, 8, 'UNetDiscriminator')
        x = beside_condition(clip, context, self.upsample) if self.conditional else clip.flatten(0, 1)
        levels = [_leaky(self.conv_in(x))]
        for conv in self.down:
            levels.append(_leaky(conv(levels[-1])))
        x, features = levels[-1], levels[-1:]
        for conv, level in zip(self.up, levels[-2::-1], strict=True):
            x = F.interpolate(x, level.shape[-2:], mode='bilinear', align_corners=False)
            x = _leaky(conv(x)) + level
            features.append(x)
        return [Score(self.head(_leaky(self.refine(x))), features)]


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
