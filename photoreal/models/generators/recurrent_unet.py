"""RecurrentUNet: a generator for real time, which works on folded frames and carries features beside the last frame.

Own design from published ideas: pixels folded into channels and back (Shi et al., "Real-Time Single Image and Video
Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016, arXiv 1609.05158), the last
prediction warped to the current frame (Sajjadi et al., "Frame-Recurrent Video Super-Resolution", CVPR 2018, arXiv
1801.04590), features carried along (Chan et al., "BasicVSR", CVPR 2021, arXiv 2012.02181), a U-shaped body (Ronneberger
et al., "U-Net", MICCAI 2015, arXiv 1505.04597). The carried features are bounded, and nothing is normalised by the
statistics of a picture, so that streams of any length stay stable and tiles agree with whole frames.

Legend: N batch, T time, C condition channels, H height, W width, s scale, r fold, H' and W' the size padded to
multiples of 4r, h = H'/r and w = W'/r the folded size, c width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.generators.base import Generator, State
from photoreal.models.layers import MixStyle, ResidualBlock, Upsample, backward_warp, conv3x3, wide, zero_init
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput

MAX_FLOW = 32.0  # pixels of the condition a frame
FLOW_GRID = 4  # the flow net works at 1/4 of the folded size inside


class FoldedFlowNet(nn.Module):
    """Estimate at the folded size where the pixels of one frame lie in another, from the features of both.

    Args:
        channels: Channels of one frame's features.
        fold: Pixels of the condition to one of the folded size.
    """

    def __init__(self, channels: int, fold: int) -> None:
        super().__init__()
        self.unit = 2 * fold  # the network speaks in pixels of its own size
        self.shrink = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.context = nn.Sequential(nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.ReLU(inplace=True),
                                     conv3x3(channels, channels), nn.ReLU(inplace=True))
        self.merge = nn.Sequential(conv3x3(channels, channels), nn.ReLU(inplace=True))
        self.flow = zero_init(conv3x3(channels, 2))

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Features (N, c, h, w) of two frames -> backward flow (N, 2, h/2, w/2) in pixels of the condition."""
        x = self.shrink(torch.cat([current, previous], dim=1))
        x = self.merge(x + F.interpolate(self.context(x), scale_factor=2, mode='nearest'))
        return torch.tanh(wide(self.flow(x)) * (self.unit / MAX_FLOW)) * MAX_FLOW


