"""A colour map as a 3-D lookup table, interpolated in tetrahedra."""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from photoreal.errors import ConfigError, DataError
from photoreal.look.cube import read_cube, write_cube
from photoreal.storage import fetch, is_url

SIZE = 33  # places along each axis of a table that is made here
_PIXELS = 1 << 20  # interpolated at once, which bounds the memory
_STARTS = 17  # places along each axis from which the inverse is looked for
_NEWTON_STEPS = 24

Frames = TypeVar('Frames', np.ndarray, Tensor)


class Look:
    """A fixed change of colours.

    Between the places of the table colours are interpolated in tetrahedra, which keeps greys free of casts; FFmpeg's
    ``lut3d`` does the same by default.

    Args:
        table: (S, S, S, 3) RGB in [0, 1], by red, green and blue, S from 2 to 256. What lies outside is clipped.
        title: What the look is, in a few words; it goes into ``.cube`` files.

    Attributes:
        table: float32, on the CPU.
        title: As given.

    Raises:
        ConfigError: The table has another shape or holds what is not a number.
    """

    def __init__(self, table: np.ndarray | Tensor, title: str = '') -> None:
        table = torch.as_tensor(table, dtype=torch.float32)
        if table.ndim != 4 or len(set(table.shape[:3])) != 1 or table.shape[3] != 3 or not 2 <= len(table) <= 256:
            raise ConfigError(f'a look has a table of shape (S, S, S, 3), S from 2 to 256; found {tuple(table.shape)}')
        if not table.isfinite().all():
            raise ConfigError('a look has a table of finite numbers; found NaN or infinity')
        self.table = table.clamp(0, 1).contiguous()
        self.title = title
        self._on_device = {self.table.device: self.table.view(-1, 3)}

    def __repr__(self) -> str:
        return f'Look({len(self.table)} cubed, {self.title!r})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Look) and torch.equal(self.table, other.table)

    __hash__ = None

    @classmethod
    def identity(cls, size: int = SIZE) -> 'Look':
        """The look that changes nothing."""
        return cls(grid(size), 'identity')

    @classmethod
    def from_function(cls, change: Callable[[np.ndarray], np.ndarray], size: int = SIZE, title: str = '') -> 'Look':
        """The table of a function from (n, 3) RGB in [0, 1] to the same, float64."""
        colours = grid(size).reshape(-1, 3).astype(np.float64)
        return cls(np.asarray(change(colours)).reshape(size, size, size, 3), title)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'Look':
        """Read a ``.cube`` file; a one-dimensional one becomes a table too.

        Raises:
            DataError: No such file, or none that can be used; it names the line.
        """
        table, title = read_cube(path)
        return cls(table, title)

    def save(self, path: str | os.PathLike) -> None:
        """Write a ``.cube`` file.

        Raises:
            DataError: The name does not end in ``.cube``.
        """
        write_cube(path, self.table.numpy(), self.title)

    def apply(self, frames: Frames) -> Frames:
        """Change the colours of frames.

        Args:
            frames: A NumPy array (..., 3), or a tensor (..., 3, H, W) on any device: uint8, or floats in [0, 1];
                floats outside are clipped. RGB.

        Returns:
            The same kind, shape and dtype. Gradients reach tensors of floats.

        Raises:
            DataError: The array has no three channels where they belong, or another dtype.
        """
        given_array = isinstance(frames, np.ndarray)
        colours = torch.from_numpy(np.ascontiguousarray(frames)) if given_array else frames
        axis = -1 if given_array else -3
        if colours.ndim < -axis or colours.shape[axis] != 3:
            raise DataError(f'a look changes {"arrays (..., 3)" if given_array else "tensors (..., 3, H, W)"}; found '
                            f'shape {tuple(frames.shape)}')
        if colours.dtype != torch.uint8 and not colours.is_floating_point():
            raise DataError(f'a look changes uint8 or floats in [0, 1]; found {frames.dtype}')
        planes = colours.movedim(axis, 0)  # (3, ...)
        flat = planes.reshape(3, -1)
        table = self._table_on(flat.device)
        parts = [_interpolate(table, len(self.table), part) for part in flat.split(_PIXELS, dim=1)]
        changed = torch.cat(parts).view(*planes.shape[1:], 3)  # (..., 3)
        changed = changed if given_array else changed.movedim(-1, -3).contiguous()
        return changed.numpy() if given_array else changed

    def blend(self, strength: float) -> 'Look':
        """A weaker look: each colour goes this part of its way.

        Args:
            strength: 0 (no change) to 1 (the whole).

        Raises:
            ConfigError: The strength is out of range.
        """
        if not 0 <= strength <= 1:
            raise ConfigError(f"the look's strength is {strength}; expected 0 to 1")
        if strength == 1:
            return self
        return Look(torch.lerp(torch.from_numpy(grid(len(self.table))), self.table, float(strength)), self.title)

    def then(self, other: 'Look') -> 'Look':
        """This look and after it another, in one table of this one's size."""
        return Look(other.apply(self.table.numpy()), f'{self.title}, {other.title}')

    def inverse(self, size: int = SIZE) -> 'Look':
        """The look that undoes this one, nearly: each colour of its table is solved for by Newton's method.

        A colour that this look never produces gets the nearest one it does. Where the look is smooth and neither clips
        nor crushes, frames come back to within 2/255, and to within 5/255 in their darkest and brightest levels, where
        a cell of the inverse reaches beyond the range of this look.

        Args:
            size: Places along each axis of the new table.
        """
        wanted = torch.from_numpy(grid(size)).view(-1, 3)
        starts = torch.from_numpy(grid(min(size, _STARTS))).view(-1, 3)
        found = starts[_nearest(wanted, self._change(starts))]
        missing = (self._change(found) - wanted).norm(dim=1)
        damping = torch.full_like(missing, 1e-3)
        for _ in range(_NEWTON_STEPS):
            slopes = self._slopes(found)  # (n, 3 of the result, 3 of the colour)
            squared = slopes.mT @ slopes + damping[:, None, None] * torch.eye(3)
            step = torch.linalg.solve(squared, slopes.mT @ (wanted - self._change(found))[..., None])[..., 0]
            tried = (found + step).clamp(0, 1)
            left = (self._change(tried) - wanted).norm(dim=1)
            better = left < missing
            found, missing = torch.where(better[:, None], tried, found), torch.where(better, left, missing)
            damping = torch.where(better, damping / 3, damping * 4).clamp(1e-6, 1e3)
        return Look(found.view(size, size, size, 3), f'inverse of {self.title}')

    def _change(self, colours: Tensor) -> Tensor:
        return _interpolate(self.table.view(-1, 3), len(self.table), colours.T)

    def _slopes(self, colours: Tensor) -> Tensor:
        """How the change of colours (n, 3) follows each of their channels: (n, 3, 3)."""
        columns = []
        for channel in range(3):
            shift = torch.zeros(3)
            shift[channel] = 0.25 / (len(self.table) - 1)
            above, below = (colours + shift).clamp(max=1), (colours - shift).clamp(min=0)
            width = (above - below)[:, channel, None]
            columns.append((self._change(above) - self._change(below)) / width)
        return torch.stack(columns, dim=-1)

    def _table_on(self, device: torch.device) -> Tensor:
        """(S**3, 3) on a device, copied there once."""
        if device not in self._on_device:
            self._on_device[device] = self.table.view(-1, 3).to(device)
        return self._on_device[device]

    def __reduce__(self) -> tuple:
        return Look, (self.table, self.title)  # without the copies on other devices


