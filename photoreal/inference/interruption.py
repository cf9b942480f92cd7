"""Ends long work between two of its steps, when Ctrl-C is pressed or the system asks for it."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar('T')
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 2.0  # seconds


class Interruption:
    """While it is entered, SIGINT and SIGTERM wait until a step is done, and are not heard while work is put away.

    A step that hangs is ended by a second signal, if that comes seconds later: a terminal and a launcher of processes
    tell one wish twice. Signals reach the main thread alone; it has to enter this, for work in other threads too.
    """

    def __init__(self) -> None:
        self._asked: float | None = None  # when
        self._waiting = self._ending = False

    def __enter__(self) -> 'Interruption':
        main = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS} if main else {}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """The same items; an interruption comes while one is waited for.

        Raises:
            KeyboardInterrupt: It came.
        """
        iterator, end = iter(items), object()
        of_main = threading.current_thread() is threading.main_thread()
        while True:
            self._waiting = of_main or self._waiting
            if self._asked is not None:
                self._end()
            item = next(iterator, end)
            self._waiting = self._waiting and not of_main
            if item is end:
                return
            yield item

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._ending:
            return
        before, self._asked = self._asked, time.monotonic()
        if self._waiting or (before is not None and self._asked - before > _PATIENCE):
            self._end()

    def _end(self) -> None:
        self._ending = True
        raise KeyboardInterrupt
