"""Read saved configs without running them, and tell where they differ."""

import ast
from collections.abc import Sequence
from pathlib import Path

from photoreal.errors import DataError

MISSING = '-'


def read_config(path: Path) -> dict[str, str]:
    """A config that MMEngine has saved, flattened.

    A saved config is Python, but holds nothing besides values; it is parsed and never executed.

    Args:
        path: Such as ``<work_dir>/<time>/vis_data/config.py``.

    Returns:
        Dotted key -> value as Python text, in the order of the file.

    Raises:
        DataError: It is no Python.
    """
    try:
        module = ast.parse(path.read_text(encoding='utf-8-sig'))
    except (SyntaxError, ValueError) as error:
        raise DataError(f'{path}: cannot be parsed ({error}); expected the config that a run has saved; '
                        'remove it, or copy it anew') from error
    flat: dict[str, str] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            _flatten(node.targets[0].id, node.value, flat)
    return flat


def _flatten(key: str, node: ast.expr, flat: dict[str, str]) -> None:
    if isinstance(node, ast.Call) and getattr(node.func, 'id', None) == 'dict' and node.keywords:
        items = [(keyword.arg, keyword.value) for keyword in node.keywords]
    elif isinstance(node, ast.Dict) and node.keys:
        items = [(ast.literal_eval(name), value) for name, value in zip(node.keys, node.values, strict=True)]
    elif isinstance(node, ast.List | ast.Tuple) and any(isinstance(e, ast.Call | ast.Dict) for e in node.elts):
        items = list(enumerate(node.elts))
    else:
        flat[key] = ast.unparse(node)
        return
    for name, value in items:
        _flatten(f'{key}.{name}', value, flat)


def differences(configs: Sequence[dict[str, str]]) -> list[tuple[str, list[str]]]:
    """The keys whose values differ, with the value in each config (``-`` where it has none).

    A variable that a config hands on to several components, such as ``modalities``, is named once.
    """
    keys = list(dict.fromkeys(key for config in configs for key in config))
    found = {key: [config.get(key, MISSING) for config in configs] for key in keys}
    found = {key: values for key, values in found.items() if len(set(values)) > 1}
    return [(key, values) for key, values in found.items()
            if not any(found.get(key[at + 1:]) == values for at, letter in enumerate(key) if letter == '.')]
