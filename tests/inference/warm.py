"""Processes of ``infer`` that begin to work at once: they are forked from one that has imported all that it needs."""

import multiprocessing
import os
import resource
import sys
from pathlib import Path

import torch

import photoreal.bundle
import photoreal.camera
import photoreal.inference.batch
import photoreal.look
import photoreal.storage  # noqa: F401
from photoreal.commands import run

_FORKS = multiprocessing.get_context('forkserver')
_FORKS.set_forkserver_preload([__name__])


class WarmProcess:
    """A process of ``infer`` that reads a pipe.

    Args:
        log: A file for what it says.
        arguments: Those of the tool.
        limit: Bytes that no file may exceed; None: there is no limit.
    """

    def __init__(self, log: Path, arguments: list[object], limit: int | None = None) -> None:
        reader, self._pipe = _FORKS.Pipe(duplex=False)
        self._log = log
        self._process = _FORKS.Process(target=_infer, args=(reader, log, [str(one) for one in arguments], limit))
        self._process.start()
        reader.close()

    def give(self, data: bytes) -> None:
        """Write into the pipe.

        Raises:
            BrokenPipeError: The process has ended.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._pipe.fileno(), rest):]

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def wait(self) -> tuple[int, str]:
        """Close the pipe, and wait for the end: the exit code, and all that was said."""
        self._pipe.close()
        self._process.join(120)
        return self._process.exitcode, self._log.read_text()


def _infer(reader: multiprocessing.connection.Connection, log: Path, arguments: list[str], limit: int | None) -> None:
    os.dup2(reader.fileno(), 0)
    reader.close()
    said = os.open(log, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)
    torch.set_num_threads(1)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = ['tools/infer.py', *arguments]
    run('infer')
