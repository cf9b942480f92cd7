"""How a generator steps through frames: whole, or in tiles that each keep their own state.

Legend: C condition channels, H height, W width, s scale.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import Generator, State


class Whole:
    """Frames as they are."""

    def __init__(self, generator: Generator | CompiledGenerator) -> None:
        self.generator = generator

    def init_state(self, condition: Tensor) -> Any:
        """Blank state for frames like ``condition`` (1, C, H, W)."""
        return self.generator.init_state(condition)

    def step(self, condition: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One frame (1, C, H, W) -> (1, 3, H*s, W*s) and the next state."""
        return self.generator.step(condition, state)


@dataclass(frozen=True)
class _Tile:
    rows: slice
    columns: slice
    weight: Tensor  # (h*s, w*s)

    def scaled(self, scale: int) -> tuple[slice, slice]:
        return tuple(slice(part.start * scale, part.stop * scale) for part in (self.rows, self.columns))


class Tiled:
    """Frames in overlapping tiles, each with its own state; where they overlap they fade into each other.

    Args:
        generator: The generator.
        side: Side of a tile in pixels of the condition.
        overlap: Pixels by which neighbours overlap.
    """

    def __init__(self, generator: Generator | CompiledGenerator, side: int, overlap: int) -> None:
        if not 0 <= overlap < side:
            raise ConfigError(f'tiles of {side} pixels that overlap by {overlap}: expected 0 <= overlap < tile')
        self.generator, self.side, self.overlap = generator, side, overlap

    def init_state(self, condition: Tensor) -> list[tuple[_Tile, State]]:
        """Tiles with their blank states."""
        height, width = condition.shape[-2:]
        tiles = [_Tile(rows, columns, self._weight(rows, columns, height, width).to(condition.device))
                 for rows in _spans(height, self.side, self.overlap)
                 for columns in _spans(width, self.side, self.overlap)]
        return [(tile, self.generator.init_state(condition[..., tile.rows, tile.columns])) for tile in tiles]

    def step(self, condition: Tensor, state: list[tuple[_Tile, State]]) -> tuple[Tensor, list[tuple[_Tile, State]]]:
        """One frame (1, C, H, W) -> (1, 3, H*s, W*s) and the next states."""
        scale = self.generator.scale
        height, width = (side * scale for side in condition.shape[-2:])
        total = condition.new_zeros(1, 3, height, width)
        weights = condition.new_zeros(height, width)
        states = []
        for tile, before in state:
            pred, after = self.generator.step(condition[..., tile.rows, tile.columns], before)
            rows, columns = tile.scaled(scale)
            total[..., rows, columns] += pred * tile.weight
            weights[rows, columns] += tile.weight
            states.append((tile, after))
        return total / weights, states

    def _weight(self, rows: slice, columns: slice, height: int, width: int) -> Tensor:
        """(h*s, w*s): 1 inside, falling towards sides that have a neighbour."""
        sides = []
        for part, whole in ((rows, height), (columns, width)):
            count, fade = (part.stop - part.start) * self.generator.scale, self.overlap * self.generator.scale
            ramp = (torch.arange(count) + 1) / (fade + 1)
            ones = torch.ones(count)
            sides.append(torch.minimum(ramp.clamp(max=1) if part.start > 0 else ones,
                                       ramp.flip(0).clamp(max=1) if part.stop < whole else ones))
        return sides[0][:, None] * sides[1]


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    """Spans of ``side`` pixels that cover ``length``; the last one ends with it."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, side - overlap), length - side]
    return [slice(start, start + side) for start in starts]
