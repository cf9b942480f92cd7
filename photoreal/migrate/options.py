"""The YAML of an old experiment, which remembers what has been asked for, so that no key is dropped in silence."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from photoreal.errors import ConfigError
from photoreal.registry import suggest

_MISSING = object()
_SECTIONS = ('model', 'dataset', 'datasets', 'data')


class Options:
    """Keys of a YAML file, with dots between the levels: ``train.generator.lr``.

    Args:
        path: The file; nothing in it is executed.

    Attributes:
        path: The file.
        notes: Key -> what became of it, for those that have no key of a config as their counterpart.
        lenient: Whether values without a counterpart become notes, the usual value taking their place, rather than
            errors.

    Raises:
        ConfigError: It is missing, or no YAML of sections.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            values = yaml.safe_load(path.read_text(encoding='utf-8'))
        except FileNotFoundError as error:
            raise ConfigError(f'there is no file {path}') from error
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            reason = ' '.join(str(error).split())
            raise ConfigError(f'{path} cannot be read as YAML: {reason}') from error
        if not isinstance(values, dict) or not any(isinstance(values.get(name), dict) for name in _SECTIONS):
            raise ConfigError(f"{path}: found no section {' or '.join(_SECTIONS)}; expected a YAML of TecoGAN-PyTorch "
                              'with dataset, model and, to train, train')
        self._values: dict[str, Any] = values
        self._asked: set[str] = set()
        self._covered: set[str] = set()
        self.notes: dict[str, str] = {}
        self.lenient = False

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and not empty."""
        return self._find(key) not in (_MISSING, None)

    def take(self, key: str, default: Any = None, kind: type = str) -> Any:
        """The value of a key, or ``default`` where it is missing or empty.

        Args:
            key: The key.
            default: What stands for it.
            kind: int, float, bool, str or list.

        Raises:
            ConfigError: The value is of another kind.
        """
        self._asked.add(key)
        value = self._find(key)
        if value in (_MISSING, None, ''):
            return default
        try:
            if kind is float and not isinstance(value, bool):
                return float(value)  # YAML takes 5e-5, without a point, for a text
            if kind is int and not isinstance(value, bool) and int(value) == float(value):
                return int(value)
        except (TypeError, ValueError):
            pass
        else:
            if kind not in (int, float) and isinstance(value, kind):
                return value
        if self.lenient:
            self.notes[key] = f'{value!r} is no {kind.__name__}; {default!r} is used'
            return default
        raise ConfigError(f'{self.path}: {key}={value!r}: expected {kind.__name__}')

    def first(self, keys: Sequence[str], default: Any = None, kind: type = str) -> Any:
        """The value of the first of several keys that is there."""
        found = [self.take(key, None, kind) for key in keys]
        return next((value for value in found if value is not None), default)

    def text(self, key: str) -> str | None:
        """The value of a key where it is a text; None where it is missing, empty or something else."""
        self._asked.add(key)
        value = self._find(key)
        return value if isinstance(value, str) and value else None

    def value(self, key: str) -> Any:
        """What the YAML holds at a key, without asking for it; None where there is nothing."""
        value = self._find(key)
        return None if value is _MISSING else value

    def cover(self, section: str) -> None:
        """Take a section for understood, with all below it."""
        self._covered.add(section)

    def choose(self, key: str, known: dict[str, Any], default: str | None = None) -> Any:
        """What stands in ``known`` for the value of a key.

        Raises:
            ConfigError: It is missing without a default, or none of them.
        """
        value = self.take(key, default)
        if value not in known:
            if self.lenient:
                usual = default if default in known else next(iter(known))
                self.notes[key] = f'{value!r} is not known here (known: {", ".join(map(str, known))}); {usual} is used'
                return known[usual]
            raise ConfigError(f'{self.path}: {key}={value!r} is unknown{suggest(str(value), known)}')
        return known[value]

    def note(self, key: str, reason: str) -> None:
        """Tell what became of a key, if it is there."""
        self._asked.add(key)
        if key in self:
            self.notes[key] = reason

    def keys(self, section: str = '') -> list[str]:
        """Names directly in a section; none where there is no such section."""
        values = self._find(section) if section else self._values
        return [str(key) for key in values] if isinstance(values, dict) else []

    def unknown(self) -> list[str]:
        """Keys that nothing has asked for; those below one with a note are covered by it."""
        covered = (*self.notes, *self._covered)
        return [key for key in _leaves(self._values, '') if key not in self._asked
                and not any(key == known or key.startswith(f'{known}.') for known in covered)]

    def nearest(self, key: str) -> str | None:
        """The key that may have been meant by an unknown one: like it by its last part, and not used itself."""
        name, free = key.rpartition('.')[2], [asked for asked in self._asked if self.value(asked) is None]
        section = key.rpartition('.')[0]
        near = difflib.get_close_matches(name, {asked.rpartition('.')[2] for asked in free}, n=1, cutoff=0.7)
        return min((asked for asked in free if near and asked.rpartition('.')[2] == near[0]),
                   key=lambda asked: (asked.rpartition('.')[0] != section, asked), default=None)

    def _find(self, key: str) -> Any:
        value: Any = self._values
        for part in key.split('.'):
            if not isinstance(value, dict) or part not in value:
                return _MISSING
            value = value[part]
        return value


def _leaves(values: dict, prefix: str) -> list[str]:
    found = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f'{prefix}{key}.')
        else:
            found.append(f'{prefix}{key}')
    return found
