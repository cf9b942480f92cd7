"""What a user gets wrong ends in one clear message and a code that is not 0; nothing is left half-written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from photoreal.cli import run_tool
from photoreal.datasets.writers import write_image
from tests import tiny
from tests.conftest import Run


def fails(tool: str, config: Path, folder: Path, *args: object, options: Sequence[str] = ()) -> str:
    """Run a tool that must fail and must leave nothing behind; returns its message."""
    before = sorted(folder.rglob('*'))
    where = ['--work-dir', folder / 'made'] if tool == 'train' else ['--out', folder / 'made']
    ended = tiny.run(tool, config, *where, *args, options=options)
    return message_of(ended) if sorted(folder.rglob('*')) == before else pytest.fail('something was left behind')


def message_of(ended: tiny.Ended) -> str:
    assert ended.code == 1
    assert ended.err.startswith('error: ') and 'Traceback' not in ended.err + ended.out
    return ended.err


@pytest.fixture
def data(tmp_path: Path, tiny_data: Path) -> Path:
    """A copy of the data set to spoil."""
    return Path(shutil.copytree(tiny_data, tmp_path / 'data'))


@pytest.fixture
def config(tmp_path: Path, data: Path) -> Path:
    return tiny.write_config(tmp_path / 'tiny.py', data)


PARK = Path('train/real/park')


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def relabel(path: Path) -> None:
    write_image(path, np.full((tiny.HEIGHT, tiny.WIDTH), 77, np.uint8))


SPOILT: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    'truncated picture': (lambda park: cut_short(park / 'frames/003.png'), ('park/frames/003.png', 'cut short')),
    'gap in the names': (lambda park: [(park / f'{kind}/003.png').unlink() for kind in ('frames', 'segmentation')],
                         ('park/frames', 'after 002 comes 004')),
    'modality one frame short': (lambda park: (park / 'segmentation/007.png').unlink(),
                                 ('park/segmentation', 'no map called 007')),
    'wrong label value in the first frame': (lambda park: relabel(park / 'segmentation/000.png'),
                                             ('park/segmentation/000.png', '77', 'ignore=77')),
    'no frames': (lambda park: shutil.rmtree(park / 'frames'), (str(PARK), 'no frames/')),
    'odd size': (lambda park: write_image(park / 'frames/002.png', np.zeros((9, 9, 3), np.uint8)),
                 ('park/frames/002.png', '9x9')),
}


@pytest.mark.parametrize('case', SPOILT)
def test_spoilt_data_is_told_before_training(case: str, data: Path, config: Path, tmp_path: Path) -> None:
    spoil, expected = SPOILT[case]
    spoil(data / PARK)
    message = fails('train', config, tmp_path)
    assert all(part in message for part in expected), message
    assert all(part in fails('train', config, tmp_path, '--dry-run') for part in expected)


def test_all_faults_of_the_data_are_told_together(data: Path, config: Path, tmp_path: Path) -> None:
    cut_short(data / PARK / 'frames/003.png')
    (data / 'train/real/road/segmentation/007.png').unlink()
    relabel(data / 'val/real/lane/segmentation/000.png')
    message = fails('train', config, tmp_path)
    assert all(part in message for part in ('park/frames/003.png', 'road/segmentation', 'lane/segmentation/000.png'))


OVERRIDES = {
    'clip longer than every video': ('clip_length=100', ('found 8 frames', 'at least 100', 'clip_length')),
    'crop larger than the frames': ('crop_size=500', ('56x40', '500x500', 'crop_size')),
    'unknown override': ('model.generator.wdth=8', ("model.generator has no key 'wdth'",)),
    'misspelt type': ("model.generator={'type': 'FRNett'}", ("'FRNett'", "did you mean 'FRNet'?")),
    'value of the wrong type': ('crop_size=x', ("train_dataloader.dataset.crop_size='x'",
                                               'ClipDataset expects int or tuple[int, int] or None')),
    'value out of range': ('train_dataloader.dataset.flip_prob=3', ('flip_prob=3', 'from 0 to 1')),
    'value out of range for torch': ('optim_wrapper.generator.optimizer.lr=-1',
                                     ('optim_wrapper', 'Invalid learning rate: -1')),
    'batch of nothing': ('train_dataloader.batch_size=0', ('train_dataloader', 'batch_size')),
    'negative length': ('train_cfg.max_iters=-1', ('train_cfg.max_iters=-1', '1 or more')),
    'unknown domain': ("val_dataloader.dataset.domains=['real', 'virtul']", ('val/virtul', 'holds real, virtual')),
    'no such data': ('data_root=/no/such/folder', ('/no/such/folder', '--cfg-options data_root=')),
    'no such weights': ('load_from=/no/such.pth', ('no checkpoint /no/such.pth',)),
    'best by what is not measured': ("val_dataloader.dataset.domains=['virtual']", ('save_best', "'real/")),
}


@pytest.mark.parametrize('case', OVERRIDES)
def test_wrong_option_is_told_before_training(case: str, tiny_config: Path, tmp_path: Path) -> None:
    option, expected = OVERRIDES[case]
    message = fails('train', tiny_config, tmp_path, options=[option])
    assert all(part in message for part in expected), message


def test_misspelt_config_file(tiny_config: Path, tmp_path: Path) -> None:
    assert f"did you mean '{tiny_config}'?" in fails('train', tiny_config.with_name('tinny.py'), tmp_path)


def test_missing_sample_names_the_command_that_makes_it(tiny_config: Path, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert 'make sample' in fails('train', tiny_config, tmp_path, options=['data_root=data/sample'])


def test_nothing_to_resume(tiny_config: Path, tmp_path: Path) -> None:
    assert 'nothing to resume' in fails('train', tiny_config, tmp_path, '--resume', tmp_path / 'iter_2.pth')


def test_launcher_that_did_not_start_it(tiny_config: Path, tmp_path: Path) -> None:
    assert 'torchrun' in fails('train', tiny_config, tmp_path, '--launcher', 'pytorch')


def test_missing_checkpoint(trained: Run, tmp_path: Path) -> None:
    message = fails('test', trained.config, tmp_path, '--checkpoint', trained.work_dir / 'iter_3.pth')
    assert str(trained.work_dir / 'iter_3.pth') in message and 'iter_2.pth' in message


def test_torn_checkpoint(trained: Run, tmp_path: Path) -> None:
    torn = tmp_path / 'torn.pth'
    torn.write_bytes((trained.work_dir / 'latest.pth').read_bytes()[:-500])
    for message in (fails('test', trained.config, tmp_path, '--checkpoint', torn),
                    fails('train', trained.config, tmp_path, '--resume', torn),
                    fails('train', trained.config, tmp_path, options=[f'load_from={torn}'])):
        assert str(torn) in message and 'damaged' in message


def test_checkpoint_of_another_size(trained: Run, tmp_path: Path) -> None:
    message = fails('test', trained.config, tmp_path, '--checkpoint', trained.work_dir,
                    options=['model.generator.mid_channels=12'])
    assert 'does not fit the generator' in message
    assert "'conv_in.0.bias' is (8,), expected (12,)" in message


def test_resuming_with_other_networks(trained: Run, tmp_path: Path) -> None:
    options = ['model.discriminator=None', 'model.losses.adversarial=None', 'model.losses.ping_pong=None']
    message = fails('train', trained.config, tmp_path, '--resume', trained.work_dir / 'latest.pth', options=options)
    assert 'trained discriminator and generator' in message and 'load_from=' in message


def test_error_of_a_worker_is_its_message_alone(data: Path, config: Path, tmp_path: Path) -> None:
    for path in (data / PARK / 'segmentation').iterdir():
        if path.name != '000.png':
            relabel(path)
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=[
        'train_dataloader.num_workers=1', 'train_cfg.max_iters=20', 'train_cfg.val_interval=20'])
    message = message_of(ended)
    assert 'park/segmentation/' in message and '77' in message and len(message.splitlines()) == 1


def test_real_process_ends_with_a_message_and_code_1(tiny_config: Path, tmp_path: Path) -> None:
    ended = tiny.run_process('tools/train.py', tiny_config, '--work-dir', tmp_path / 'run', '--cfg-options',
                             'model.generator.type=FRNett')
    assert "did you mean 'FRNet'?" in message_of(ended) and len(ended.err.splitlines()) < 4
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(('args', 'unbuffered'), [(['tools/list_plugins.py'], ''), (['tools/list_plugins.py'], '1'),
                                                  (['tools/train.py', '--help'], '')])
def test_reader_that_leaves_early_ends_it_quietly(args: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, 'wb') as pipe:
        ended = subprocess.run([sys.executable, *args], cwd=tiny.ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True,
                               timeout=60, env={**os.environ, 'PYTHONUNBUFFERED': unbuffered})
    assert (ended.returncode, ended.stderr) == (1, '')


def test_broken_pipe_that_is_not_the_output_keeps_its_traceback(capsys: pytest.CaptureFixture) -> None:
    def broken() -> None:
        raise BrokenPipeError('to a worker')

    with pytest.raises(BrokenPipeError, match='to a worker'):
        run_tool(broken)


def test_interruption_while_a_config_is_written_out(monkeypatch: pytest.MonkeyPatch,
                                                    capsys: pytest.CaptureFixture) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('mmengine.config.config.FormatCode', interrupted)
    with pytest.raises(SystemExit) as end:
        run_tool(lambda: Config(dict(a=1)).pretty_text)
    assert end.value.code == 130 and capsys.readouterr().err == 'interrupted\n'


def test_wrong_usage_has_code_2(tiny_config: Path) -> None:
    assert tiny.run('train', tiny_config, '--no-such-option').code == 2


def test_fault_of_the_program_keeps_its_traceback(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from photoreal.engine import runner

    def broken(*_: object) -> None:
        raise RuntimeError('a bug')

    monkeypatch.setattr(runner, 'train', broken)
    with pytest.raises(RuntimeError, match='a bug'):
        tiny.run('train', tiny_config)
