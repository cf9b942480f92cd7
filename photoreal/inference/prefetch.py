"""Work ahead in a thread: what makes reading, computing and writing overlap."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar('T')


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, made up to ``depth`` ahead in a thread, which ends when the iterator is closed."""
    ready: queue.Queue = queue.Queue(depth)
    abandoned = threading.Event()
    end = object()

    def put(item: Any) -> bool:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((end, None))
        except BaseException as error:  # handed over to the consumer, who raises it
            put((end, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        abandoned.set()
