"""The command-line tools, one module each: ``photoreal train`` and tools/train.py run ``train.py``.

A module here parses its arguments, calls the package, prints; it imports nothing heavy before the arguments are parsed,
so that ``--help`` and completion are quick.
"""

import argparse
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module

import photoreal
from photoreal.cli import CONSOLE, EXIT_CODES, ToolParser, run_tool

COMMANDS = tuple(sorted(module.name.replace('_', '-') for module in pkgutil.iter_modules(__path__)))


def load(command: str) -> Callable[[], None]:
    """The ``main`` of a command."""
    return import_module(f'{__name__}.{command.replace("-", "_")}').main


def run(command: str) -> None:
    """Run a command on the arguments of this process."""
    run_tool(load(command))


def console() -> None:
    """``photoreal COMMAND ...``: the console command."""
    run_tool(_dispatch)


def _dispatch() -> None:
    command, arguments = (sys.argv[1] if len(sys.argv) > 1 else ''), sys.argv[2:]
    if '_ARGCOMPLETE' in os.environ:
        _, command, *arguments = [*os.environ['COMP_LINE'].split(), '', '']
        os.environ['_ARGCOMPLETE'] = '2' if command in COMMANDS else '1'  # the command's own words begin at the second
    if command in COMMANDS:
        sys.argv = [f'{CONSOLE} {command}', *arguments]
        load(command)()
        return
    sys.argv[0] = CONSOLE
    parser = ToolParser(f'{photoreal.__doc__}\n\nexample: photoreal train configs/demo.py --dry-run\n\n{_summaries()}',
                        epilog=_codes(), prog=CONSOLE, usage=f'{CONSOLE} COMMAND ... [--help]')
    parser.add_argument('--version', action='version', version=photoreal.__version__)
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND', type=_known,
                        help='`photoreal COMMAND --help` says more')
    parser.parse_args()


def _known(command: str) -> str:
    if command not in COMMANDS:
        near = get_close_matches(command, COMMANDS, 1)
        raise argparse.ArgumentTypeError(f"found '{command}'; " + (f"did you mean '{near[0]}'?" if near else
                                                                   f'expected one of {", ".join(COMMANDS)}'))
    return command


def _summaries() -> str:
    width = max(map(len, COMMANDS))
    lines = []
    for command in COMMANDS:
        summary = re.split(r'[.:;]\s', sys.modules[load(command).__module__].__doc__)[0].replace('\n', ' ')
        lines.append(f'  {command.ljust(width)}  {summary}')
    return 'commands:\n' + '\n'.join(lines)


def _codes() -> str:
    return '\n'.join(['exit codes:', *(f'  {code:<4}{meaning}' for code, meaning in EXIT_CODES.items())])
