"""What visitors leave is removed, even when their page is gone: uploads that broke off, results nobody asks for."""

import shutil
import threading
import time
from pathlib import Path

BROKEN_OFF = 60.0  # seconds without a byte after which an upload will not go on


class Sweeper:
    """A thread that removes what is left; Gradio removes whole uploads, and the results of pages that it knows.

    Args:
        uploads: Where Gradio writes uploads: those that are not whole lie at its top.
        jobs: Where jobs have their folders.
        keep: Seconds for which results are kept.
        every: Seconds between two rounds.
    """

    def __init__(self, uploads: Path, jobs: Path, keep: float, every: float = BROKEN_OFF / 2) -> None:
        self._uploads, self._jobs, self._keep, self._every = uploads, jobs, keep, every
        self._over = threading.Event()
        threading.Thread(target=self._run, name='sweeper', daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            for path in self._uploads.glob('*'):
                if path.is_file() and _age(path) > BROKEN_OFF:
                    path.unlink(missing_ok=True)
            for folder in self._jobs.glob('*'):
                if min(map(_age, (folder, *folder.glob('*'))), default=0) > self._keep:  # of the newest picture, too
                    shutil.rmtree(folder, ignore_errors=True)


def _age(path: Path) -> float:
    """Seconds since it was written; 0 where it has gone meanwhile."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0
