"""TecoGAN's spatio-temporal discriminator: it sees three frames, the same three motion compensated, and the condition.

Chu et al., "Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation", SIGGRAPH 2020
(arXiv 1811.09393), section 3. Legend: N batch, T time, K = T // 3 triplets, C condition channels, s scale.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.discriminators.base import Discriminator, TecoTrunk
from photoreal.models.layers import Upsample, backward_warp
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score


@DISCRIMINATORS.register_module()
class SpatioTemporalDiscriminator(Discriminator):
    """Judge triplets of frames, so that unsteady motion gives a fake away.

    Args:
        in_channels: Channels of the condition.
        scale: Size of the prediction over that of the condition.
        spatial_size: Side of the square training crop in pixels of the prediction, for the published fully
            connected verdict; None: one logit a patch, for crops of any size.
        border_crop: Share of the warped frames' side that is kept: warping knows nothing beyond the border.
        upsample: 'bilinear' or 'bicubic': how flow and condition are enlarged to the prediction's size.
        spectral: Whether weights are normed in place of batches, see :class:`TecoTrunk`.
    """

    def __init__(self, in_channels: int, scale: int = 1, spatial_size: int | None = None, border_crop: float = 0.75,
                 upsample: str = 'bilinear', spectral: bool = False, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not 0 < border_crop <= 1:
            raise ConfigError(f'SpatioTemporalDiscriminator: border_crop={border_crop}: expected a share in (0, 1]')
        self.scale, self.border_crop = scale, border_crop
        self.upsample = Upsample(scale, upsample)
        self.trunk = TecoTrunk(3 * (3 + 3 + in_channels), spatial_size, spectral)

    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        n, t = clip.shape[:2]
        if t < 3:
            raise ConfigError(f'SpatioTemporalDiscriminator needs clips of at least 3 frames, got {t}: raise '
                              'clip_length, or take SpatialDiscriminator')
        t = t // 3 * 3  # frames beyond the last whole triplet are not judged
        condition = self.upsample(context.condition[:, :t].flatten(0, 1)).unflatten(0, (n, t))
        inputs = [self._triplets(clip[:, :t]), self._triplets(self._compensate(clip[:, :t], context)),
                  self._triplets(condition)]
        return [self.trunk(torch.cat(inputs, dim=1))]

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        triplets = [channel for channel in range(channels) for _ in range(3)]
        return {'trunk.conv_in.0.weight': [-1] * 18 + triplets}

    @staticmethod
    def _triplets(clip: Tensor) -> Tensor:
        """(N, 3*K, c, H, W) -> (N*K, c*3, H, W), each channel's three frames side by side."""
        clip = clip.unflatten(1, (-1, 3)).flatten(0, 1)  # (N*K, 3, c, H, W)
        return clip.transpose(1, 2).flatten(1, 2)

    def _compensate(self, clip: Tensor, context: ClipContext) -> Tensor:
        """Move the first and the last frame of each triplet to where the middle one is; blank the border.

        Args:
            clip: (N, 3*K, c, H*s, W*s).
        """
        n, t = clip.shape[:2]
        flow = context.need('flow', 'SpatioTemporalDiscriminator')[:, 0:t:3]  # middle frame -> first
        flow_back = context.need('flow_back', 'SpatioTemporalDiscriminator')[:, 1:t:3]  # middle frame -> last
        # The middle frames are warped too, by nothing: they get the same interpolation as the others.
        motion = torch.stack([flow, torch.zeros_like(flow), flow_back], dim=2)  # (N, K, 3, 2, H, W)
        motion = self.scale * self.upsample(motion.flatten(0, 2))  # (N*3*K, 2, H*s, W*s)
        warped = backward_warp(clip.flatten(0, 1), motion).unflatten(0, (n, t))
        height, width = warped.shape[-2:]
        rows, columns = ((side - int(side * self.border_crop)) // 2 for side in (height, width))
        inner = warped[..., rows:rows + int(height * self.border_crop), columns:columns + int(width * self.border_crop)]
        return F.pad(inner, (columns, width - inner.shape[-1] - columns, rows, height - inner.shape[-2] - rows))
