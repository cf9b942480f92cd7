"""The console command: every tool is a subcommand of it, and words complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from photoreal.cli import EXIT_CODES, as_typed, show_progress
from photoreal.commands import COMMANDS, console
from tests import tiny
from tests.conftest import Run


def test_every_tool_is_a_command_and_the_help_lists_them() -> None:
    ended = tiny.run_process('-m', 'photoreal', '--help')
    tools = {path.stem.replace('_', '-') for path in (tiny.ROOT / 'tools').glob('*.py')}
    listed = {line.split()[0] for line in ended.out.partition('commands:\n')[2].partition('\n\n')[0].splitlines()}
    assert ended.code == 0 and listed == tools == set(COMMANDS)


def test_command_runs_the_tool_and_its_help_names_the_command() -> None:
    ended = tiny.run_process('-m', 'photoreal', 'export', '--help')
    assert ended.code == 0
    assert ended.out.startswith('usage: photoreal export ')
    assert 'example: photoreal export configs/demo.py' in ended.out and 'tools/' not in ended.out


@pytest.mark.parametrize(('words', 'message'), [
    (['trian'], "found 'trian'; did you mean 'train'?"),
    (['zzz'], "found 'zzz'; expected one of benchmark, "),
    ([], 'the following arguments are required: COMMAND'),
    (['train'], 'photoreal train: error: the following arguments are required: config'),
])
def test_wrong_usage_has_code_2(words: list[str], message: str) -> None:
    ended = tiny.run_process('-m', 'photoreal', *words)
    assert ended.code == 2 and message in ended.err


def test_fault_has_code_1(tmp_path: Path) -> None:
    ended = tiny.run_process('-m', 'photoreal', 'train', tmp_path / 'none.py')
    assert ended.code == 1 and ended.err.startswith('error: ') and 'none.py' in ended.err


@pytest.mark.parametrize(('line', 'expected', 'unexpected'), [
    ('photoreal ', 'pack-data', '--amp'),
    ('photoreal tr', 'train', 'pack-data'),
    ('photoreal train configs/demo.py --d', '--dry-run', '--amp'),
    ('photoreal migrate w', 'weights', '--help'),
])
def test_words_complete(tmp_path: Path, line: str, expected: str, unexpected: str) -> None:
    out = tmp_path / 'completions'
    out.touch()
    environment = {'_ARGCOMPLETE': '1', 'COMP_LINE': line, 'COMP_POINT': str(len(line)), 'COMP_TYPE': '9',
                   '_ARGCOMPLETE_STDOUT_FILENAME': str(out), '_ARGCOMPLETE_IFS': '\n'}
    subprocess.run([sys.executable, '-m', 'photoreal'], cwd=tiny.ROOT, env=os.environ | environment, check=True)
    completions = [word.strip() for word in out.read_text().splitlines()]
    assert expected in completions and unexpected not in completions


def test_messages_name_the_next_command_as_it_is_typed(
        tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    pictures = tiny_data / 'val/virtual/game/frames'
    arguments = [str(pictures), '--out', str(tmp_path / 'my data'), '--split', 'val', '--domain', 'virtual',
                 '--min-frames', '2', '--workers', '1']
    ended = tiny.run('prepare_data', *arguments)
    assert ended.out.endswith(f"next: python tools/check_data.py '{tmp_path}/my data'\n")
    monkeypatch.setattr(sys, 'argv', ['photoreal', 'prepare-data', *arguments])
    console()
    assert capsys.readouterr().out.endswith(f"next: photoreal check-data '{tmp_path}/my data'\n")


@pytest.mark.parametrize(('text', 'expected'), [
    ('pack the data anew with tools/pack_data.py', 'pack the data anew with photoreal pack-data'),
    ('srun ... python tools/train.py CONFIG', 'srun ... photoreal train CONFIG'),
    ('torchrun --nproc_per_node=<number of GPUs> tools/train.py CONFIG',) * 2,
])
def test_texts_name_the_console_command(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_typed(text) == text
    monkeypatch.setattr(sys, 'argv', ['photoreal train'])
    assert as_typed(text) == expected


def test_progress_is_shown_on_a_terminal_alone(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    show_progress(1, 2)
    assert capsys.readouterr().err == ''
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    show_progress(1, 2)
    assert capsys.readouterr().err == '\r1 of 2 videos'


def test_exit_codes_of_the_documentation_are_those_of_the_code() -> None:
    table = (tiny.ROOT / 'docs/quickstart.md').read_text('utf-8').partition('| code | meaning |')[2]
    documented = re.findall(r'\d+', ' '.join(re.findall(r'^\| ([\d, ]+) \|', table, re.MULTILINE)))
    assert [int(code) for code in documented] == list(EXIT_CODES)


def test_output_that_is_no_terminal_has_no_colours(trained: Run) -> None:
    assert '\x1b' not in trained.console
