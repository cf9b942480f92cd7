"""Noise that lies on the things in the scene and moves with them, as raw material for texture.

What is carried from frame to frame is not the noise, which would blur a little each time, but where in a fixed tile
each pixel looks: coordinates are smooth, and survive being warped. They stretch where the camera comes closer, so there
are two layers that start anew in turn and are faded into each other, as in the flow maps of games (Vlachos, "Water Flow
in Portal 2", SIGGRAPH 2010 course on real-time rendering).

Legend: N batch, B bands, H height, W width, P period.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.models.layers import backward_warp, wide

TILE = 256  # side of the noise, which repeats
PERIOD = 32  # frames after which a layer starts anew
LAYERS = 2
LONGEST = 64 * PERIOD  # frames that are counted before the count starts over
# Sigmas, in pixels, of the Gaussians whose difference a band is. Finer ones
# would flicker as they move by half a pixel; of coarser ones come clouds, not material.
BANDS = ((0.8, 1.6), (1.6, 3.2))
TRUSTED = 0.2  # below it a place has not been seen before, and starts anew


class MovingNoise(nn.Module):
    """Bands of noise from fine to coarse, each of variance 1 and Gaussian, the same in each run."""

    channels = len(BANDS)

    def __init__(self) -> None:
        super().__init__()
        white = torch.randn(1, 1, TILE, TILE, generator=torch.Generator().manual_seed(0))
        bands = [_blur(white, fine) - _blur(white, coarse) for fine, coarse in BANDS]
        tile = torch.cat([band / band.std() for band in bands], dim=1)  # (1, B, TILE, TILE)
        # Part of the weights, as not all versions of torch draw the same; one more row and column, to look between.
        self.register_buffer('tile', F.pad(tile, (0, 1, 0, 1), mode='circular'))

    def init_state(self, like: Tensor) -> dict[str, Tensor]:
        """Before the first frame of streams like (N, C, H, W)."""
        return {'places': wide(like.new_zeros(len(like), 2 * LAYERS, *like.shape[-2:])),
                'age': wide(like.new_zeros(len(like), 1, 1, 1))}

    def forward(self, state: dict[str, Tensor], flow: Tensor | None, trust: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The next frame's noise.

        Args:
            state: 'places' (N, 2 * layers, H, W), where in the tile each pixel looks, and 'age' (N, 1, 1, 1).
            flow: Backward flow (N, 2, H, W) in pixels; None: nothing moves.
            trust: (N, 1, H, W) in [0, 1], how surely a pixel shows what the flow says it does.

        Returns:
            Noise (N, B, H, W), and the state.
        """
        places, age = state['places'], state['age']
        grid = _grid(places)
        if flow is not None:
            flow = wide(flow).to(places.dtype)
            places = backward_warp(places, flow)
            source = grid + flow
            limit = source.new_tensor([places.shape[-1] - 1, places.shape[-2] - 1]).view(2, 1, 1)
            trust = trust * ((source >= 0) & (source <= limit)).all(1, keepdim=True)
        layers, weights = [], []
        for k, layer in enumerate(places.chunk(LAYERS, dim=1)):
            own = torch.remainder(age + k * PERIOD / LAYERS, PERIOD)
            start = grid + torch.cat([37.7 * age + 101.3 * k, 61.1 * age + 53.9 * k], dim=1)
            fresh = (own == 0) | (age == 0) | (trust < TRUSTED)
            layers.append(torch.where(fresh, start, layer))
            weights.append(torch.sin(math.pi / PERIOD * (own + 0.5)).square())
        noise = sum(weight * self._look_up(layer) for weight, layer in zip(weights, layers))
        noise = noise / torch.stack(weights).square().sum(0).sqrt()
        older = age + 1
        return noise, {'places': torch.cat(layers, dim=1), 'age': torch.where(older < LONGEST, older, PERIOD)}

    def _look_up(self, places: Tensor) -> Tensor:
        """(N, 2, H, W) pixels of the tile -> (N, B, H, W)."""
        at = torch.remainder(places, TILE).permute(0, 2, 3, 1) * (2 / TILE) - 1  # (N, H, W, 2)
        tile = self.tile.to(at.dtype).expand(len(at), -1, -1, -1)
        return F.grid_sample(tile, at, mode='bilinear', padding_mode='border', align_corners=True)


def _grid(like: Tensor) -> Tensor:
    """(1, 2, H, W): the x and y of each pixel."""
    height, width = like.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height, device=like.device, dtype=like.dtype),
                          torch.arange(width, device=like.device, dtype=like.dtype), indexing='ij')
    return torch.stack([x, y]).unsqueeze(0)


def _blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian, over the borders of a tile that repeats."""
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    x = F.conv2d(F.pad(x, (0, 0, radius, radius), mode='circular'), kernel.view(1, 1, -1, 1))
    return F.conv2d(F.pad(x, (radius, radius, 0, 0), mode='circular'), kernel.view(1, 1, 1, -1))