def build_look(look: 'Look | str | os.PathLike | Mapping[str, Any] | None') -> Look | None:
    """The look that a config names.

    Args:
        look: A path or URL of a ``.cube`` file; ``dict(path=..., strength=...)`` for a weaker one; a look, or None,
            which come back as they are.

    Raises:
        ConfigError: It names no file, or has a key that is not known.
        DataError: The file cannot be used.
        StorageError: There is none at a URL, or it cannot be reached.
    """
    if look is None or isinstance(look, Look):
        return look
    if isinstance(look, Mapping):
        unknown = set(look) - {'path', 'strength'}
        if unknown or 'path' not in look:
            raise ConfigError(f"look={dict(look)}: expected a path, or dict(path='look.cube', strength=1.0)")
        return build_look(look['path']).blend(look.get('strength', 1.0))
    return Look.load(fetch(look) if is_url(look) else look)


def grid(size: int) -> np.ndarray:
    """The colours of an even cube: (S, S, S, 3) float32, by red, green and blue."""
    return np.stack(np.meshgrid(*[np.linspace(0, 1, size, dtype=np.float32)] * 3, indexing='ij'), axis=-1)


def _nearest(colours: Tensor, others: Tensor) -> Tensor:
    """For each of (n, 3) colours the number of the nearest of the others."""
    return torch.cat([torch.cdist(part, others).argmin(1) for part in colours.split(4096)])


def _interpolate(table: Tensor, size: int, colours: Tensor) -> Tensor:
    """Look up colours (3, n): (n, 3) of the same dtype.

    A cell of the table is cut into six tetrahedra along its grey diagonal. A colour is the mean of its tetrahedron's
    corners, which come one after another when the channels are raised in the order of their remainders.
    """
    whole = colours.dtype == torch.uint8
    place = colours.float() * ((size - 1) / 255) if whole else colours.float().clamp(0, 1) * (size - 1)
    cell = place.detach().floor().clamp_(max=size - 2)
    red, green, blue = place - cell
    most = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    middle = red + green + blue - most - least
    steps = torch.tensor([size * size, size, 1], dtype=torch.int32, device=colours.device)
    across = size * size + size + 1
    red_green, red_blue, green_blue = red >= green, red >= blue, green >= blue
    first = torch.where(red_green & red_blue, steps[0], torch.where(green_blue, steps[1], steps[2]))
    last = torch.where(red_blue & green_blue, steps[2], torch.where(red_green, steps[1], steps[0]))
    row, column, layer = cell.int()
    corner = row * steps[0] + column * steps[1] + layer
    corners = torch.stack([corner, corner + first, corner + (across - last), corner + across], dim=1)  # (n, 4)
    shares = torch.stack([1 - most, most - middle, middle - least, least], dim=1)
    changed = F.embedding_bag(corners, table, per_sample_weights=shares, mode='sum')
    return changed.mul(255).round_().to(torch.uint8) if whole else changed.to(colours.dtype)
