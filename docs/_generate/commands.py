"""The reference of the command line: what each command says to ``--help``."""

import io
import os
import sys
from contextlib import redirect_stdout, suppress
from unittest import mock

from photoreal.commands import COMMANDS, load


def reference() -> str:
    """A page with the help of every command; it is what its parser prints."""
    parts = ['# Commands', '`photoreal COMMAND` of an installation is `python tools/COMMAND.py` of a checkout. '
             'What follows is what each says to `--help`.']
    parts += [f'## {command}\n\n```text\n{help_of(command)}\n```' for command in COMMANDS]
    return '\n\n'.join(parts) + '\n'


def help_of(command: str) -> str:
    """What ``photoreal COMMAND --help`` prints on a terminal of 100 columns."""
    out = io.StringIO()
    with mock.patch.object(sys, 'argv', [f'photoreal {command}', '--help']), redirect_stdout(out), \
            mock.patch.dict(os.environ, COLUMNS='100', NO_COLOR='1'), suppress(SystemExit):
        load(command)()
    return out.getvalue().strip()
