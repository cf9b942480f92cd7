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
        sys.exit(f'error: {error}')
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """The options that every tool with a config has."""
    parser.add_argument('config', help='a Python config, such as configs/tecogan_multimodal.py')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of the config; an unknown key is an error')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')
