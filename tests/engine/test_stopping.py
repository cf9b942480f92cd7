"""A signal ends a run after its iteration, saved; resumed, it ends as if nothing had come between."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from photoreal.engine.stopping import StopRequest, workers_spared
from tests import tiny
from tests.conftest import Run
from tests.engine.trouble import IMPORT, last

PARTS = ('state_dict', 'optimizer', 'param_schedulers', 'random_states')
NOISE = "\nmodel['losses']['noise'] = dict(type='NoisyLoss')\n"


def stop_text(**arguments: object) -> str:
    """What makes a run of a config receive a signal."""
    return f'{IMPORT}{NOISE}\ncustom_hooks = [dict(type="PreviewHook"), dict(type="MetricsJsonHook"), ' \
           f'dict(type="SignalHook", **{arguments})]\n'


@pytest.fixture(scope='module')
def straight(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Run:
    """A run that draws random numbers from everywhere, and is never stopped."""
    folder = tmp_path_factory.mktemp('straight')
    config = tiny.write_config(folder / 'tiny.py', tiny_data, IMPORT + NOISE)
    ended = tiny.run('train', config, '--work-dir', folder / 'run', options=['resume=False'])
    assert ended.code == 0, ended.err
    return Run(config, folder / 'run', ended.out)


@pytest.mark.parametrize(('name', 'code', 'at', 'validation', 'saved'), [
    ('SIGTERM', 143, 2, True, 2), ('SIGUSR1', 138, 3, False, 3),
    pytest.param('SIGTERM', 143, 1, False, 1, marks=pytest.mark.slow),
    pytest.param('SIGINT', 130, 2, False, 2, marks=pytest.mark.slow)])
def test_stopped_run_ends_as_one_that_was_not(straight: Run, tiny_data: Path, tmp_path: Path, name: str, code: int,
                                              at: int, validation: bool, saved: int) -> None:
    config = tiny.write_config(tmp_path / 'stop.py', tiny_data, stop_text(at=at, name=name, validation=validation))
    handler = signal.getsignal(getattr(signal, name))
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['resume=False'])
    assert ended.code == code, ended.err
    assert f'stopped after iteration {saved}, which is saved in {tmp_path}/run; go on with --resume' in ended.err
    assert last(tmp_path / 'run')['meta']['iter'] == saved
    assert signal.getsignal(getattr(signal, name)) == handler
    resumed = tiny.run('train', straight.config, '--work-dir', tmp_path / 'run', '--resume', options=['resume=False'])
    assert resumed.code == 0, resumed.err
    for part in PARTS:
        assert tiny.equal(last(tmp_path / 'run')[part], last(straight.work_dir)[part]), part
    # Validations that the signal cut short, or prevented, are made up for.
    work_dirs = tmp_path / 'run', straight.work_dir
    histories = [json.loads((work_dir / 'metrics.json').read_text()) for work_dir in work_dirs]
    assert histories[0] == histories[1]
    assert len({(work_dir / 'best.pth').resolve().name for work_dir in work_dirs}) == 1


def test_signal_in_a_validation_that_is_made_up_for(straight: Run, tiny_data: Path, tmp_path: Path) -> None:
    config = tiny.write_config(tmp_path / 'stop.py', tiny_data, stop_text(at=1, validation=True))
    for resume in ((), ('--resume',)):
        ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', *resume, options=['resume=False'])
        assert ended.code == 143 and 'stopped after iteration 2' in ended.err, ended.err
    ended = tiny.run('train', straight.config, '--work-dir', tmp_path / 'run', '--resume', options=['resume=False'])
    assert ended.code == 0, ended.err
    work_dirs = tmp_path / 'run', straight.work_dir
    measured = [json.loads((work_dir / 'metrics.json').read_text()) for work_dir in work_dirs]
    assert measured[0] == measured[1]


def test_second_signal_does_not_disturb_what_the_first_sets_off() -> None:
    def validate() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            tidied.append(True)

    tidied: list[bool] = []
    with StopRequest() as stop:
        stop.until_signal(validate)
        assert stop.agreed() == signal.SIGTERM and tidied


def test_second_ctrl_c_waits_for_nothing(capfd: pytest.CaptureFixture) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background is deaf to it
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.agreed() == signal.SIGINT and 'press Ctrl-C again' in capfd.readouterr().err
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_workers_that_are_kept_outlast_the_run_and_not_the_program() -> None:
    loader = DataLoader(range(4), num_workers=1, persistent_workers=True)
    with workers_spared([loader]):
        next(iter(loader))
        worker, = multiprocessing.active_children()
        worker.terminate()
        worker.join(0.5)
        assert worker.is_alive()
    worker.terminate()  # as Python does at its end
    worker.join(10)
    assert worker.exitcode == 0


def test_random_states_of_a_resumed_run_matter(straight: Run, tmp_path: Path) -> None:
    """Without them it would end otherwise: the tests above can fail."""
    checkpoint = last(straight.work_dir)
    assert set(checkpoint['random_states'][0]) >= {'torch', 'numpy', 'python'}
    halfway = torch.load(straight.work_dir / 'iter_2.pth', weights_only=True)
    del halfway['random_states']
    torch.save(halfway, tmp_path / 'iter_2.pth')
    ended = tiny.run('train', straight.config, '--work-dir', tmp_path / 'run', '--resume', tmp_path / 'iter_2.pth',
                     options=['resume=False'])
    assert ended.code == 0, ended.err
    assert not tiny.equal(last(tmp_path / 'run')['state_dict'], checkpoint['state_dict'])


def test_validation_leaves_no_trace_in_the_training(straight: Run, tmp_path: Path) -> None:
    ended = tiny.run('train', straight.config, '--work-dir', tmp_path / 'run', options=['train_cfg.val_interval=100'])
    assert ended.code == 0, ended.err
    for part in PARTS:
        assert tiny.equal(last(tmp_path / 'run')[part], last(straight.work_dir)[part]), part


@pytest.mark.parametrize(('name', 'code'), [
    ('SIGTERM', 143), pytest.param('SIGINT', 130, marks=pytest.mark.slow)])
def test_signal_to_all_processes_of_a_job_spares_its_workers_until_the_run_is_saved(
        tiny_config: Path, tmp_path: Path, name: str, code: int) -> None:
    # A process that was started in the background ignores Ctrl-C, and so would its children.
    listen = ('import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); '
              "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')")
    argv = [sys.executable, '-c', listen, 'tools/train.py', tiny_config, '--work-dir', tmp_path / 'run',
            '--cfg-options', 'train_cfg.max_iters=100000', 'train_cfg.val_interval=100000',
            'default_hooks.checkpoint.interval=100000', 'train_dataloader.num_workers=2']
    with subprocess.Popen(list(map(str, argv)), cwd=tiny.ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as process:
        deadline = time.monotonic() + 100
        while 'Iter(train) [     3/' not in process.stdout.readline():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail('it did not get to its third iteration')
        os.killpg(process.pid, getattr(signal, name))
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert 'stopped after iteration' in err and 'Traceback' not in err
    assert err.count('press Ctrl-C again') == (name == 'SIGINT')  # the workers say nothing
    assert last(tmp_path / 'run')['meta']['iter'] >= 3
    assert not [path for path in (tmp_path / 'run').rglob('*') if 'tmp' in path.name]
