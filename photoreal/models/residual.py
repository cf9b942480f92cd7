"""How far a generator may go from the frame that it adds to."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError

# Y, Cb, Cr -> R, G, B (ITU-T T.871, JPEG): brightness and two differences of colour.
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
BINOMIAL = (0.25, 0.5, 0.25)


class BoundedResidual(nn.Module):
    """What is added to the degraded frame: bounded, colours more than brightness, and without a pixel grid.

    A generator that is taught by distributions alone repaints things, and diverges without bounds. Its output comes in
    folded pixels, each of which has weights of its own: what alternates from pixel to pixel is smoothed away, as any
    lens does.

    Args:
        luma: Greatest change of brightness; frames are in [0, 1].
        chroma: Greatest change of the colour differences Cb and Cr.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, luma: float = 0.4, chroma: float = 0.04) -> None:
        super().__init__()
        if min(luma, chroma) <= 0:
            raise ConfigError(f'bounds: luma={luma}, chroma={chroma}: expected both above 0')
        self.register_buffer('most', torch.tensor([luma, chroma, chroma]).view(3, 1, 1), persistent=False)
        kernel = torch.tensor(BINOMIAL)
        # One convolution smooths and turns Y, Cb, Cr into R, G, B.
        smooth = torch.tensor(TO_RGB).view(3, 3, 1, 1) * (kernel.view(-1, 1) * kernel)
        self.register_buffer('smooth', smooth, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) of any range -> (N, 3, H, W) to be added to RGB in [0, 1]; 0 for 0."""
        change = torch.tanh(x) * self.most.to(x.dtype)  # Y, Cb, Cr
        return F.conv2d(F.pad(change, (1, 1, 1, 1), mode='replicate'), self.smooth.to(x.dtype))
