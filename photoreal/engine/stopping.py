"""Signals that ask a run to stop: it finishes its iteration and saves before it does."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

from torch.utils.data import DataLoader

from photoreal.engine.agreement import greatest

# SIGUSR1 is what Slurm sends some time before the end of a job that asks for it; Windows lacks it.
_SIGNALS = [getattr(signal, name) for name in ('SIGTERM', 'SIGINT', 'SIGUSR1') if hasattr(signal, name)]
_WORKER_GRACE = 600  # seconds: for the iteration, and to save it where that is slow; torch ends orphans by itself


class Stopped(BaseException):
    """Raised in the midst of a validation; no part of the program takes it for an error and goes on."""


class StopRequest:
    """Listens for signals while its ``with`` block runs. A second Ctrl-C does not wait for anything.

    Attributes:
        signal: The number of the first signal, 0 before there was one.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._interrupting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> 'StopRequest':
        if threading.current_thread() is threading.main_thread():  # Python lets no other thread listen
            # A shell has programs in its background ignore Ctrl-C.
            self._before = {number: signal.signal(number, self._receive) for number in _SIGNALS
                            if signal.getsignal(number) != signal.SIG_IGN}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or number
        if number == signal.SIGINT:
            # Not print: the signal may have come in the midst of another.
            os.write(2, b'\nstopping after this iteration, with a checkpoint; press Ctrl-C again to stop at once\n')
        if self._interrupting:
            self._interrupting = False  # another signal must not disturb what this one sets off
            raise Stopped

    def agreed(self) -> int:
        """The signal that any process has received, 0 for none; to be called by all of them."""
        self.signal = greatest(self.signal)
        return self.signal

    def until_signal(self, function: Callable[[], Any]) -> None:
        """Call a function, which a signal ends at once; this process is on its own, or others would wait for it."""
        try:
            self._interrupting = True
            if not self.signal:
                function()
            self._interrupting = False  # here, lest a signal comes in between
        except Stopped:
            pass


@contextmanager
def workers_spared(loaders: Iterable[DataLoader]) -> Iterator[None]:
    """Within, the workers that these loaders start outlast the signals that end a run.

    A terminal sends its Ctrl-C, and a scheduler its SIGTERM, to every process of a job. The workers must go on until
    the iteration is done; their parent ends them. Afterwards SIGTERM ends them at once: it is how Python, at its own
    end, gets rid of workers that were kept (``persistent_workers``).
    """
    over = RawValue('b', False)
    for loader in loaders:
        loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn, over)
    try:
        yield
    finally:
        over.value = True


def _start_worker(start: Callable[[int], None] | None, over: Any, number: int) -> None:
    for ignored in set(_SIGNALS) - {signal.SIGTERM}:
        signal.signal(ignored, signal.SIG_IGN)
    if hasattr(signal, 'alarm'):  # it ends this worker, should its parent fail to
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if over.value else signal.alarm(_WORKER_GRACE))
    if start is not None:
        start(number)
