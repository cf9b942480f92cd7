"""FRNet: the frame-recurrent generator of FRVSR and TecoGAN.

Sajjadi et al., "Frame-Recurrent Video Super-Resolution", CVPR 2018 (arXiv 1801.04590); Chu et al., "Learning
Temporal Coherence via Self-Supervision for GAN-based Video Generation", SIGGRAPH 2020 (arXiv 1811.09393).
At scale 2 and 4 it is number for number the network of the public TecoGAN-PyTorch implementation.

Legend: N batch, T time, C condition channels, H height, W width, s scale.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError, DataError
from photoreal.models.generators.base import Generator, State
from photoreal.models.layers import (
    ResidualBlock,
    Upsample,
    backward_warp,
    conv3x3,
    in_strips,
    space_to_depth,
    zero_init,
)
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput

MAX_FLOW = 24.0  # pixels a frame; the published network's bound
FLOW_GRID = 8  # the flow net works at 1/8 of the size inside


class FlowNet(nn.Module):
    """Estimate where the pixels of one frame lie in another.

    Args:
        in_channels: Channels of one frame.
        width: Channels of the first level; the published network has 32.
    """

    def __init__(self, in_channels: int, width: int = 32) -> None:
        super().__init__()
        w = width
        self.encoder = nn.ModuleList([self._level(a, b) for a, b in ((2 * in_channels, w), (w, 2 * w), (2 * w, 4 * w))])
        self.decoder = nn.ModuleList([self._level(a, b) for a, b in ((4 * w, 8 * w), (8 * w, 4 * w), (4 * w, 2 * w))])
        self.flow = nn.Sequential(conv3x3(2 * w, w), nn.LeakyReLU(0.2, inplace=True), zero_init(conv3x3(w, 2)))

    @staticmethod
    def _level(in_channels: int, out_channels: int) -> nn.Sequential:
        return nn.Sequential(conv3x3(in_channels, out_channels), nn.LeakyReLU(0.2, inplace=True),
                             conv3x3(out_channels, out_channels), nn.LeakyReLU(0.2, inplace=True))

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Backward flow (N, 2, H, W) in pixels: where each pixel of ``current`` (N, C, H, W) lies in ``previous``."""
        height, width = current.shape[-2:]
        if height < FLOW_GRID or width < FLOW_GRID:
            raise DataError(f'frames of {width}x{height} are too small for the flow net: each side needs at least '
                            f'{FLOW_GRID} pixels')
        x = torch.cat([current, previous], dim=1)
        for level in self.encoder:
            x = F.max_pool2d(level(x), 2)
        for level in self.decoder:
            x = F.interpolate(level(x), scale_factor=2, mode='bilinear', align_corners=False)
        flow = torch.tanh(self._flow(x)) * MAX_FLOW
        # Pooling drops what exceeds a multiple of 8; the published network mirrors the flow into that rim.
        return F.pad(flow, (0, width % FLOW_GRID, 0, height % FLOW_GRID), mode='reflect')

    def _flow(self, x: Tensor) -> Tensor:
        """(N, 2w, H, W) -> (N, 2, H, W), never in half precision, whose steps would be large parts of a pixel."""
        x, last = self.flow[:2](x), self.flow[2]
        if x.dtype == last.weight.dtype:
            return last(x)
        with torch.autocast(x.device.type, enabled=False):
            return last(x.to(last.weight.dtype))


