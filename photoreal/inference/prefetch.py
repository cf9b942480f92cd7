"""Work ahead in a thread: what makes reading, computing and writing overlap."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar('T')
_END = object()
_LOOK = 0.1  # seconds after which a thread that waits looks whether it is still wanted


def prefetch(items: Iterable[T], depth: int, patience: float | None = 1.0) -> Iterator[T]:
    """The same items, made up to ``depth`` ahead in a thread, which ends when the iterator is closed.

    Args:
        items: What to iterate over; a generator is closed at the end, in the thread.
        depth: How many wait at most.
        patience: Seconds that the end waits for the thread; None: until it is done. A thread that still computes when
            the interpreter ends may take the process down with it; one that waits for a pipe may wait for ever.
    """
    ready: queue.Queue = queue.Queue(depth)
    worker = _Worker(items, ready)
    worker.start()
    try:
        while True:
            item, error = _take(ready)
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        worker.abandoned.set()
        worker.join(patience)


class _Worker(threading.Thread):
    """Makes items until it is abandoned."""

    def __init__(self, items: Iterable, ready: queue.Queue) -> None:
        super().__init__(daemon=True)
        self.abandoned = threading.Event()
        self._items, self._ready = items, ready

    def run(self) -> None:
        try:
            for item in self._items:
                if not self._put((item, None)):
                    return
            self._put((_END, None))
        except BaseException as error:  # handed over to the consumer, who raises it
            self._put((_END, error))
        finally:
            if isinstance(self._items, Generator):
                self._items.close()

    def _put(self, item: tuple) -> bool:
        while not self.abandoned.is_set():
            try:
                self._ready.put(item, timeout=_LOOK)
                return True
            except queue.Full:
                continue
        return False


def _take(ready: queue.Queue) -> tuple[Any, BaseException | None]:
    """The next of what is ready; the end where the thread that asks is not wanted any more itself."""
    asking = threading.current_thread()
    if not isinstance(asking, _Worker):
        return ready.get()
    while not asking.abandoned.is_set():
        try:
            return ready.get(timeout=_LOOK)
        except queue.Empty:
            continue
    return _END, None
