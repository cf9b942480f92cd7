"""The spatial discriminator: each frame by itself, beside its condition (the image branch of TecoGAN's ablation)."""

from torch import Tensor

from photoreal.models.discriminators.base import Discriminator, TecoTrunk, beside_condition
from photoreal.models.layers import Upsample
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


@DISCRIMINATORS.register_module()
class SpatialDiscriminator(Discriminator):
    """Judge single frames.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        spatial_size: Side of the square training crop in pixels of the prediction, for the published fully
            connected verdict; None: one logit a patch, for crops of any size.
        conditional: Whether it sees the condition too.
        upsample: 'bilinear' or 'bicubic': how the condition is enlarged to the prediction's size.
        spectral: Whether weights are normed in place of batches, see :class:`TecoTrunk`.
    """

    def __init__(self, in_channels: int, scale: int = 1, spatial_size: int | None = None, conditional: bool = True,
                 upsample: str = 'bilinear', spectral: bool = False, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.conditional = conditional and in_channels > 0
        self.upsample = Upsample(scale, upsample)
        self.trunk = TecoTrunk(3 + (in_channels if self.conditional else 0), spatial_size, spectral)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        return [self.trunk(beside_condition(clip, context, self.upsample) if self.conditional else clip.flatten(0, 1))]

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        return {'trunk.conv_in.0.weight': [*range(channels), -1, -1, -1]} if self.conditional else {}