@GENERATORS.register_module()
class FRNet(Generator):
    """Frame-recurrent network: warp the last prediction to the current frame, then refine it with the condition.

    Args:
        in_channels: Channels of the condition.
        out_channels: Channels of the prediction.
        mid_channels: Width of the residual blocks.
        num_blocks: Number of residual blocks.
        scale: 1, 2 or 4: size of the prediction over that of the condition.
        upsample: 'bilinear' or 'bicubic': how the flow and the skipped image are enlarged.
        skip: (first, last + 1) channels of the condition to which the network's output is added; None: to nothing.
        flow_channels: Width of the flow net's first level.
        tail: Convolutions where larger scales have their upsampling; at scale 1 alone. TecoGAN-PyTorch's multimodal
            fork (github.com/BrainGardenAI/TecoGAN-PyTorch) has 2.

    Raises:
        ConfigError: An unknown scale or upsampling, a tail at another scale than 1, or a skip of other than
            ``out_channels`` channels.
    """

    def __init__(self, in_channels: int, out_channels: int = 3, mid_channels: int = 64, num_blocks: int = 10,
                 scale: int = 1, upsample: str = 'bilinear', skip: tuple[int, int] | None = None,
                 flow_channels: int = 32, tail: int = 0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if scale not in (1, 2, 4):
            raise ConfigError(f'FRNet: scale={scale}: expected 1, 2 or 4')
        if tail < 0 or (tail and scale > 1):
            raise ConfigError(f'FRNet: tail={tail} at scale={scale}: expected 0, or more at scale 1')
        if skip is not None and skip[1] - skip[0] != out_channels:
            raise ConfigError(f'FRNet: skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the condition, but the '
                              f'prediction has {out_channels}')
        self.scale, self.out_channels, self.skip = scale, out_channels, skip
        self.upsample = Upsample(scale, upsample)
        self.flow_net = FlowNet(in_channels, flow_channels)
        seen = in_channels + scale**2 * out_channels  # the condition, and the last prediction folded to its size
        self.conv_in = nn.Sequential(conv3x3(seen, mid_channels), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(*[ResidualBlock(mid_channels) for _ in range(num_blocks)])
        self.conv_up = nn.Sequential()
        for _ in range({1: 0, 2: 1, 4: 2}[scale]):
            self.conv_up.append(nn.ConvTranspose2d(mid_channels, mid_channels, 3, 2, padding=1, output_padding=1))
            self.conv_up.append(nn.ReLU(inplace=True))
        for _ in range(tail):  # transposed as in the fork, so that its weights fit as they are
            self.conv_up.append(nn.ConvTranspose2d(mid_channels, mid_channels, 3, padding=1))
            self.conv_up.append(nn.ReLU(inplace=True))
        self._halo = 1 + tail  # rows around a row that the layers behind the blocks look at
        self.conv_out = conv3x3(mid_channels, out_channels)
        if skip is not None:
            zero_init(self.conv_out)  # training starts at the degraded frame itself

    def forward(self, condition: Tensor) -> GeneratorOutput:
        n, t, _, height, width = condition.shape
        pred = condition.new_zeros(n, self.out_channels, height * self.scale, width * self.scale)
        flow = self.estimate_flow(condition)  # (N, T-1, 2, H, W)
        large_flow = self._enlarge(flow.flatten(0, 1)).unflatten(0, (n, t - 1)) if t > 1 else flow
        preds = []
        for i in range(t):
            warped = backward_warp(pred, large_flow[:, i - 1]) if i else pred
            pred = self._refine(condition[:, i], warped)
            preds.append(pred)
        return GeneratorOutput(torch.stack(preds, dim=1), flow)

    def init_state(self, condition: Tensor) -> State:
        n, _, height, width = condition.shape
        pred = condition.new_zeros(n, self.out_channels, height * self.scale, width * self.scale)
        return {'condition': torch.zeros_like(condition), 'pred': pred}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        flow = self._enlarge(self.flow_net(condition, state['condition']))
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
        return {'flow_net.encoder.0.0.weight': 2 * condition,
                'conv_in.0.weight': condition + [-1] * (self.scale**2 * self.out_channels)}

    def _enlarge(self, flow: Tensor) -> Tensor:
        """(N, 2, H, W) in pixels of the condition -> (N, 2, H*s, W*s) in pixels of the prediction."""
        return self.upsample(self.scale * flow.contiguous())

    def _refine(self, condition: Tensor, warped: Tensor) -> Tensor:
        """One frame from its condition (N, C, H, W) and the last prediction, warped (N, 3, H*s, W*s)."""
        x = self.conv_in(torch.cat([condition, space_to_depth(warped, self.scale).to(condition.dtype)], dim=1))
        x = self.blocks(x)
        pred = in_strips(lambda strip: self.conv_out(self.conv_up(strip)), x, self._halo, self.scale**2)
        if self.skip is None:
            return pred
        return pred + self.upsample(condition[:, self.skip[0]:self.skip[1]])
