"""Two processes stop at the same iteration, resume to the bit, and judge alike what is not finite."""

import time
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.conftest import Run
from tests.engine.test_distributed import torchrun
from tests.engine.test_stopping import NOISE, PARTS, stop_text
from tests.engine.trouble import IMPORT, last


def train(config: Path, work_dir: Path, *arguments: object) -> tiny.Ended:
    return torchrun('train', config, '--work-dir', work_dir, *arguments, PYTHONPATH=str(tiny.ROOT))


@pytest.fixture(scope='module')
def straight(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run by two processes that draw random numbers, and that are never stopped."""
    folder = tmp_path_factory.mktemp('straight')
    config = tiny.write_config(folder / 'tiny.py', tiny_data, IMPORT + NOISE)
    ended = train(config, folder / 'run')
    assert ended.code == 0, ended.err
    return Run(config, folder / 'run', ended.out)


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'code', 'saved'), [('SIGTERM', 143, 3), ('SIGKILL', -9, 2)])
def test_run_of_two_processes_that_is_stopped_ends_as_one_that_was_not(
        straight: Run, tiny_data: Path, tmp_path: Path, name: str, code: int, saved: int) -> None:
    stopped = tiny.write_config(tmp_path / 'stopped.py', tiny_data, stop_text(at=3, name=name, rank=1) +
                                "custom_hooks.append(dict(type='LateHook'))")
    began = time.monotonic()
    ended = train(stopped, tmp_path / 'run')  # one process hears of it
    assert ended.code != 0 and time.monotonic() - began < 60
    assert f'exitcode  : {code} ' in ended.err, ended.err
    assert last(tmp_path / 'run')['meta']['iter'] == saved
    # A launcher kills the others as soon as one ends so: it must not end before them.
    assert (tmp_path / 'run/late.txt').exists() == (name == 'SIGTERM')
    ended = train(straight.config, tmp_path / 'run', '--resume')
    assert ended.code == 0, ended.err
    for part in PARTS:
        assert tiny.equal(last(tmp_path / 'run')[part], last(straight.work_dir)[part]), part
    assert len(last(straight.work_dir)['random_states']) == 2


@pytest.mark.slow
def test_loss_that_is_infinite_on_one_process_is_left_out_on_both(tiny_data: Path, tmp_path: Path) -> None:
    text = f"{IMPORT}\nmodel['losses']['faulty'] = dict(type='FaultyLoss', first=2, final=2, rank=1)\n"
    config = tiny.write_config(tmp_path / 'faulty.py', tiny_data, text)
    ended = train(config, tmp_path / 'run', '--cfg-options', 'train_cfg.max_iters=3')
    assert ended.code == 0, ended.err
    assert 'iteration 2 is left out: ' in ended.out and 'process 1: g_faulty inf' in ended.out
    end = last(tmp_path / 'run')
    assert end['optimizer']['generator']['state'][0]['step'] == 2
    assert all(value.isfinite().all() for value in end['state_dict'].values() if torch.is_floating_point(value))
