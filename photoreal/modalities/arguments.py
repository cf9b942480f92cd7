"""Checks of constructor arguments, and the ranges that random parameters are drawn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from photoreal.errors import ConfigError


def check_number(name: str, value: Any, minimum: float = -math.inf, maximum: float = math.inf,
                 integer: bool = False) -> Any:
    """``value`` as a plain float, or int where ``integer``, within ``minimum`` and ``maximum`` (both included).

    Raises:
        ConfigError: It is no such number; the message names the argument ``name``.
    """
    kind = Integral if integer else Real
    if isinstance(value, bool) or not isinstance(value, kind) or not minimum <= value <= maximum \
            or math.isinf(value):
        raise ConfigError(f'{name}={value!r}: expected {_describe(minimum, maximum, integer)}')
    return int(value) if integer else float(value)


def check_folder(value: Any) -> str:
    """``value`` if it is the plain name of a folder beside ``frames``.

    Raises:
        ConfigError: It is empty, no string, or a path.
    """
    if not isinstance(value, str) or value in ('', '.', '..') or '/' in value or '\\' in value:
        raise ConfigError(f"folder={value!r}: expected the plain name of a folder beside 'frames', such as 'depth'")
    return value


@dataclass(frozen=True)
class Range:
    """A parameter that is drawn once a clip in training, and has a fixed value outside.

    Attributes:
        low: Smallest value drawn.
        high: Largest value drawn (included).
        fixed: Value outside training.
        integer: Whether only whole numbers are drawn.
    """

    low: float
    high: float
    fixed: float
    integer: bool = False

    @classmethod
    def parse(cls, name: str, value: float | Sequence[float], fixed: float | None = None, minimum: float = 0.0,
              maximum: float = math.inf, integer: bool = False) -> 'Range':
        """Read a constructor argument.

        Args:
            name: The argument's name, for messages; ``fixed`` is the argument ``<name>_fixed``.
            value: A pair (low, high), or one number for a constant.
            fixed: Value outside training; None: the middle of the range.
            minimum: Smallest value allowed.
            maximum: Largest value allowed.
            integer: Whether all values must be whole numbers.

        Raises:
            ConfigError: A value is no number or out of bounds, or low is greater than high.
        """
        if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
            if len(value) != 2:
                raise ConfigError(f'{name}={value!r}: expected a pair (low, high), or one number for a constant')
            low, high = (check_number(f'{name}[{i}]', v, minimum, maximum, integer) for i, v in enumerate(value))
        else:
            low = high = check_number(name, value, minimum, maximum, integer)
        if low > high:
            raise ConfigError(f'{name}={value!r}: low is greater than high; expected (low, high)')
        if fixed is None:
            fixed = (low + high) // 2 if integer else (low + high) / 2
        else:
            fixed = check_number(f'{name}_fixed', fixed, minimum, maximum, integer)
        return cls(low, high, fixed, integer)

    @property
    def largest(self) -> float:
        """The largest value that can occur, in training or outside."""
        return max(self.high, self.fixed)

    def draw(self, rng: np.random.Generator | None) -> float:
        """A value drawn uniformly from the range; the fixed one if ``rng`` is None."""
        if rng is None:
            return self.fixed
        if self.integer:
            return int(rng.integers(self.low, self.high, endpoint=True))
        return float(rng.uniform(self.low, self.high))


def _describe(minimum: float, maximum: float, integer: bool) -> str:
    number = 'a whole number' if integer else 'a finite number'
    if math.isinf(minimum):
        return number if math.isinf(maximum) else f'{number} up to {maximum:g}'
    return f'{number} of at least {minimum:g}' if math.isinf(maximum) else f'{number} from {minimum:g} to {maximum:g}'
