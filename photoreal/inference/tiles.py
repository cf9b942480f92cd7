"""How a generator steps through frames: whole, or in tiles that each keep their own state.

Legend: N batch, C condition channels, H height, W width, s scale, h and w the size of a tile.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import Generator, State


class Whole:
    """Frames as they are."""

    def __init__(self, generator: Generator | CompiledGenerator) -> None:
        self.generator = generator

    def init_state(self, condition: Tensor) -> State:
        """Blank state for frames like ``condition`` (N, C, H, W)."""
        return self.generator.init_state(condition)

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """One frame (N, C, H, W) -> (N, 3, H*s, W*s) and the next state."""
        return self.generator.step(condition, state)


@dataclass(frozen=True)
class _Tile:
    rows: slice
    columns: slice
    weight: Tensor  # (h*s, w*s), in sum 1 over all tiles of a pixel

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
        self._tiles: dict[tuple[int, int, torch.device], list[_Tile]] = {}

    def init_state(self, condition: Tensor) -> State:
        """Blank states of all tiles of frames like ``condition`` (N, C, H, W), under the names ``<tile>.<name>``."""
        return {f'{i}.{name}': value for i, tile in enumerate(self._tiles_of(condition))
                for name, value in self.generator.init_state(condition[..., tile.rows, tile.columns]).items()}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """One frame (N, C, H, W) -> (N, 3, H*s, W*s) and the next states."""
        scale = self.generator.scale
        height, width = (side * scale for side in condition.shape[-2:])
        total, after = condition.new_zeros(len(condition), 3, height, width), {}
        names = [key.removeprefix('0.') for key in state if key.startswith('0.')]
        for i, tile in enumerate(self._tiles_of(condition)):
            pred, states = self.generator.step(condition[..., tile.rows, tile.columns],
                                               {name: state[f'{i}.{name}'] for name in names})
            rows, columns = tile.scaled(scale)
            total[..., rows, columns] += pred * tile.weight
            after.update({f'{i}.{name}': value for name, value in states.items()})
        return total, after

    def _tiles_of(self, condition: Tensor) -> list[_Tile]:
        height, width = condition.shape[-2:]
        key = height, width, condition.device
        if key not in self._tiles:
            spans = [(rows, columns) for rows in _spans(height, self.side, self.overlap)
                     for columns in _spans(width, self.side, self.overlap)]
            tiles = [_Tile(*span, self._weight(*span, height, width)) for span in spans]
            scale = self.generator.scale
            total = torch.zeros(height * scale, width * scale)
            for tile in tiles:
                total[tile.scaled(scale)] += tile.weight
            self._tiles[key] = [_Tile(tile.rows, tile.columns,
                                      (tile.weight / total[tile.scaled(scale)]).to(condition.device)) for tile in tiles]
        return self._tiles[key]

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


def count_tiles(height: int, width: int, side: int, overlap: int) -> int:
    """Of a frame of that size."""
    return len(_spans(height, side, overlap)) * len(_spans(width, side, overlap))


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    """Spans of ``side`` pixels that cover ``length``; the last one ends with it."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, side - overlap), length - side]
    return [slice(start, start + side) for start in starts]
