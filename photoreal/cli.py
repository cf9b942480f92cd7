"""What every command-line tool does: errors as messages instead of tracebacks, exit codes, shared options.

Exit codes: 0 done, 1 a fault in config, data or checkpoint, 2 wrong usage, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Callable

from photoreal.errors import PhotorealError


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool and turn its end into an exit code."""
    try:
        main()
    except PhotorealError as error:
        sys.exit(f'error: {message(error)}')
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)


def message(error: PhotorealError) -> str:
    """An error's own text; torch gives one that was raised in a data worker the worker's whole traceback as text."""
    kind = type(error)
    return str(error).rpartition(f'{kind.__module__}.{kind.__qualname__}: ')[2].strip()


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """The options that every tool with a config has."""
    parser.add_argument('config', help='a Python config, such as configs/tecogan_multimodal.py')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of the config; an unknown key is an error')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')