@GENERATORS.register_module()
class RecurrentUNet(Generator):
    """Real-time generator: a small U-Net on folded frames, with the last prediction and features warped to each frame.

    Frames of any size are padded inside to multiples of ``4 * fold`` by repeating their edges.

    Args:
        in_channels: Channels of the condition.
        width: Channels at the folded size; twice as many below it. CPUs like multiples of 16, GPUs of 64.
        fold: Side of the squares of pixels that are folded into channels: 1, 2, 4 or 8.
        blocks: Residual blocks at the folded size and at half of it.
        scale: 1 or 2: size of the prediction over that of the condition.
        skip: (first, last + 1) channels of the condition to which the network's output is added; None: to nothing.
        mix_style: How often a clip's features take on mean and deviation of another clip's in training; 0 is never.

    Raises:
        ConfigError: An argument is out of range, or a skip of other than 3 channels.
    """

    def __init__(self, in_channels: int, width: int = 64, fold: int = 4, blocks: tuple[int, int] = (2, 4),
                 scale: int = 1, skip: tuple[int, int] | None = None, mix_style: float = 0.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        _check_arguments(width, fold, blocks, scale, skip)
        self.width, self.fold, self.scale, self.skip = width, fold, scale, skip
        self.pred_channels = 3 * (fold * scale)**2  # of a folded prediction
        self.upsample = Upsample(scale)
        self.encode = nn.Sequential(conv3x3(fold**2 * in_channels, width), nn.ReLU(inplace=True))
        self.mix_style = MixStyle(mix_style)
        self.flow_net = FoldedFlowNet(width, fold)
        self.conv_in = nn.Sequential(nn.Conv2d(2 * width + self.pred_channels, width, 1), nn.ReLU(inplace=True))
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.coarse = nn.Sequential(*[ResidualBlock(2 * width) for _ in range(blocks[1])])
        self.up = nn.Conv2d(2 * width, width, 1)
        self.fine = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks[0])])
        # One convolution makes the folded prediction and the features to carry.
        self.conv_out = conv3x3(width, self.pred_channels + width)
        if skip is not None:  # training starts at the degraded frame itself
            nn.init.zeros_(self.conv_out.weight[:self.pred_channels])
            nn.init.zeros_(self.conv_out.bias[:self.pred_channels])

    def forward(self, condition: Tensor) -> GeneratorOutput:
        n, t, _, height, width = condition.shape
        padded = self._pad(condition.flatten(0, 1))  # (N*T, C, H', W')
        encoded = self.mix_style(self._encode(padded).unflatten(0, (n, t)))  # (N, T, c, h, w)
        padded = padded.unflatten(0, (n, t))
        flow = self._flow(encoded)  # (N, T-1, 2, h/2, w/2)
        state, preds = self.init_state(condition[:, 0]), []
        for i in range(t):
            # Before the first frame all is blank, wherever a flow points.
            pred, hidden = self._refine(padded[:, i], encoded[:, i], state, flow[:, i - 1] if i else None)
            state = {'pred': pred, 'hidden': hidden}
            preds.append(pred)
        preds = torch.stack(preds, dim=1)[..., :height * self.scale, :width * self.scale]
        return GeneratorOutput(preds, self._whole_flow(flow, height, width))

    def init_state(self, condition: Tensor) -> State:
        n, _, height, width = condition.shape
        folded = [-(-side // (FLOW_GRID * self.fold)) * FLOW_GRID for side in (height, width)]
        features = condition.new_zeros(n, self.width, *folded)
        return {'encoded': features, 'hidden': torch.zeros_like(features),
                'pred': condition.new_zeros(n, 3, *(side * self.fold * self.scale for side in folded))}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        height, width = condition.shape[-2:]
        padded = self._pad(condition)
        encoded = self._encode(padded)
        flow = self.flow_net(encoded, state['encoded'])
        pred, hidden = self._refine(padded, encoded, state, flow)
        # The state keeps the padding: so it needs none when it comes back.
        after = {'encoded': encoded.to(condition.dtype), 'hidden': hidden, 'pred': pred}
        return pred[..., :height * self.scale, :width * self.scale], after

    def estimate_flow(self, condition: Tensor) -> Tensor:
        n, t, _, height, width = condition.shape
        encoded = self._encode(self._pad(condition.flatten(0, 1))).unflatten(0, (n, t))
        return self._whole_flow(self._flow(encoded), height, width)

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        return {'encode.0.weight': [channel for channel in range(channels) for _ in range(self.fold**2)]}

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat the edges at the bottom and on the right until the sizes of all nets come out even."""
        height, width = x.shape[-2:]
        grid = FLOW_GRID * self.fold
        return F.pad(x, (0, -width % grid, 0, -height % grid), mode='replicate')  # (N, C, H', W')

    def _encode(self, padded: Tensor) -> Tensor:
        """(N, C, H', W') -> features (N, c, h, w)."""
        return self.encode(F.pixel_unshuffle(padded, self.fold))

    def _flow(self, encoded: Tensor) -> Tensor:
        """Backward flow (N, T-1, 2, h/2, w/2) between the frames whose features (N, T, c, h, w) are given."""
        n, t, _, height, width = encoded.shape
        if t == 1:
            return wide(encoded.new_zeros(n, 0, 2, height // 2, width // 2))
        flow = self.flow_net(encoded[:, 1:].flatten(0, 1), encoded[:, :-1].flatten(0, 1))
        return flow.unflatten(0, (n, t - 1))

    def _whole_flow(self, flow: Tensor, height: int, width: int) -> Tensor:
        """(N, T-1, 2, h/2, w/2) -> (N, T-1, 2, H, W)."""
        n, t = flow.shape[:2]
        if t == 0:
            return flow.new_zeros(n, 0, 2, height, width)
        return _enlarge(flow.flatten(0, 1), 2 * self.fold)[..., :height, :width].unflatten(0, (n, t))

    def _refine(self, padded: Tensor, encoded: Tensor, state: State, flow: Tensor | None) -> tuple[Tensor, Tensor]:
        """One frame.

        Args:
            padded: The condition (N, C, H', W').
            encoded: Its features (N, c, h, w).
            state: 'pred' (N, 3, H'*s, W'*s) and 'hidden' (N, c, h, w) of the frame before.
            flow: What takes them here, (N, 2, h/2, w/2); None: they are blank.

        Returns:
            The prediction (N, 3, H'*s, W'*s) and features (N, c, h, w) in [-1, 1] to carry on, in the condition's
            dtype.
        """
        pred, hidden, dtype = state['pred'], state['hidden'], padded.dtype
        if flow is not None:
            pred = backward_warp(pred, self.scale * _enlarge(flow, 2 * self.fold * self.scale))
            hidden = backward_warp(hidden, _enlarge(flow, 2) / self.fold)
        folded = F.pixel_unshuffle(pred.to(dtype), self.fold * self.scale)
        x = self.conv_in(torch.cat([encoded, hidden.to(encoded.dtype), folded.to(encoded.dtype)], dim=1))
        x = x + F.interpolate(self.up(self.coarse(self.down(x))), scale_factor=2, mode='nearest')
        out, hidden = self.conv_out(self.fine(x)).split([self.pred_channels, self.width], dim=1)
        pred = F.pixel_shuffle(out, self.fold * self.scale).to(dtype)
        if self.skip is not None:
            pred = pred + self.upsample(padded[:, self.skip[0]:self.skip[1]])
        return pred, torch.tanh(hidden).to(dtype)


def _enlarge(x: Tensor, factor: int) -> Tensor:
    x = x.contiguous()  # with so few channels this is quicker than channels_last
    return F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=False)


def _check_arguments(width: int, fold: int, blocks: tuple[int, int], scale: int, skip: tuple[int, int] | None) -> None:
    faults = []
    if width < 1:
        faults.append(f'width={width}: expected 1 or more')
    if fold not in (1, 2, 4, 8):
        faults.append(f'fold={fold}: expected 1, 2, 4 or 8')
    if len(blocks) != 2 or min(blocks) < 0:
        faults.append(f'blocks={tuple(blocks)}: expected two counts, at the folded size and at half of it')
    if scale not in (1, 2):
        faults.append(f'scale={scale}: expected 1 or 2')
    if skip is not None and skip[1] - skip[0] != 3:
        faults.append(f'skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the condition, expected 3')
    if faults:
        raise ConfigError(f'RecurrentUNet: {"; ".join(faults)}')
