"""From the command line's wishes to a page that is served until it is stopped."""

import argparse
import importlib.util
import signal
import sys
from pathlib import Path
from types import FrameType

from photoreal.demo.library import Library
from photoreal.demo.limits import Limits
from photoreal.errors import ConfigError, DataError

LOCAL = ('127.0.0.1', 'localhost', '::1')


def serve(args: argparse.Namespace) -> None:
    """Serve the demo until Ctrl-C or SIGTERM; its files are removed then.

    Args:
        args: What photoreal/commands/demo.py parses.

    Raises:
        PhotorealError: A model, a sample or the file of logins cannot be read.
        ConfigError: Gradio is not installed, or the port is taken.
    """
    if importlib.util.find_spec('gradio') is None:
        raise ConfigError("the demo needs Gradio, which is not installed: pip install '.[demo]' in photoreal's folder")
    if not 0 <= args.port <= 65535:
        raise ConfigError(f'--port {args.port}: expected 0 (any that is free) to 65535')
    limits = Limits(args.megabytes, args.seconds, args.frames, args.side, args.jobs, args.waiting, args.keep_minutes)
    library, login = Library(args.models, args.sample), read_logins(args.login) if args.login else None
    from photoreal.demo.app import Demo  # which is quick only once somebody wants to see it
    demo = Demo(library, limits, args.device)
    signal.signal(signal.SIGTERM, _stop)
    try:
        print(f'the demo is at {demo.serve(args.host, args.port, login, block=False)} (Ctrl-C ends it)', flush=True)
        if args.host not in LOCAL and login is None:
            print(f'everybody who reaches {args.host} may use it: --login FILE asks for a password', file=sys.stderr)
        demo.page.block_thread()
    except OSError as error:
        raise ConfigError(f'--port {args.port}: {error}') from error
    finally:
        demo.close()


def read_logins(path: str | Path) -> list[tuple[str, str]]:
    """Users and passwords, a line ``user:password`` each; empty lines and those that begin with # are passed over.

    Raises:
        DataError: The file cannot be read, or a line is none of those.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'{path} cannot be read: {error}') from error
    logins = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith('#'):
            user, colon, password = line.strip().partition(':')
            if not (user and colon and password):
                raise DataError(f'{path}, line {number}: expected user:password')
            logins.append((user, password))
    if not logins:
        raise DataError(f'{path}: holds no line user:password')
    return logins


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
