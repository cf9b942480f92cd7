"""What the tools share."""

import argparse
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from photoreal.cli import ToolParser, frame_rate, frame_size, run_tool


@pytest.mark.parametrize('text, size', [('720x1280', (720, 1280)), ('1080p', (1080, 1920)), ('360p', (360, 640)),
                                        ('480p', (480, 854)), ('37x51', (37, 51))])
def test_frame_sizes(text, size):
    assert frame_size(text) == size


@pytest.mark.parametrize('text', ['720', 'x', '0x4', '720x', '-1x4', 'p', 'hugep', '720x1280x3'])
def test_what_is_no_frame_size(text):
    with pytest.raises(argparse.ArgumentTypeError, match='expected HEIGHTxWIDTH'):
        frame_size(text)


def test_results_go_to_a_disk(capsys):
    parser = ToolParser()
    parser.add_argument('--out')
    assert parser.parse_args(['--out', 'a/b:c']).out == 'a/b:c'
    with pytest.raises(SystemExit, match='2'):
        parser.parse_args(['--out', 's3://bucket/a'])
    assert 'out: found the URL s3://bucket/a; expected a place on a disk' in capsys.readouterr().err


def test_home_in_arguments(monkeypatch):
    """No shell puts it in behind ``=`` or between quotes, and none reads the arguments of a container."""
    monkeypatch.setenv('HOME', '/home/ann')
    parser = ToolParser()
    parser.add_argument('video', nargs='+')
    parser.add_argument('--out', type=Path)
    parser.add_argument('--modality', action='append')
    parser.add_argument('--cfg-options', nargs='+', default=[])
    parser.add_argument('--note')
    args = parser.parse_args(['~/a.mp4', 'b~/c.mp4', '--out=~/out', '--modality=labels=~/maps', '--modality', 'depth=~',
                              '--note=~5 dB', '--cfg-options', 'data_root=~/data', "load_from='~/a.pth'"])
    assert args.video == ['/home/ann/a.mp4', 'b~/c.mp4'] and args.out == Path('/home/ann/out')
    assert args.modality == ['labels=/home/ann/maps', 'depth=/home/ann'] and args.note == '~5 dB'
    assert args.cfg_options == ['data_root=/home/ann/data', "load_from='~/a.pth'"]  # the config reads the quotes


@pytest.mark.parametrize('text, rate', [('25', 25), ('29.97', 29.97), ('30000/1001', 30000 / 1001), ('1/2', 0.5)])
def test_frame_rates(text, rate):
    assert frame_rate(text) == rate


@pytest.mark.parametrize('error, message', [
    (OSError(errno.ENOSPC, 'No space left on device', '/disk/a.json'), '/disk/a.json cannot be used: No space left'),
    (PermissionError(errno.EACCES, 'Permission denied', 'a'), 'a cannot be used: Permission denied'),
    (MemoryError('Unable to allocate 9 GiB'), 'not enough memory (Unable to allocate 9 GiB)'),
])
def test_what_a_machine_refuses_is_one_line(error, message):
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code.startswith('error: ') and message in ended.value.code and '\n' not in ended.value.code


@pytest.mark.parametrize('encoding', ['utf-8', 'ascii'])
def test_names_that_a_terminal_cannot_show(encoding):
    program = "from photoreal.cli import run_tool; run_tool(lambda: print('\\udcff\\u0436.mp4'))"
    ended = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                           env={**os.environ, 'PYTHONIOENCODING': encoding})
    assert (ended.returncode, ended.stderr) == (0, '')
    assert ended.stdout.startswith('\\udcff') and ended.stdout.endswith('.mp4\n')


def test_a_fault_of_the_program_is_not_hidden():
    with pytest.raises(FileNotFoundError):
        run_tool(lambda: open('there/is/no/such/file'))
