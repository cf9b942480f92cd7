"""FrameResNet: each frame by itself, as pix2pixHD does it: what there is to compare recurrent generators with.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", CVPR 2018 (arXiv
1711.11585), its global generator, after Johnson et al. (arXiv 1603.08155); without its instance norm, whose brightness
jumps between frames and tiles. Legend: N batch, T time, C condition channels, H height, W width.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.generators.base import Generator, State
from photoreal.models.layers import ResidualBlock, zero_init
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput


@GENERATORS.register_module()
class FrameResNet(Generator):
    """Halve the frame some times, refine it there, and double it again. It has no state and estimates no flow.

    So it goes with losses and discriminators that need no flow, see ``configs/framewise.py``.

    Args:
        in_channels: Channels of the condition.
        width: Channels at full size; twice as many after each halving.
        halvings: How often the size is halved.
        blocks: Residual blocks at the smallest size.
        skip: (first, last + 1) channels of the condition to which the network's output is added; None: to nothing.

    Raises:
        ConfigError: A skip of other than 3 channels.
    """

    def __init__(self, in_channels: int, width: int = 32, halvings: int = 3, blocks: int = 6,
                 skip: tuple[int, int] | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if skip is not None and skip[1] - skip[0] != 3:
            raise ConfigError(f'FrameResNet: skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the condition, '
                              'but the prediction has 3')
        self.skip, self.grid = skip, 2**halvings
        widths = [width * 2**i for i in range(halvings + 1)]
        layers = [nn.Conv2d(in_channels, width, 7, padding=3), nn.ReLU(inplace=True)]
        for small, large in zip(widths, widths[1:]):
            layers += [nn.Conv2d(small, large, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        layers += [ResidualBlock(widths[-1]) for _ in range(blocks)]
        for small, large in zip(widths[-2::-1], widths[::-1]):
            layers += [nn.ConvTranspose2d(large, small, 3, stride=2, padding=1, output_padding=1),
                       nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.conv_out = nn.Conv2d(width, 3, 7, padding=3)
        if skip is not None:
            zero_init(self.conv_out)  # training starts at the degraded frame itself

    def forward(self, condition: Tensor) -> GeneratorOutput:
        pred = self._translate(condition.flatten(0, 1))  # (N*T, 3, H, W)
        return GeneratorOutput(pred.unflatten(0, condition.shape[:2]))

    def init_state(self, condition: Tensor) -> State:
        return {}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        return self._translate(condition), {}

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        return {'body.0.weight': list(range(channels))}

    def _translate(self, condition: Tensor) -> Tensor:
        height, width = condition.shape[-2:]
        padded = F.pad(condition, (0, -width % self.grid, 0, -height % self.grid), mode='replicate')
        pred = self.conv_out(self.body(padded))[..., :height, :width]
        return pred if self.skip is None else pred + condition[:, self.skip[0]:self.skip[1]]
