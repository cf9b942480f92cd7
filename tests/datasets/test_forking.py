"""Processes forked from one that has read video."""

import gc
import multiprocessing
import os
from pathlib import Path

import photoreal.datasets.decoding  # noqa: F401  whoever reads video forks so


class Cycle:
    """Garbage that only the collector finds; it says so when it does."""

    def __init__(self, report: Path) -> None:
        self.report, self.me = report, self

    def __del__(self) -> None:
        with self.report.open('a') as file:
            file.write(f'{os.getpid()}\n')


def test_garbage_of_the_parent_is_left_to_it(tmp_path: Path) -> None:
    """A decoder waits, as it is freed, for threads that a forked process does not have: data workers hung so."""
    report = tmp_path / 'freed'
    gc.collect()
    gc.disable()
    try:
        Cycle(report)
        child = multiprocessing.get_context('fork').Process(target=gc.collect)
        child.start()
        child.join()
        assert child.exitcode == 0 and not report.exists(), "the child has freed what is its parent's"
        gc.collect()
        assert report.read_text() == f'{os.getpid()}\n'
    finally:
        gc.enable()
