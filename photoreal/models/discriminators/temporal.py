"""The temporal discriminator: convolutions over time and space see the whole clip, and need no flow.

The video discriminator of Tulyakov et al., "MoCoGAN: Decomposing Motion and Content for Video Generation", CVPR 2018
(arXiv 1707.04993), with spectral norm in place of the batch's statistics.
"""

import torch
from torch import Tensor, nn

from photoreal.models.discriminators.base import Discriminator, check_side, spectrally_normed
from photoreal.models.layers import Upsample, wide
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


@DISCRIMINATORS.register_module()
class TemporalDiscriminator(Discriminator):
    """Judge clips as volumes: one logit for each frame and patch, from nine frames around it.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        width: Channels of the first layer.
        conditional: Whether it sees the condition too.
        spectral: Whether weights are divided by their spectral norm.
    """

    def __init__(self, in_channels: int, scale: int = 1, width: int = 32, conditional: bool = True,
                 spectral: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.conditional = conditional and in_channels > 0
        self.upsample = Upsample(scale)
        widths = [3 + (in_channels if self.conditional else 0), width, 2 * width, 4 * width, 8 * width]
        self.layers = nn.ModuleList([
            nn.Sequential(nn.Conv3d(a, b, (3, 4, 4), stride=(1, 2, 2), padding=1), nn.LeakyReLU(0.2, inplace=True))
            for a, b in zip(widths, widths[1:])])
        self.head = nn.Conv3d(widths[-1], 1, (1, 3, 3), padding=(0, 1, 1))
        if spectral:
            spectrally_normed(self)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        check_side(clip, 16, 'TemporalDiscriminator')
        x = clip  # (N, T, 3, H*s, W*s)
        if self.conditional:
            condition = self.upsample(context.condition.flatten(0, 1)).unflatten(0, clip.shape[:2])
            x = torch.cat([condition, clip], dim=2)
        x = x.transpose(1, 2)  # (N, c, T, H*s, W*s)
        if x.device.type == 'cpu' and x.shape[2] == 1:
            # In bfloat16 oneDNN's convolution, its kernel longer than the clip, takes in memory that is not its own.
            with torch.autocast('cpu', enabled=False):
                return self._judge(wide(x))
        return self._judge(x)

    def _judge(self, x: Tensor) -> list[Score]:
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return [Score(self.head(x), features)]
