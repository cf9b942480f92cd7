"""How far the work is: a bar with an estimate on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol, TextIO

_SECONDS = 10.0  # between two lines of work that ends with a line of its own
_SILENCE = 30.0  # the longest where the tool itself tells of the end, as in the log of a training


class Advance(Protocol):
    """Told of work that is done."""

    def __call__(self, amount: int) -> None: ...


@contextmanager
def progress(title: str, total: int, stream: TextIO | None = None) -> Iterator[Advance]:
    """Show how much of ``total`` is done: as a bar on a terminal, in lines elsewhere.

    Args:
        title: What is being done.
        total: Units of work.
        stream: Where to; None: the error stream.
    """
    stream = stream or sys.stderr
    with (_bar if stream.isatty() else _lines)(title, total, stream) as advance:
        yield advance


@contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Advance]:
    """Show on the error stream how much of ``total`` (None: nobody knows) is done: as a bar on a terminal, elsewhere
    by a line after each 30 seconds of silence. The end is the tool's to tell.

    Of several processes that torchrun started the first one shows its own.
    """
    if os.environ.get('LOCAL_RANK', '0') != '0':
        shown = nullcontext(lambda amount: None)
    elif sys.stderr.isatty():
        shown = _bar(title, total, sys.stderr)
    else:
        shown = nullcontext(_lines_of(title, total, sys.stderr, _SILENCE))
    with shown as advance:
        yield advance


@contextmanager
def _bar(title: str, total: int | None, stream: TextIO) -> Iterator[Advance]:
    from rich import progress as parts
    from rich.console import Console
    columns = (parts.TextColumn('{task.description}'), parts.BarColumn(), parts.MofNCompleteColumn(),
               parts.TimeElapsedColumn(), parts.TextColumn('left'), parts.TimeRemainingColumn())
    with parts.Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda amount: bar.advance(task, amount)


@contextmanager
def _lines(title: str, total: int, stream: TextIO) -> Iterator[Advance]:
    start, done = time.monotonic(), 0
    tell = _lines_of(title, total, stream, _SECONDS)

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        tell(amount)

    yield advance
    print(f'{title}: {done} of {total} in {duration(time.monotonic() - start)}', file=stream, flush=True)


def _lines_of(title: str, total: int | None, stream: TextIO, silence: float) -> Advance:
    """Says how far the work is whenever it has said nothing for ``silence`` seconds."""
    start = told = time.monotonic()
    done = 0

    def advance(amount: int) -> None:
        nonlocal done, told
        done += amount
        now = time.monotonic()
        if now - told >= silence:
            told = now
            left = (now - start) * ((total or 0) - done) / max(done, 1)
            rest = '' if total is None else f' of {total}, about {duration(left)} left'
            print(f'{title}: {done}{rest}', file=stream, flush=True)

    return advance


def duration(seconds: float) -> str:
    """Seconds as ``hours:minutes:seconds``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{seconds:02d}'
