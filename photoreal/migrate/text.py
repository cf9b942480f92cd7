"""A config as Python that people like to read."""

from collections.abc import Mapping
from typing import Any

WIDTH = 110
_COMMENTS = {
    'crop_size': 'Pixels of the condition; the crop of the target is `scale` times larger.',
    'modalities': 'What the generator sees.',
    'model': 'The published networks and criteria.',
    'train_dataloader': 'How clips are cut, and how many.',
    'val_evaluator': 'What is measured.',
    'optim_wrapper': 'How it is trained.',
}


def config_text(docstring: str, base: str, sections: Mapping[str, Any]) -> str:
    """The text of a config.

    Args:
        docstring: What it is.
        base: Path of the config that it starts from.
        sections: Config key -> value: dicts, lists and plain values.
    """
    lines = [f'"""{docstring}"""', '', f'_base_ = {base!r}', '']
    for key, value in sections.items():
        if key in _COMMENTS:
            lines += ['', f'# {_COMMENTS[key]}']
        lines.append(f'{key} = {_render(value, 0, len(key) + 3)}')
    return '\n'.join(lines) + '\n'


def _render(value: Any, indent: int, used: int) -> str:
    """Python for a value: on one line where it fits behind ``used`` characters, else an entry a line."""
    flat = _flat(value)
    if used + len(flat) <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return flat
    inner = ' ' * (indent + 4)
    if isinstance(value, dict):
        parts = [f'{key}={_render(child, indent + 4, indent + 6 + len(key))}' for key, child in value.items()]
        return 'dict(\n' + ',\n'.join(inner + part for part in parts) + ')'
    return '[\n' + ',\n'.join(inner + _render(child, indent + 4, indent + 5) for child in value) + ']'


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return f'dict({", ".join(f"{key}={_flat(child)}" for key, child in value.items())})'
    if isinstance(value, list):
        return f'[{", ".join(map(_flat, value))}]'
    return repr(value)
