"""Two processes stop at the same iteration, resume to the bit, and judge alike what is not finite."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.engine.test_distributed import torchrun
from tests.engine.test_stopping import NOISE, PARTS, stop_text
from tests.engine.trouble import IMPORT, last


def train(config: Path, work_dir: Path, *arguments: object) -> tiny.Ended:
    return torchrun('train', config, '--work-dir', work_dir, *arguments, PYTHONPATH=str(tiny.ROOT))


@pytest.mark.slow
def test_run_of_two_processes_that_is_stopped_ends_as_one_that_was_not(tiny_data: Path, tmp_path: Path) -> None:
    straight = tiny.write_config(tmp_path / 'straight.py', tiny_data, IMPORT + NOISE)
    stopped = tiny.write_config(tmp_path / 'stopped.py', tiny_data, stop_text(at=3, rank=1))  # one process hears of it
    ended = train(straight, tmp_path / 'straight')
    assert ended.code == 0, ended.err
    ended = train(stopped, tmp_path / 'stopped')
    assert ended.code != 0 and 'exitcode  : 143' in ended.err, ended.err
    assert last(tmp_path / 'stopped')['meta']['iter'] == 3
    ended = train(straight, tmp_path / 'stopped', '--resume')
    assert ended.code == 0, ended.err
    runs = [last(tmp_path / name) for name in ('straight', 'stopped')]
    for part in PARTS:
        assert tiny.equal(*(run[part] for run in runs)), part
    states = runs[0]['random_states']
    assert len(states) == 2


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
