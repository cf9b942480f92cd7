"""``.cube`` files: tables of colours as FFmpeg, OBS, Unreal, Unity and Resolve read them.

After Adobe's "Cube LUT Specification" 1.0 (2013), which writes down what IRIDAS began; Resolve's ``LUT_3D_INPUT_RANGE``
is read too.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from photoreal.errors import DataError

SUFFIX = '.cube'
_LARGEST = {1: 65536, 3: 256}  # dimensions -> entries along an axis that the specification allows
_FROM_CURVES = 65  # places along each axis of the table that one-dimensional curves become
_NUMBER = re.compile(r'[-+.\d]')


@dataclass
class _Reader:
    """What has been read of a file, line by line."""

    path: Path
    line: int = 0
    title: str = ''
    size: int = 0
    dimensions: int = 0
    low: tuple[float, ...] = (0.0, 0.0, 0.0)
    high: tuple[float, ...] = (1.0, 1.0, 1.0)
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def fail(self, text: str) -> NoReturn:
        raise DataError(f'{self.path}, line {self.line}: {text}')

    def numbers(self, words: list[str], count: int, what: str) -> tuple[float, ...]:
        try:
            found = tuple(map(float, words))
        except ValueError:
            found = ()
        if len(found) != count or not np.isfinite(found).all():
            self.fail(f"found '{' '.join(words)[:60]}'; expected {count} numbers, {what}")
        return found

    def keyword(self, name: str, rest: str) -> None:
        words = rest.split()
        if name == 'TITLE':
            self.title = rest.strip().strip('"')
        elif name in ('LUT_1D_SIZE', 'LUT_3D_SIZE'):
            if self.dimensions:
                self.fail(f'{name}, and the file has a LUT_{self.dimensions}D_SIZE already: a table behind curves is '
                          'not supported; save it as one table')
            self.dimensions = int(name[4])
            most = _LARGEST[self.dimensions]
            if len(words) != 1 or not words[0].isdecimal() or not 2 <= int(words[0]) <= most:
                self.fail(f"{name}: found '{rest.strip()[:60]}'; expected a whole number from 2 to {most}")
            self.size = int(words[0])
        elif name in ('DOMAIN_MIN', 'DOMAIN_MAX'):
            values = self.numbers(words, 3, f'the {name[-3:].lower()}imum of red, green and blue')
            self.low, self.high = (values, self.high) if name == 'DOMAIN_MIN' else (self.low, values)
        elif name in ('LUT_1D_INPUT_RANGE', 'LUT_3D_INPUT_RANGE'):
            low, high = self.numbers(words, 2, 'the least and the greatest value')
            self.low, self.high = (low,) * 3, (high,) * 3
        else:
            self.fail(f"found '{name[:60]}'; expected TITLE, DOMAIN_MIN, DOMAIN_MAX, LUT_1D_SIZE, LUT_3D_SIZE or three "
                      'numbers')


def read_cube(path: str | os.PathLike) -> tuple[np.ndarray, str]:
    """Read a ``.cube`` file.

    Args:
        path: A table or, for each channel, a curve. Its domain may be another than [0, 1].

    Returns:
        The table (S, S, S, 3), float32 RGB by red, green and blue over [0, 1], clipped to [0, 1]; and the title.

    Raises:
        DataError: No such file, or a line that cannot be used.
    """
    found = _Reader(Path(path))
    try:
        lines = found.path.read_text(encoding='utf-8-sig', errors='replace').splitlines()
    except OSError as error:
        raise DataError(f'{path}: no look can be read: {error.strerror}') from error
    for found.line, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        if _NUMBER.match(line):
            if not found.size:
                found.fail('numbers before LUT_3D_SIZE or LUT_1D_SIZE; expected the size first')
            found.rows.append(found.numbers(line.split(), 3, 'red, green and blue'))
        else:
            name, _, rest = line.partition(' ') if '\t' not in line else line.partition('\t')
            found.keyword(name, rest)
    _check(found)
    return _table(found), found.title


def write_cube(path: str | os.PathLike, table: np.ndarray, title: str = '') -> None:
    """Write a ``.cube`` file.

    Args:
        path: A file name that ends in ``.cube``.
        table: (S, S, S, 3) RGB in [0, 1], by red, green and blue.
        title: One line.

    Raises:
        DataError: The name has another suffix.
    """
    check_name(path)
    from photoreal.datasets.writers import atomic_path  # whose package is built on this one
    title = ' '.join(title.replace('"', "'").split())
    head = [f'TITLE "{title}"', f'LUT_3D_SIZE {len(table)}', 'DOMAIN_MIN 0 0 0', 'DOMAIN_MAX 1 1 1']
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)  # red changes fastest
    lines = [*head, *(f'{r:.7f} {g:.7f} {b:.7f}' for r, g, b in rows.tolist())]
    with atomic_path(path) as temporary:
        temporary.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def check_name(path: str | os.PathLike) -> None:
    """See that a look can be written so.

    Raises:
        DataError: The name does not end in ``.cube``.
    """
    if Path(path).suffix.lower() != SUFFIX:
        raise DataError(f'{path}: the name of a look ends in {SUFFIX}')


def _check(found: _Reader) -> None:
    if not found.size:
        raise DataError(f'{found.path}: no LUT_3D_SIZE or LUT_1D_SIZE; expected a .cube file')
    expected = found.size ** found.dimensions
    if len(found.rows) != expected:
        raise DataError(f'{found.path}, line {found.line}: the file ends with {len(found.rows)} colours; expected '
                        f'{expected}, as LUT_{found.dimensions}D_SIZE {found.size} says')
    if not all(low < high for low, high in zip(found.low, found.high)):
        raise DataError(f'{found.path}: the domain goes from {found.low} to {found.high}; expected each maximum above '
                        'its minimum')


def _table(found: _Reader) -> np.ndarray:
    """The table over [0, 1]."""
    rows, native = np.array(found.rows), (found.low, found.high) == ((0.0,) * 3, (1.0,) * 3)
    size = found.size if found.dimensions == 3 and native else _FROM_CURVES
    # Where along each axis of what the file holds the places of the table lie.
    places = [np.clip((np.linspace(0, 1, size) - low) / (high - low), 0, 1) * (found.size - 1)
              for low, high in zip(found.low, found.high)]
    if found.dimensions == 1:
        curves = [np.interp(place, np.arange(found.size), rows[:, c]) for c, place in enumerate(places)]
        table = np.stack(np.meshgrid(*curves, indexing='ij'), axis=-1)
    else:
        table = rows.reshape(*[found.size] * 3, 3).transpose(2, 1, 0, 3)
        for axis, place in enumerate(places if not native else ()):
            table = _resampled(table, axis, place)
    return np.clip(table, 0, 1).astype(np.float32)


def _resampled(table: np.ndarray, axis: int, places: np.ndarray) -> np.ndarray:
    """Interpolate along one axis, at places in units of its entries."""
    below = np.minimum(places.astype(int), table.shape[axis] - 2)
    shape = [-1 if i == axis else 1 for i in range(table.ndim)]
    share = (places - below).reshape(shape)
    return np.take(table, below, axis) * (1 - share) + np.take(table, below + 1, axis) * share
