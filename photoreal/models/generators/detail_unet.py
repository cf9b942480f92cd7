"""DetailUNet: a generator that leaves a frame's colours and light alone and adds detail, which moves with the scene.

Own design from published ideas, as :mod:`~photoreal.models.generators.recurrent_unet`: folded pixels, a U-shaped body,
the last prediction and features warped to the current frame. Three things differ. Motion is given, by the engine or a
classical estimator, in place of a network that must learn it beside all else. What is carried along is only trusted
where the source frames agree under that motion (Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018,
arXiv 1808.00449, eq. 3). And noise comes in, from which texture can be made where a frame is flat; once made it is
carried along, so it does not swim.

Legend: N batch, T time, C condition channels, H height, W width, r fold, H' and W' the size padded to multiples of 2r,
h = H'/r and w = W'/r the folded size, c width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.generators.base import Generator, State
from photoreal.models.layers import ResidualBlock, backward_warp, conv3x3, wide, zero_init
from photoreal.models.residual import BoundedResidual
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput

CARRIED = (-0.05, 1.05)  # range of a prediction that is carried along: a sum of residuals would have none
TRUST = 50.0  # how fast trust falls with the squared difference of source frames in [0, 1], as published
NOISE_TILE = 64  # side of the noise that is laid side by side, at the folded size
NOISE_STEP = (11, 23)  # by so much it moves from frame to frame, so that nothing stands still on the screen


@GENERATORS.register_module()
class DetailUNet(Generator):
    """Detail added to a frame by a small U-Net on folded pixels, bounded, anchored by its own warped output.

    Args:
        in_channels: Channels of the condition.
        width: Channels at the folded size; twice as many below it.
        fold: Side of the squares of pixels that are folded into channels: 1, 2 or 4.
        blocks: Residual blocks at the folded size and at half of it.
        luma: Greatest change of brightness, see :class:`~photoreal.models.residual.BoundedResidual`.
        chroma: Greatest change of colour differences.
        noise: Channels of noise; the same in each run.
        skip: (first, last + 1) channels of the condition, the frame that detail is added to; None: grey.
        motion: Where backward flow lies in the condition, its first channel, and how many pixels a value of 1 is; None:
            nothing moves.

    Raises:
        ConfigError: An argument is out of range, or a skip of other than 3 channels.
    """

    def __init__(self, in_channels: int, width: int = 32, fold: int = 2, blocks: tuple[int, int] = (2, 4),
                 luma: float = 0.4, chroma: float = 0.04, noise: int = 4, skip: tuple[int, int] | None = None,
                 motion: tuple[int, float] | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        _check_arguments(width, fold, blocks, noise, skip)
        self.width, self.fold, self.skip, self.motion = width, fold, skip, motion
        pred_channels = 3 * fold**2
        self.encode = nn.Sequential(conv3x3(fold**2 * in_channels, width), nn.ReLU(inplace=True))
        self.conv_in = nn.Sequential(nn.Conv2d(2 * width + pred_channels + noise, width, 1), nn.ReLU(inplace=True))
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.coarse = nn.Sequential(*[ResidualBlock(2 * width) for _ in range(blocks[1])])
        self.up = nn.Conv2d(2 * width, width, 1)
        self.fine = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks[0])])
        self.detail = zero_init(conv3x3(width, pred_channels))  # training starts at the frame itself
        self.hidden = conv3x3(width, width)
        self.residual = BoundedResidual(luma, chroma)
        # Part of the weights, as not all versions of torch draw the same.
        self.register_buffer('noise_tile', torch.randn(noise, NOISE_TILE, NOISE_TILE,
                                                       generator=torch.Generator().manual_seed(0)))

    def forward(self, condition: Tensor) -> GeneratorOutput:
        n, t = condition.shape[:2]
        padded = self._pad(condition.flatten(0, 1))  # (N*T, C, H', W')
        encoded = self._encode(padded).unflatten(0, (n, t))  # (N, T, c, h, w)
        padded = padded.unflatten(0, (n, t))
        state, preds = self.init_state(condition[:, 0]), []
        for i in range(t):
            pred, state = self._refine(padded[:, i], encoded[:, i], state)
            preds.append(pred)
        preds = torch.stack(preds, dim=1)[..., :condition.shape[-2], :condition.shape[-1]]
        return GeneratorOutput(preds, self.estimate_flow(condition))

    def init_state(self, condition: Tensor) -> State:
        n, _, *size = condition.shape
        folded = [-(-side // (2 * self.fold)) * 2 for side in size]
        whole = [side * self.fold for side in folded]
        tiles = [-(-side // NOISE_TILE) for side in folded]
        noise = self.noise_tile.to(condition).repeat(1, *tiles)[:, :folded[0], :folded[1]]
        return {'pred': condition.new_zeros(n, 3, *whole), 'image': condition.new_zeros(n, 3, *whole),
                'hidden': condition.new_zeros(n, self.width, *folded),
                'noise': noise.expand(n, -1, -1, -1).contiguous()}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        padded = self._pad(condition)
        pred, state = self._refine(padded, self._encode(padded), state)
        # The state keeps the padding: so it needs none when it comes back.
        return pred[..., :condition.shape[-2], :condition.shape[-1]], state

    def estimate_flow(self, condition: Tensor) -> Tensor | None:
        if self.motion is None:
            return None
        return wide(self._motion(condition[:, 1:].flatten(0, 1))).unflatten(0, (len(condition), -1))

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat the edges at the bottom and on the right until the sizes of all nets come out even."""
        height, width = x.shape[-2:]
        grid = 2 * self.fold
        return F.pad(x, (0, -width % grid, 0, -height % grid), mode='replicate')  # (N, C, H', W')

    def _encode(self, padded: Tensor) -> Tensor:
        """(N, C, H', W') -> features (N, c, h, w)."""
        return self.encode(F.pixel_unshuffle(padded, self.fold))

    def _motion(self, condition: Tensor) -> Tensor | None:
        """Backward flow (N, 2, H, W) in pixels."""
        if self.motion is None:
            return None
        first, unit = self.motion
        return condition[:, first:first + 2] * unit

    def _refine(self, padded: Tensor, encoded: Tensor, state: State) -> tuple[Tensor, State]:
        """A frame's condition (N, C, H', W') and features (N, c, h, w) -> prediction (N, 3, H', W'), and the state."""
        dtype = padded.dtype
        image = padded.new_full((len(padded), 3, *padded.shape[-2:]), 0.5) if self.skip is None else \
            padded[:, self.skip[0]:self.skip[1]]
        pred, hidden = self._carry(image, self._motion(padded), state)
        given = (encoded, hidden, F.pixel_unshuffle(pred, self.fold), state['noise'])
        x = self.conv_in(torch.cat([part.to(encoded.dtype) for part in given], dim=1))
        x = x + F.interpolate(self.up(self.coarse(self.down(x))), scale_factor=2, mode='nearest')
        x = self.fine(x)
        pred = image + self.residual(F.pixel_shuffle(self.detail(x), self.fold).to(dtype))
        return pred, {'pred': pred.clamp(*CARRIED), 'image': image, 'hidden': torch.tanh(self.hidden(x)).to(dtype),
                      'noise': state['noise'].roll(NOISE_STEP, (2, 3))}

    def _carry(self, image: Tensor, flow: Tensor | None, state: State) -> tuple[Tensor, Tensor]:
        """The last prediction (N, 3, H', W') and features (N, c, h, w) where they are now; 0 where not seen before."""
        pred, before, hidden = state['pred'], state['image'], state['hidden']
        if flow is not None:
            pred, before = backward_warp(torch.cat([pred, before], dim=1), flow).split(3, dim=1)
            hidden = backward_warp(hidden, F.avg_pool2d(flow, self.fold) / self.fold)
        trust = torch.exp(-TRUST * (wide(image) - wide(before)).square().sum(1, keepdim=True))  # (N, 1, H', W')
        return pred * trust, hidden * F.avg_pool2d(trust, self.fold)


def _check_arguments(width: int, fold: int, blocks: tuple[int, int], noise: int, skip: tuple[int, int] | None) -> None:
    faults = []
    if min(width, noise) < 1:
        faults.append(f'width={width}, noise={noise}: expected 1 or more')
    if fold not in (1, 2, 4):
        faults.append(f'fold={fold}: expected 1, 2 or 4')
    if len(blocks) != 2 or min(blocks) < 0:
        faults.append(f'blocks={tuple(blocks)}: expected two counts, at the folded size and at half of it')
    if skip is not None and skip[1] - skip[0] != 3:
        faults.append(f'skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the condition, expected 3')
    if faults:
        raise ConfigError(f'DetailUNet: {"; ".join(faults)}')
