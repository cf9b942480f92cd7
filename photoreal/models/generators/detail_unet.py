"""DetailUNet: a generator that leaves a frame's colours and light alone and adds detail, which moves with the scene.

Own design. A small U-Net on folded pixels (Shi et al., CVPR 2016, arXiv 1609.05158) sees the condition and says what to
add: detail of its own, and how strong each band of a noise is, place by place. It sees neither its last prediction, as
what feeds on itself repeats and amplifies its patterns, nor the noise, whose rare values would set off blots. All that
a steady texture needs is that the noise lies on the things in the scene. That is what
:class:`~photoreal.models.moving_noise.MovingNoise` is for, with motion given by the engine or a classical estimator;
what the source frames do not show alike under that motion starts anew (Lai et al., "Learning Blind Video Temporal
Consistency", ECCV 2018, arXiv 1808.00449, eq. 3).

Legend: N batch, T time, C condition channels, H height, W width, r fold, H' and W' the size padded to multiples of 2r,
h = H'/r and w = W'/r the folded size, c width, B bands of noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.generators.base import Generator, State
from photoreal.models.layers import ResidualBlock, backward_warp, conv3x3, wide, zero_init
from photoreal.models.moving_noise import MovingNoise
from photoreal.models.pairs import LUMA
from photoreal.models.residual import BINOMIAL, BoundedResidual
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput

FAINT = 0.12  # strength of each band at the start, before it is bounded
BRIGHT = (0.4, 0.65)  # brightness from which texture fades, and where none is left
DAZZLING = (0.6, 0.85)  # likewise all change
VIVID = (0.2, 0.4)  # spread of the channels, for texture: paint is smooth, asphalt, bark and stone have little colour
MARGIN = 5  # places of the coarsest map that frames are padded by: less shows as a band along the edge
TRUST = 50.0  # how fast trust falls with the squared difference of source frames in [0, 1], as published


@GENERATORS.register_module()
class DetailUNet(Generator):
    """Detail added to a frame by a small U-Net on folded pixels: bounded, and steady on what moves.

    Args:
        in_channels: Channels of the condition.
        width: Channels at the folded size; twice as many below it.
        fold: Side of the squares of pixels that are folded into channels: 1, 2 or 4.
        blocks: Residual blocks at the folded size and at half of it.
        luma: Greatest change of brightness, see :class:`~photoreal.models.residual.BoundedResidual`.
        chroma: Greatest change of colour differences.
        share: Part of the change that is made outside of training. What is learnt by distribution overshoots: with half
            of it edges and stillness are kept.
        skip: (first, last + 1) channels of the condition, the frame that detail is added to; None: grey.
        motion: Where backward flow lies in the condition, its first channel, and how many pixels a value of 1 is; None:
            nothing moves.

    Raises:
        ConfigError: An argument is out of range, or a skip of other than 3 channels.
    """

    def __init__(self, in_channels: int, width: int = 32, fold: int = 2, blocks: tuple[int, int] = (2, 4),
                 luma: float = 0.07, chroma: float = 0.015, share: float = 0.5, skip: tuple[int, int] | None = None,
                 motion: tuple[int, float] | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        _check_arguments(width, fold, blocks, share, skip)
        self.fold, self.share, self.skip, self.motion = fold, share, skip, motion
        self.noise = MovingNoise()
        bands = self.noise.channels
        self.encode = nn.Sequential(conv3x3(fold**2 * in_channels, width), nn.ReLU(inplace=True))
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.coarse = nn.Sequential(*[ResidualBlock(2 * width) for _ in range(blocks[1])])
        self.up = nn.Conv2d(2 * width, width, 1)
        self.fine = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks[0])])
        # One convolution makes detail and the strength of each band in Y, Cb and Cr. Training starts at the frame with
        # a little noise: where there is none, a little more and a little less are equally good, and nothing is learnt.
        self.conv_out = zero_init(conv3x3(width, 3 * (1 + bands) * fold**2))
        nn.init.constant_(self.conv_out.bias.view(1 + bands, 3, -1)[1:, 0], FAINT)
        self.residual = BoundedResidual(luma, chroma)
        kernel = torch.tensor(BINOMIAL)
        self.register_buffer('soften', (kernel.view(-1, 1) * kernel).expand(width, 1, 3, 3).contiguous(),
                             persistent=False)

    def forward(self, condition: Tensor) -> GeneratorOutput:
        state, preds = self.init_state(condition[:, 0]), []
        for frame in condition.unbind(1):
            pred, state = self.step(frame, state)
            preds.append(pred)
        return GeneratorOutput(torch.stack(preds, dim=1), self.estimate_flow(condition))

    def init_state(self, condition: Tensor) -> State:
        padded = self._pad(condition)
        return {'image': padded.new_zeros(len(padded), 3, *padded.shape[-2:]), **self.noise.init_state(padded)}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        padded = self._pad(condition)  # (N, C, H', W')
        image = padded.new_full((len(padded), 3, *padded.shape[-2:]), 0.5) if self.skip is None else \
            padded[:, self.skip[0]:self.skip[1]]
        flow = self._motion(padded)
        before = state['image'] if flow is None else backward_warp(state['image'], flow)
        trust = torch.exp(-TRUST * (wide(image) - wide(before)).square().sum(1, keepdim=True))  # (N, 1, H', W')
        noise, after = self.noise(state, flow, trust)
        detail, *strengths = self._see(padded).split(3, dim=1)
        texture = sum(strength * band for strength, band in zip(strengths, noise.to(padded.dtype).split(1, dim=1)))
        change = self.residual(self._tame(detail, texture, image))
        pred = image + (change if self.training else self.share * change)
        # The state keeps the padding: so it needs none when it comes back.
        return pred[..., :condition.shape[-2], :condition.shape[-1]], {'image': image, **after}

    def estimate_flow(self, condition: Tensor) -> Tensor | None:
        if self.motion is None:
            return None
        n, t, _, height, width = condition.shape
        return wide(self._motion(condition[:, 1:].flatten(0, 1))).view(n, t - 1, 2, height, width)

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        return {'encode.0.weight': [channel for channel in range(channels) for _ in range(self.fold**2)]}

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat the edges at the bottom and on the right until the sizes of all nets come out even."""
        height, width = x.shape[-2:]
        grid = 2 * self.fold
        return F.pad(x, (0, -width % grid, 0, -height % grid), mode='replicate')  # (N, C, H', W')

    def _motion(self, condition: Tensor) -> Tensor | None:
        """Backward flow (N, 2, H, W) in pixels."""
        if self.motion is None:
            return None
        first, unit = self.motion
        return condition[:, first:first + 2] * unit

    @staticmethod
    def _tame(detail: Tensor, texture: Tensor, image: Tensor) -> Tensor:
        """Detail and texture (N, 3, H', W') where a frame takes them, summed.

        Skies, cars and pale paint in the sun are smooth, and whatever lies on them is seen at once: the ringing of an
        edge against the sky as much as grain.
        """
        luma = (image * image.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        vivid = image.amax(1, keepdim=True) - image.amin(1, keepdim=True)
        return detail * _fade(luma, DAZZLING) + texture * _fade(luma, BRIGHT) * _fade(vivid, VIVID)

    def _see(self, padded: Tensor) -> Tensor:
        """Detail, and strengths of the bands, (N, 3 + 3 * B, H', W') for a condition (N, C, H', W')."""
        margin = MARGIN * 2 * self.fold  # so that the network does not take the end of the frame for an edge
        x = F.pixel_unshuffle(F.pad(padded, (margin,) * 4, mode='replicate'), self.fold)
        x = self.encode(x)  # (N, c, h, w) of the padded frame
        x = x + F.interpolate(self.up(self.coarse(self.down(x))), scale_factor=2, mode='nearest')
        # What alternates from one folded pixel to the next would show as a mesh.
        x = F.conv2d(self.fine(x), self.soften.to(x.dtype), padding=1, groups=x.shape[1])
        out = F.pixel_shuffle(self.conv_out(x), self.fold).to(padded.dtype)
        return out[..., margin:-margin, margin:-margin]


def _fade(x: Tensor, bounds: tuple[float, float]) -> Tensor:
    """1 up to the first bound, 0 from the second one on."""
    return ((bounds[1] - x) / (bounds[1] - bounds[0])).clamp(0, 1)


def _check_arguments(width: int, fold: int, blocks: tuple[int, int], share: float,
                     skip: tuple[int, int] | None) -> None:
    faults = []
    if width < 1:
        faults.append(f'width={width}: expected 1 or more')
    if fold not in (1, 2, 4):
        faults.append(f'fold={fold}: expected 1, 2 or 4')
    if len(blocks) != 2 or min(blocks) < 0:
        faults.append(f'blocks={tuple(blocks)}: expected two counts, at the folded size and at half of it')
    if not 0 <= share <= 1:
        faults.append(f'share={share}: expected 0 to 1')
    if skip is not None and skip[1] - skip[0] != 3:
        faults.append(f'skip={tuple(skip)} takes {skip[1] - skip[0]} channels of the condition, expected 3')
    if faults:
        raise ConfigError(f'DetailUNet: {"; ".join(faults)}')
