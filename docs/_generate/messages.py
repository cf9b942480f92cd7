"""The messages of the package's errors, as its source has them; ``…`` stands for what a message fills in."""

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docs._generate.components import ROOT
from photoreal import errors

ERRORS = [name for name, error in vars(errors).items()
          if inspect.isclass(error) and issubclass(error, errors.PhotorealError) and error is not errors.PhotorealError]


class Message(NamedTuple):
    """What an error says, and the module that says it."""

    error: str
    text: str
    module: str


@cache
def messages() -> list[Message]:
    """Messages of the errors that a user can cause, less those of which nothing is known before the program runs."""
    found = []
    for path, tree in _modules():
        for node in ast.walk(tree):
            call = node.exc if isinstance(node, ast.Raise) else None
            name = ast.unparse(call.func).removesuffix('.from_faults') if isinstance(call, ast.Call) else ''
            if name in ERRORS and call.args and len(template(call.args[0]).replace('…', '')) > 8:
                module = path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')
                found.append(Message(name, ' '.join(template(call.args[0]).split()), module))
    return list(dict.fromkeys(found))


@cache
def texts() -> list[str]:
    """All texts of the package's source: faults are listed in one error, and so do not stand in its raise."""
    return [template(node) for _, tree in _modules() for node in ast.walk(tree)
            if isinstance(node, (ast.JoinedStr, ast.Constant, ast.BinOp))]


def template(node: ast.expr) -> str:
    """The text of an expression, with ``…`` for what is not known before the program runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(map(template, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return '…'


def _modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text('utf-8'))) for path in sorted((ROOT / 'photoreal').rglob('*.py'))]


def table() -> str:
    """Every message, for those who search for one."""
    parts = []
    for error in ERRORS:
        rows = [f'| {_cell(message.text)} | `{message.module}` |' for message in messages() if message.error == error]
        parts.append(f'### {error}\n\n| message | said by |\n|---|---|\n' + '\n'.join(sorted(rows)))
    return '\n\n'.join(parts)


def _cell(text: str) -> str:
    return '<code>' + text.replace('&', '&amp;').replace('<', '&lt;').replace('|', '&#124;') + '</code>'
