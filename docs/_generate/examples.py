"""Examples of arguments, harvested where they are known to work: configs first, then the docs' code, then the tests."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from mmengine.config import Config

from docs._generate.components import MEANINGS, ROOT
from photoreal.config import load_config
from photoreal.validation import lookup, place_of, walk

LONGEST = 60  # characters of an example


@cache
def configs() -> dict[str, Config]:
    """Name -> every shipped config, the one to start from first."""
    paths = sorted((ROOT / 'configs').glob('*.py'), key=lambda path: (path.stem != 'tecogan_multimodal', path.stem))
    return {path.stem: load_config(path) for path in paths}


@cache
def examples() -> dict[tuple[str, str], list[str]]:
    """(type, argument) -> values as Python text, the best first."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, argument, value in [*_shown(), *_of_tests()]:
        if len(value) <= LONGEST and value not in found.setdefault((name, argument), []):
            found[name, argument].append(value)
    return found


def example(name: str, argument: str, default: str | None) -> str:
    """A value that tells something: one that is not the default where there is one."""
    values = examples().get((name, argument), [])
    told = [value for value in values if value not in (default, 'None')]
    return (told or [MEANINGS['examples'].get(argument)] or values)[0] or default or ''


@cache
def usage(name: str) -> list[str]:
    """The arguments that configs and docs give a class."""
    return list(dict.fromkeys(argument for owner, argument, _ in _shown() if owner == name))


@cache
def _shown() -> list[tuple[str, str, str]]:
    return [*_of_configs(), *_of_pages()]


def _of_configs() -> Iterator[tuple[str, str, str]]:
    for cfg in configs().values():
        for key, node in walk(cfg):
            place = place_of(key)
            if place and isinstance(node, dict) and lookup(place.registry, node.get('type', place.default)):
                for argument, value in node.items():
                    if argument != 'type':
                        yield node.get('type', place.default), argument, text_of(value)
            elif key.endswith('_dataloader'):
                yield from (('DataLoader', argument, text_of(value)) for argument, value in node.items())


def text_of(value: Any) -> str:
    """A value as a config would have it."""
    if isinstance(value, dict):
        return f'dict({", ".join(f"{key}={text_of(child)}" for key, child in value.items())})'
    if isinstance(value, (list, tuple)) and any(isinstance(child, dict) for child in value):
        return f'[{", ".join(map(text_of, value))}]'
    return repr(value)


def _of_pages() -> Iterator[tuple[str, str, str]]:
    for page in [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]:
        for block in re.findall(r'```python\n(.*?)```', page.read_text('utf-8'), re.S):
            with suppress(SyntaxError):  # it leaves something out
                yield from _of_calls(ast.parse(block))


def _of_tests() -> Iterator[tuple[str, str, str]]:
    for path in sorted((ROOT / 'tests').rglob('*.py')):
        yield from _of_calls(ast.parse(path.read_text('utf-8')))


def _of_calls(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Literal keyword arguments of ``Name(...)`` and ``dict(type='Name', ...)``; not where errors are tested."""
    if isinstance(node, ast.With) and any('raises' in ast.unparse(item) for item in node.items):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        name = given.pop('type').value if node.func.id == 'dict' and isinstance(given.get('type'), ast.Constant) \
            else node.func.id
        for argument, value in given.items():
            if _is_literal(value):
                yield str(name), argument, ast.unparse(value)
    for child in ast.iter_child_nodes(node):
        yield from _of_calls(child)


def _is_literal(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args and \
            all(_is_literal(keyword.value) for keyword in node.keywords)
    with suppress(ValueError):
        ast.literal_eval(node)
        return True
    return False
