"""Every command of the README and the documentation runs as it is written, or the reason why not is listed here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from photoreal.commands import COMMANDS
from photoreal.config import check_config, load_config
from tests import tiny
from tests.documentation.pages import PAGES, Block, Command, all_commands, blocks
from tests.documentation.sandbox import Sandbox

NOT_RUN = {  # pattern of a command -> why it is not run here
    r'.*unpaired': 'needs virtual clips to train on; tests/tools/test_train_unpaired.py has some',
    r'python -m photoreal.testing ': 'tests/testing/test_run.py and tests/test_thermal_plugin.py run it',
    r'python (-m pytest|-m photoreal_thermal|\.\./\.\./)': 'needs the plugin; tests/test_thermal_plugin.py runs them',
    r'make ': 'makes environments and trains for minutes; CI runs make install, make test and make docs',
    r'(git|cd|source|eval|export|apt|apt-get|pip|uv) ': 'changes the shell or the machine',
    r'(srun|sbatch|mpirun|ray|ssh) ': 'needs a cluster',
    r'(\w+=\S+ )*torchrun ': 'several processes; tests/engine/test_distributed.py trains and tests with two',
    r'python benchmarks/': 'measures for minutes, on a machine that does nothing else',
    r'.*\bfit.look ': 'needs virtual videos to fit; tests/tools/test_fit_look.py has some',
    r'.*\.cube': 'needs a look; tests/look/test_use.py has one',
    r'(docker|ffmpeg|tensorboard|curl|jupyter|blender|python examples/inference\.py) ': 'is another program',
    r'\.bpy/': 'needs Blender; tests/test_boulevard.py runs it where it is',
    r'.*teacher_student': 'needs what a teacher made; tests/tools/test_train_teacher.py has some',
    r'.* --engine ray': 'needs Ray; tests/prepare/test_engines.py runs it where Ray is installed',
    r'.* --from \w': 'needs a recording in that layout; tests/prepare/test_converters.py converts made ones',
    r'.*\b(migrate|main)(\.py)? ': 'needs files of TecoGAN-PyTorch; tests/migrate makes and converts them',
    r'(python tools/demo\.py|photoreal demo) ': 'serves until it is stopped; tests of the demo use it in a browser',
    r'.*\bunpaired': 'needs larger frames than the data here has; tests/tools/test_train_unpaired.py trains so',
    r'python -m (?!photoreal( |$))': 'is a test run, or a program of an example; the tests of both run them',
    r'python \.\./': 'runs in the folder of an example, whose own test runs it',
    r'.*\bfetch.model [^-]': 'fetches from elsewhere; tests/tools/test_fetch_model.py fetches from this machine',
    r'.* --modalities depth': 'needs networks; tests/tools/test_fetch_model.py has small ones',
    r'.*\bmake.sample': 'fetches a package; tests/tools/test_make_sample.py makes the sample without a network',
    r'.*s3://': 'needs a bucket; tests/tools/test_urls.py and tests/engine/test_mirror.py have one',
    r'.*[|>&]': 'is more than one program',
    r'.*( \[|\.\.\.)': 'is a synopsis; its options are checked',
}
TOOL = re.compile(r'(?:\w+=\S+ )*(?:python (?:(?:\.\./)*tools/(\w+)\.py|-m photoreal)|photoreal)(?: |$)')
COMMAND_LINES = all_commands()


def reason_of(command: Command) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, command.text)), None)


RUN = [command for command in COMMAND_LINES if reason_of(command) is None]


def test_every_command_is_run_or_listed() -> None:
    assert len(RUN) > 20
    assert not [f'{command.where}: {command.text}: add a rule to {__name__}' for command in RUN
                if not TOOL.match(command.text)]


@pytest.mark.parametrize('command', [c for c in COMMAND_LINES if TOOL.match(c.text)], ids=lambda c: c.text)
def test_tools_and_options_exist(command: Command) -> None:
    """Of those that are not run too: the tool is there, and its help has each option."""
    words = command.text.split()
    tool = TOOL.match(command.text)[1] or next((w for w in words[1:] if w.replace('_', '-') in COMMANDS), None)
    options = {option.partition('=')[0].rstrip(']') for option in re.findall(r'--[a-z][\w-]+', command.text)}
    if tool is None:
        assert options <= {'--help', '--version'}, command.where
        return
    assert tool.replace('_', '-') in COMMANDS, f'{command.where}: there is no tool {tool}'
    known = options_of(tool.replace('-', '_'))
    assert options <= known, f'{command.where}: {tool} has no {options - known}'


def options_of(tool: str) -> set[str]:
    text = tiny.run(tool, '--help').out
    for group in re.findall(r'{([\w,]+)}\s', text.partition('options:')[0]) + re.findall(r'^    (\w+)  ', text, re.M):
        text += ''.join(tiny.run(tool, name, '--help').out for name in group.split(','))
    return set(re.findall(r'--[a-z][\w-]+', text))


@pytest.fixture(scope='module')
def sandbox(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp('docs'), tiny_data)


@pytest.mark.slow
@pytest.mark.parametrize('command', RUN, ids=lambda c: c.text)
def test_command_runs(sandbox: Sandbox, command: Command) -> None:
    if '-m photoreal' in command.text or command.text.startswith('photoreal --'):
        words = command.text.split()
        ended = tiny.run_process('-m', 'photoreal', *words[words.index('photoreal') + 1:])
    else:
        ended = sandbox.run(command.text)
    assert ended.code == 0, f'{command.where}: {command.text}\n{ended.out}\n{ended.err}'


PYTHON = [block for page in PAGES for block in blocks(page) if block.language == 'python']


@pytest.mark.parametrize('block', PYTHON, ids=lambda block: f'{block.page.stem}:{block.line}')
def test_python_is_python_and_configs_are_sound(block: Block, tmp_path: Path) -> None:
    ast.parse(block.text)
    if '_base_ = ' not in block.text:
        return
    for base in {name for name in _bases(block.text)}:
        block = block._replace(text=block.text.replace(f"'{base}'", repr(str(tiny.ROOT / 'configs' / Path(base).name))))
    config = tmp_path / 'config.py'
    config.write_text(block.text)
    check_config(load_config(config))


def _bases(text: str) -> Iterator[str]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_':
            value = ast.literal_eval(node.value)
            yield from [value] if isinstance(value, str) else value
