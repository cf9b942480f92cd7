"""Who does the work: this machine's processes, or a Ray cluster. Neither holds a schedule of ours."""

import importlib.util
import multiprocessing
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from photoreal.errors import ConfigError, DataError, PhotorealError


@dataclass(frozen=True)
class Task:
    """A call ``function(shared, *args)``; ``shared`` is one object for many tasks. Everything pickles."""

    function: Callable[..., Any]
    shared: Any
    args: tuple = ()


@dataclass(frozen=True)
class Outcome:
    """What came of the task with this number: a value, or what was wrong with the data."""

    number: int
    value: Any = None
    fault: str | None = None


def attempt(number: int, function: Callable[..., Any], shared: Any, args: tuple) -> Outcome:
    """Run a task. Only faults of the data are outcomes: any other error ends the run."""
    try:
        return Outcome(number, function(shared, *args))
    except DataError as error:
        return Outcome(number, fault=str(error))


class Engine(ABC):
    """Runs tasks; a context manager."""

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run all tasks, in any order.

        Yields:
            The outcome of each, as soon as it is there.

        Raises:
            PhotorealError: A process died.
        """

    def __enter__(self) -> 'Engine':
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Let go of what was started."""


class LocalEngine(Engine):
    """Processes of this machine.

    Args:
        workers: How many; 1: everything in this process.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise ConfigError(f'workers={workers}; expected 1 or more')
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        if self._workers == 1 or len(tasks) < 2:
            for number, task in enumerate(tasks):
                yield attempt(number, task.function, task.shared, task.args)
            return
        if self._pool is None:
            # Spawned, not forked: decoders and thread pools of this process do not survive a fork.
            self._pool = ProcessPoolExecutor(self._workers, multiprocessing.get_context('spawn'), _begin_worker)
        futures = [self._pool.submit(attempt, number, task.function, task.shared, task.args)
                   for number, task in enumerate(tasks)]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise PhotorealError('a worker process died, most likely for want of memory; run the same command again '
                                 'with fewer --workers: what is done is kept') from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _begin_worker() -> None:
    """One thread a process, and an end to it when the process that started it is killed."""
    import cv2
    import torch
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker of a killed parent would wait for its next task for ever.
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


class RayEngine(Engine):
    """A Ray cluster, whose machines must see sources and results under the same paths and have photoreal installed.

    Args:
        address: Of the cluster, such as ``auto`` or ``ray://head:10001``; None: ``RAY_ADDRESS`` of the environment,
            or else a Ray of this machine alone.
        workers: Processors that the latter takes; None: all.

    Raises:
        ConfigError: Ray is not installed, or ``workers`` is below 1.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        if importlib.util.find_spec('ray') is None:
            raise ConfigError('--engine ray needs Ray, which is not installed; run: '
                              "pip install '.[cluster]' in photoreal's folder")
        if workers is not None and workers < 1:
            raise ConfigError(f'workers={workers}; expected 1 or more')
        self._address = address
        self._workers = workers

    def __enter__(self) -> 'RayEngine':
        import ray
        environment = os.environ.get('RAY_ADDRESS')
        address = self._address or environment
        own = {} if address else {'num_cpus': self._workers, 'include_dashboard': False}
        try:
            ray.init(address=address or 'local', log_to_driver=False, **own)
        except (ConnectionError, RuntimeError, ValueError) as error:
            named = f'--ray-address {self._address}' if self._address else f'RAY_ADDRESS={environment}'
            named = named if address else 'a Ray of this machine'
            raise ConfigError(f'{named}: cannot be reached ({error}); expected auto, ray://<host>:10001, or no address '
                              'for a Ray of this machine') from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        import ray
        ray.shutdown()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        import ray
        remote = ray.remote(attempt)
        stored: dict[int, Any] = {}  # what tasks share goes to each machine once
        for task in tasks:
            if id(task.shared) not in stored:
                stored[id(task.shared)] = ray.put(task.shared)
        waiting = [remote.remote(number, task.function, stored[id(task.shared)], task.args)
                   for number, task in enumerate(tasks)]
        while waiting:
            done, waiting = ray.wait(waiting)
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, PhotorealError):
                    raise error.cause from None  # Ray's own holds the worker's whole traceback as text
                raise
            except ray.exceptions.RayError as error:
                raise PhotorealError(f'the Ray cluster lost a task: {error}; run the same command again: '
                                     'what is done is kept') from error
