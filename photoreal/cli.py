"""What every command-line tool does: errors as messages instead of tracebacks, exit codes, shared options.

The codes of signals are 128 + the signal's number, which is what a shell gives for a program that does not handle it.
So a scheduler sees the same whether the signal came in training, and the run was saved, or before it.
"""

import argparse
import errno
import os
import re
import shlex
import sys
from collections.abc import Callable
from fractions import Fraction
from io import TextIOWrapper
from typing import Any

from photoreal.errors import Interrupted, PhotorealError
from photoreal.paths import expand_home

EXIT_CODES = {
    0: 'done',
    1: 'a fault in config, data or checkpoint',
    2: 'wrong usage',
    130: 'interrupted by Ctrl-C',
    138: 'ended by SIGUSR1',
    143: 'ended by SIGTERM',
}
# What a disk or its owner refuses, which is no fault of the program.
_SURROUNDINGS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.ENOTDIR,
                 errno.EISDIR, errno.EIO, errno.ELOOP)
CONSOLE = 'photoreal'  # the console command; it puts its subcommand behind, as the name of the program


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool and turn its end into an exit code; a reader of its output that leaves early ends it quietly."""
    code: str | int | None = None
    if isinstance(sys.stdout, TextIOWrapper):  # a name may have what a terminal cannot show; the error stream is so
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        main()
    except SystemExit as end:  # of the parser
        code = end.code
    except PhotorealError as error:
        code = f'error: {as_typed(message(error))}'
    except MemoryError as error:
        code = f'error: there is not enough memory ({error or "for Python"}); make the frames or the batch smaller'
    except Interrupted as error:
        print(error, file=sys.stderr)
        code = 128 + error.signal
    except KeyboardInterrupt as stop:
        print(str(stop) or 'interrupted', file=sys.stderr)
        code = 130
    except SyntaxError as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        print('interrupted', file=sys.stderr)  # MMEngine's Config makes that of a Ctrl-C while it writes itself out
        code = 130
    except BrokenPipeError:
        if _is_read(probe='\n'):
            raise  # it was another pipe
        code = 1
    except OSError as error:
        if error.errno not in _SURROUNDINGS:
            raise
        code = f'error: {error.filename or "a file"} cannot be used: {error.strerror}'
    if not _is_read():
        code = code or 1
    if code is not None:
        sys.exit(code)


def _is_read(probe: str = '') -> bool:
    """Write what is still buffered; False where nobody reads it, in which case it goes nowhere from now on."""
    try:
        print(end=probe, flush=True)
    except BrokenPipeError:
        # Else the interpreter, which flushes once more at its end, would complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return False
    return True


def message(error: PhotorealError) -> str:
    """An error's own text; torch gives one that was raised in a data worker the worker's whole traceback as text."""
    kind = type(error)
    return str(error).rpartition(f'{kind.__module__}.{kind.__qualname__}: ')[2].strip()


def as_typed(text: str) -> str:
    """Texts name tools as a checkout has them, ``python tools/train.py``; for whoever runs the console command, which
    needs no checkout, that becomes ``photoreal train``. What torchrun starts stays a file."""
    if not sys.argv[0].startswith(CONSOLE):
        return text
    return re.sub(r'(?<!> )(?:python )?tools/(\w+)\.py', lambda m: f'{CONSOLE} {m[1].replace("_", "-")}', text)


def say_next(tool: str, *words: object) -> None:
    """Name the command that comes next, ready to be copied."""
    print(as_typed(f'next: python tools/{tool}.py {shlex.join(map(str, words))}'))


def show_progress(done: int, total: int) -> None:
    """Count videos on one line of a terminal; say nothing anywhere else."""
    if sys.stderr.isatty():
        print(f'\r{done} of {total} videos', end='\n' if done == total else '', file=sys.stderr, flush=True)


class ToolParser(argparse.ArgumentParser):
    """A parser whose help shows a tool's docstring as it is laid out, and that completes words in a shell.

    Args:
        description: The module's docstring, with an example.
        **options: Those of ``argparse.ArgumentParser``.
    """

    def __init__(self, description: str | None = None, **options: Any) -> None:
        options.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        options.setdefault('prog', os.path.basename(sys.argv[0]))
        super().__init__(description=description, **options)

    def format_help(self) -> str:
        return as_typed(super().format_help())

    def parse_args(self, *args: Any, **options: Any) -> Any:
        if '_ARGCOMPLETE' in os.environ:
            import argcomplete
            argcomplete.autocomplete(self)
        parsed = super().parse_args(*args, **options)
        expand_home(vars(parsed))
        for name in ('out', 'html', 'report'):
            path = getattr(parsed, name, None)
            if isinstance(path, str) and '://' in path:
                self.error(f'{name}: found the URL {path}; expected a place on a disk; copy from there what is made')
        return parsed


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """The options that every tool with a config has."""
    parser.add_argument('config', help='a Python config, such as configs/tecogan_multimodal.py')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of the config; an unknown key is an error')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')


def frame_rate(text: str) -> float:
    """A type of option: '25', '29.97' or '30000/1001' -> frames per second."""
    try:
        rate = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        rate = 0.0
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"found '{text}'; expected frames per second, such as 25, 29.97 or 30000/1001")
    return rate


def frame_size(text: str) -> tuple[int, int]:
    """A type of option: '720x1280' (height first) or '720p' (16:9) -> (720, 1280)."""
    height, cross, width = text.partition('x')
    if text.endswith('p') and text[:-1].isdecimal():
        height = text[:-1]
        width = str(round(int(height) * 8 / 9) * 2)
    elif not cross:
        width = ''
    if not height.isdecimal() or not width.isdecimal() or not int(height) or not int(width):
        raise argparse.ArgumentTypeError(f"found '{text}'; expected HEIGHTxWIDTH, such as 720x1280, or 720p")
    return int(height), int(width)
