"""The demo as a user starts it, in a process of its own, which leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import tiny
from tests.demo.helpers import make_bundle, write_video

LOGIN = ('ann', 'secret')


class Server(NamedTuple):
    """A demo that is being served.

    Attributes:
        url: Its address.
        folder: What it takes for the system's folder of temporary files.
    """

    url: str
    folder: Path


@pytest.fixture(scope='package')
def server(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Iterator[Server]:
    """A model that adds red, the samples short and long, and a login."""
    pytest.importorskip('gradio', reason='the demo needs Gradio: pip install photoreal[demo]')
    root = tmp_path_factory.mktemp('server')
    (root / 'logins').write_text(':'.join(LOGIN))
    (root / 'tmp').mkdir()
    command = ['tools/demo.py', make_bundle(root / 'red.safetensors', tiny_data), '--login', root / 'logins',
               '--sample', write_video(root / 'short.mp4'), write_video(root / 'long.mp4', 400), '--port', '0',
               '--device', 'cpu']
    environment = {**os.environ, 'TMPDIR': str(root / 'tmp'), 'OMP_NUM_THREADS': '1', 'no_proxy': '*',
                   'PYTHONPATH': str(tiny.ROOT)}
    with (root / 'log').open('w') as log, subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=tiny.ROOT, text=True, env=environment, stderr=log,
            stdout=subprocess.PIPE) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith('the demo is at http://127.0.0.1:'), line + (root / 'log').read_text()
            yield Server(line.split()[4].rstrip('/'), root / 'tmp')
            assert list((root / 'tmp').iterdir())
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0, (root / 'log').read_text()
            assert not list((root / 'tmp').glob('photoreal-demo-*'))
        finally:
            process.kill()
