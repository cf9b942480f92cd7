"""SPADERecurrent: a generator for label maps, whose every layer is told the labels anew.

A network that is shown labels only at its entrance washes them out; here they set scale and shift of the features at
each size (Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", CVPR 2019, arXiv 1903.07291).
What is shaped is the last prediction, warped to the current frame as in FRVSR (arXiv 1801.04590). Features are normed
at each place over their channels and not over the picture, so that tiles agree with whole frames and nothing flickers.

Legend: N batch, T time, C condition channels, H height, W width, c channels, h and w a size of the features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.generators.base import Generator, State
from photoreal.models.generators.frnet import FlowNet
from photoreal.models.layers import backward_warp, conv3x3, zero_init
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput


class SPADE(nn.Module):
    """Norm features over their channels, then scale and shift them as the condition at their place says."""

    def __init__(self, channels: int, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(conv3x3(in_channels, hidden), nn.ReLU(inplace=True))
        self.scale_and_shift = conv3x3(hidden, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(N, c, h, w) features and condition (N, C, h, w) -> (N, c, h, w)."""
        scale, shift = self.scale_and_shift(self.shared(condition)).chunk(2, dim=1)
        normed = F.layer_norm(x.movedim(1, -1), x.shape[1:2]).movedim(-1, 1)
        return normed * (1 + scale) + shift


class SPADEBlock(nn.Module):
    """SPADE, ReLU and conv, twice, and the input added."""

    def __init__(self, channels: int, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([SPADE(channels, in_channels, hidden) for _ in range(2)])
        self.convs = nn.ModuleList([conv3x3(channels, channels) for _ in range(2)])

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(torch.relu(norm(y, condition)))
        return x + y


@GENERATORS.register_module()
class SPADERecurrent(Generator):
    """Shape the last prediction, warped to the current frame, by SPADE blocks at a quarter, half and all of the size.

    Args:
        in_channels: Channels of the condition.
        width: Channels at full size; twice and four times as many below.
        blocks: Blocks at a quarter of the size; there is one at half and one at full size.
        hidden: Channels between the condition and the scales and shifts.
        skip: (first, last + 1) channels of the condition to which the network's output is added; None: to nothing.
        flow_channels: Width of the flow net's first level.

    Raises:
        ConfigError: A skip of other than 3 channels.
    """

    def __init__(self, in_channels: int, width: int = 32, blocks: int = 4, hidden: int = 64,
                 skip: tuple[int, int] | None = None, flow_channels: int = 32, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if skip is not None and skip[1] - skip[0] != 3:
            raise ConfigError(f'SPADERecurrent: skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the '
                              'condition, but the prediction has 3')
        self.skip = skip
        self.flow_net = FlowNet(in_channels, flow_channels)
        self.conv_in = conv3x3(in_channels + 3, width)
        self.down = nn.ModuleList([nn.Conv2d(c, 2 * c, 3, stride=2, padding=1) for c in (width, 2 * width)])
        self.coarse = nn.ModuleList([SPADEBlock(4 * width, in_channels, hidden) for _ in range(blocks)])
        self.up = nn.ModuleList([nn.Conv2d(2 * c, c, 1) for c in (2 * width, width)])
        self.fine = nn.ModuleList([SPADEBlock(c, in_channels, hidden) for c in (2 * width, width)])
        self.conv_out = conv3x3(width, 3)
        if skip is not None:
            zero_init(self.conv_out)  # training starts at the degraded frame itself

    def forward(self, condition: Tensor) -> GeneratorOutput:
        flow = self.estimate_flow(condition)  # (N, T-1, 2, H, W)
        preds = [self._refine(condition[:, 0], self._blank(condition[:, 0]))]
        for i in range(1, condition.shape[1]):
            preds.append(self._refine(condition[:, i], backward_warp(preds[-1], flow[:, i - 1])))
        return GeneratorOutput(torch.stack(preds, dim=1), flow)

    def init_state(self, condition: Tensor) -> State:
        return {'condition': torch.zeros_like(condition), 'pred': self._blank(condition)}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        flow = self.flow_net(condition, state['condition'])
        pred = self._refine(condition, backward_warp(state['pred'], flow))
        return pred, {'condition': condition, 'pred': pred}

    def estimate_flow(self, condition: Tensor) -> Tensor:
        n, t, channels, height, width = condition.shape
        if t == 1:
            return condition.new_zeros(n, 0, 2, height, width)
        current, previous = condition[:, 1:].flatten(0, 1), condition[:, :-1].flatten(0, 1)  # (N*(T-1), C, H, W)
        return self.flow_net(current, previous).unflatten(0, (n, t - 1))

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        condition = list(range(channels))
        shaped = [f'{level}.{i}.norms.{j}.shared.0.weight' for level in ('coarse', 'fine')
                  for i in range(len(getattr(self, level))) for j in range(2)]
        return {'flow_net.encoder.0.0.weight': 2 * condition, 'conv_in.weight': condition + [-1] * 3,
                **dict.fromkeys(shaped, condition)}

    @staticmethod
    def _blank(condition: Tensor) -> Tensor:
        return condition.new_zeros(len(condition), 3, *condition.shape[-2:])

    def _refine(self, condition: Tensor, warped: Tensor) -> Tensor:
        """One frame from its condition (N, C, H, W) and the last prediction, warped (N, 3, H, W)."""
        levels = [self.conv_in(torch.cat([condition, warped.to(condition.dtype)], dim=1))]
        conditions = [condition]
        for conv in self.down:
            levels.append(torch.relu(conv(levels[-1])))
            conditions.append(F.avg_pool2d(conditions[-1], 2, ceil_mode=True))
        x = levels[2]
        for block in self.coarse:
            x = block(x, conditions[2])
        for level, conv, block in zip((1, 0), self.up, self.fine, strict=True):
            x = F.interpolate(conv(x), levels[level].shape[-2:], mode='nearest')
            x = block(x + levels[level], conditions[level])
        pred = self.conv_out(torch.relu(x))
        return pred if self.skip is None else pred + condition[:, self.skip[0]:self.skip[1]]
