"""How far the work is: a bar with an estimate on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol, TextIO

_SECONDS = 10.0  # between two lines


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
    """Show how much of ``total`` (None: nobody knows) is done, if the error stream is a terminal; elsewhere nothing.

    Of several processes that torchrun started the first one shows its own.
    """
    shown = sys.stderr.isatty() and os.environ.get('LOCAL_RANK', '0') == '0'
    with _bar(title, total, sys.stderr) if shown else nullcontext(lambda amount: None) as advance:
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
    start = told = time.monotonic()
    done = 0

    def advance(amount: int) -> None:
        nonlocal done, told
        done += amount
        now = time.monotonic()
        if now - told >= _SECONDS:
            told = now
            left = (now - start) * (total - done) / max(done, 1)
            print(f'{title}: {done} of {total}, about {duration(left)} left', file=stream, flush=True)

    yield advance
    print(f'{title}: {done} of {total} in {duration(time.monotonic() - start)}', file=stream, flush=True)


def duration(seconds: float) -> str:
    """Seconds as ``hours:minutes:seconds``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{seconds:02d}'
