"""Training and testing by two processes, on the CPU, is that by one."""

import json
import socket
from pathlib import Path

import pytest
import torch

from photoreal.engine.distributed import start_processes
from photoreal.errors import ConfigError
from tests import tiny
from tests.conftest import Run


def torchrun(tool: str, *args: object) -> tiny.Ended:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    return tiny.run_process('-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}',
                            f'tools/{tool}.py', *args, '--launcher', 'pytorch', CUDA_VISIBLE_DEVICES='')


@pytest.mark.slow
def test_two_processes_make_a_checkpoint_that_one_can_use(trained: Run, tmp_path: Path) -> None:
    ended = torchrun('train', trained.config, '--work-dir', tmp_path / 'two', '--cfg-options', 'train_cfg.max_iters=2')
    assert ended.code == 0, ended.err
    assert ended.out.count('done: ') == 1
    two, one = (torch.load(folder / 'iter_2.pth', weights_only=True) for folder in (tmp_path / 'two', trained.work_dir))
    assert two['state_dict'].keys() == one['state_dict'].keys()
    assert not tiny.equal(two['state_dict'], one['state_dict'])  # four clips an iteration instead of two
    resumed = tiny.run('train', trained.config, '--work-dir', tmp_path / 'two', '--resume', options=['resume=False'])
    assert resumed.code == 0, resumed.err
    again = torchrun('train', trained.config, '--work-dir', tmp_path / 'two', '--resume', '--cfg-options',
                     'train_cfg.max_iters=6')
    assert again.code == 0, again.err
    assert torch.load(tmp_path / 'two/latest.pth', weights_only=True)['meta']['iter'] == 6


@pytest.mark.slow
def test_two_processes_with_half_a_batch_each_train_as_one(trained: Run, tmp_path: Path) -> None:
    ended = torchrun('train', trained.config, '--work-dir', tmp_path / 'two', '--cfg-options', 'train_cfg.max_iters=1',
                     'train_dataloader.batch_size=1', 'model.discriminator=None', 'model.losses.adversarial=None')
    assert ended.code == 0, ended.err
    alone = tiny.run('train', trained.config, '--work-dir', tmp_path / 'one', options=[
        'train_cfg.max_iters=1', 'model.discriminator=None', 'model.losses.adversarial=None'])
    assert alone.code == 0, alone.err
    two, one = (torch.load(tmp_path / name / 'latest.pth', weights_only=True)['optimizer']['generator']['state']
                for name in ('two', 'one'))
    for key in one:  # Adam's first moment is the gradient: the mean over the two processes
        torch.testing.assert_close(two[key]['exp_avg'], one[key]['exp_avg'], rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_two_processes_measure_what_one_does(trained: Run, tmp_path: Path) -> None:
    arguments = [trained.config, '--checkpoint', trained.work_dir, '--out']
    ended = torchrun('test', *arguments, tmp_path / 'two')
    assert ended.code == 0, ended.err
    assert ended.out.count('real: mean of videos') == 1
    assert tiny.run('test', *arguments, tmp_path / 'one', options=['resume=False']).code == 0
    two, one = (json.loads((tmp_path / name / 'metrics.json').read_text()) for name in ('two', 'one'))
    assert two == one
    assert {name: data for name, data in tiny.files(tmp_path / 'two').items() if name.endswith('.png')} == \
        {name: data for name, data in tiny.files(tmp_path / 'one').items() if name.endswith('.png')}


@pytest.mark.parametrize(('launcher', 'variable'), [
    ('pytorch', 'LOCAL_RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_LOCAL_RANK')])
def test_launcher_that_did_not_start_the_process(launcher: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=f"launcher='{launcher}': {variable} is not set"):
        start_processes(launcher)


def test_one_process_needs_no_launcher() -> None:
    start_processes('none')
    assert not torch.distributed.is_initialized()
