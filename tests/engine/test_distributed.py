"""Training and testing by two processes, on the CPU, is that by one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from photoreal.engine.distributed import VideoGANDataParallel, start_processes
from photoreal.errors import ConfigError
from photoreal.structures import PARTS
from tests import tiny
from tests.conftest import Run
from tests.engine.test_stopping import stop_text
from tests.engine.trouble import last
from tests.models.helpers import PIXEL, build, wrappers
from tests.models.test_unpaired import batch, unpaired


def torchrun(tool: str, *args: object, **environment: str) -> tiny.Ended:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    return tiny.run_process('-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}',
                            f'tools/{tool}.py', *args, '--launcher', 'pytorch', CUDA_VISIBLE_DEVICES='', **environment)


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
@pytest.mark.parametrize('parts', [1, 2])
def test_two_processes_with_half_a_batch_each_train_as_one(trained: Run, tmp_path: Path, parts: int) -> None:
    # Without batch normalisation, whose statistics are those of a process. The generator learns from its judge most.
    options = ['train_cfg.max_iters=1', 'model.discriminator.spectral=True', 'model.update_threshold=None',
               'model.losses.adversarial.weight=10', f'model.micro_batches={parts}']
    ended = torchrun('train', trained.config, '--work-dir', tmp_path / 'two', '--cfg-options', *options,
                     f'train_dataloader.batch_size={parts}')
    assert ended.code == 0, ended.err
    alone = tiny.run('train', trained.config, '--work-dir', tmp_path / 'one',
                     options=[*options, f'train_dataloader.batch_size={2 * parts}'])
    assert alone.code == 0, alone.err
    two, one = (torch.load(tmp_path / name / 'latest.pth', weights_only=True) for name in ('two', 'one'))
    for part in ('generator', 'discriminator'):
        moments = [checkpoint['optimizer'][part]['state'] for checkpoint in (two, one)]
        for key in moments[1]:  # Adam's first moment is the gradient: the mean over the two processes
            torch.testing.assert_close(moments[0][key]['exp_avg'], moments[1][key]['exp_avg'], rtol=1e-3, atol=1e-6)
    logs = [checkpoint['message_hub']['log_scalars'] for checkpoint in (two, one)]
    leads = [log['train/d_lead']['values'] for log in logs]  # over all processes; losses are those of the first
    assert leads[0] == pytest.approx(leads[1], rel=1e-3, abs=1e-6)


@pytest.fixture
def group_of_one() -> Iterator[None]:
    """This process alone as a group of processes."""
    torch.distributed.init_process_group('gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize('parts', [1, 2])
def test_all_passes_go_through_the_wrappers(group_of_one: None, parts: int) -> None:
    bare, model = (build(dict(pixel=PIXEL, adversarial=dict(type='AdversarialLoss', weight=10.0)),
                         'SpatioTemporalDiscriminator', unpaired=unpaired(), update_threshold=None, micro_batches=parts)
                   for _ in range(2))
    wrapper, passes = VideoGANDataParallel(model), Counter()
    for name in PARTS:
        part = getattr(model, name)
        part.module.register_forward_hook(lambda *_, name=name: passes.update([name]))
        part.register_forward_hook(lambda net, *_, name=name: passes.update([(name, net.require_backward_grad_sync)]))
    optimizers = [wrappers(net) for net in (bare, model)]
    for _ in range(3):
        expected = bare.train_step(batch(n=4), optimizers[0])
        found = wrapper.train_step(batch(n=4), optimizers[1])
    assert passes['generator'] == passes['generator', True] == 3 * parts
    for judge in ('discriminator', 'critic'):  # it sees real and fake clips, then, frozen, the fake ones again
        assert (passes[judge], passes[judge, True], passes[judge, False]) == (9 * parts, 6 * parts, 3 * parts)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5, msg=name)


DYING = """
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class DyingHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and get_rank() == 1:
            raise RuntimeError('the disk is gone')
"""


@pytest.mark.slow
def test_process_that_dies_ends_the_others_with_its_error_shown(trained: Run, tmp_path: Path) -> None:
    (tmp_path / 'dying.py').write_text(DYING)
    config = tmp_path / 'tiny.py'
    config.write_text(f"""_base_ = {str(trained.config)!r}
custom_imports = dict(imports=['photoreal.datasets', 'photoreal.engine', 'photoreal.metrics', 'dying'])
custom_hooks = [dict(type='DyingHook')]
default_hooks = dict(schedule=dict(type='ScheduleHook', frozen={{'generator.flow_net': [(0, True), (1, False)]}}))
""")
    began = time.monotonic()
    # Neither a discriminator that is never updated nor a part that is frozen at first must stop the others.
    ended = torchrun('train', config, '--work-dir', tmp_path / 'run', '--cfg-options', 'train_cfg.max_iters=9',
                     'train_cfg.val_interval=9', 'model.update_threshold=-1e9',
                     PYTHONPATH=os.pathsep.join([str(tiny.ROOT), str(tmp_path)]))
    assert ended.code != 0 and time.monotonic() - began < 60
    assert 'RuntimeError: the disk is gone' in ended.err and 'Iter(train) [2/9]' in ended.out


ENVIRONMENTS = {  # of slurm and MPI on two nodes, of MPICH on one
    'slurm': dict(SLURM_PROCID='{}', SLURM_NTASKS='2', SLURM_LOCALID='0', SLURM_NODELIST='here', SLURM_JOB_ID='123'),
    'mpi': dict(OMPI_COMM_WORLD_RANK='{}', OMPI_COMM_WORLD_SIZE='2', OMPI_COMM_WORLD_LOCAL_RANK='0',
                OMPI_COMM_WORLD_LOCAL_SIZE='1', MASTER_ADDR='localhost'),
    'mpich': dict(PMI_RANK='{}', PMI_SIZE='2', MPI_LOCALRANKID='{}', MPI_LOCALNRANKS='2')}
MEET = """
import sys, torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from photoreal.engine.distributed import start_processes
start_processes(sys.argv[1])
total = torch.tensor(float(get_rank() + 1))
all_reduce(total)
print(get_world_size(), float(total))
"""


@pytest.mark.slow
@pytest.mark.parametrize(('launcher', 'variables'), [('slurm', 'slurm'), ('mpi', 'mpi'), ('mpi', 'mpich')])
def test_processes_of_other_launchers_meet(launcher: str, variables: str, tmp_path: Path) -> None:
    scontrol = tmp_path / 'scontrol'  # slurm's own tool, which names the nodes of a list
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostnames here" ] && echo localhost && echo another\n')
    scontrol.chmod(0o755)
    common = {**os.environ, 'PATH': f"{tmp_path}:{os.environ['PATH']}", 'PYTHONPATH': str(tiny.ROOT),
              'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
    own = [{name: value.format(rank) for name, value in ENVIRONMENTS[variables].items()} for rank in range(2)]
    started = [subprocess.Popen([sys.executable, '-c', MEET, launcher], stdout=subprocess.PIPE, text=True,
                                env=common | environment) for environment in own]
    assert [process.communicate(timeout=60)[0].split() for process in started] == [['2', '3.0']] * 2


@pytest.mark.parametrize(('variables', 'local_size'), [
    ('mpi', 'OMPI_COMM_WORLD_LOCAL_SIZE'), ('mpich', 'MPI_LOCALNRANKS')])
def test_mpi_on_several_nodes_asks_for_an_address(variables: str, local_size: str,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENTS[variables].items():
        monkeypatch.setenv(name, value.format(1))
    monkeypatch.setenv(local_size, '1')
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '')  # so that what is set here does not outlive the test
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match='MASTER_ADDR is not set; .* mpirun -x MASTER_ADDR=<node>'):
        start_processes('mpi')


MPIRUNS = {'mpirun.openmpi': ['--allow-run-as-root', '--oversubscribe'], 'mpirun.mpich': []}  # as Debian calls them


@pytest.mark.slow
@pytest.mark.parametrize('program', MPIRUNS)
def test_run_by_mpi_that_loses_a_process_ends_and_goes_on(program: str, tiny_data: Path, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f'{program} is not installed')
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, stop_text(at=3, name='SIGKILL', rank=1))

    def train(*arguments: str) -> subprocess.CompletedProcess:
        tool = ['tools/train.py', str(config), '--launcher', 'mpi', '--work-dir', str(tmp_path / 'run')]
        return subprocess.run([program, *MPIRUNS[program], '-n', '2', sys.executable, *tool, *arguments], cwd=tiny.ROOT,
                              capture_output=True, text=True, timeout=120, env={
                                  **os.environ, 'PYTHONPATH': str(tiny.ROOT), 'OMP_NUM_THREADS': '1',
                                  'CUDA_VISIBLE_DEVICES': ''})
    ended = train()
    assert ended.returncode != 0 and last(tmp_path / 'run')['meta']['iter'] == 2, ended.stderr
    ended = train('--resume', '--cfg-options', 'custom_hooks=[]')
    assert ended.returncode == 0 and ended.stdout.count('done: ') == 1, ended.stderr
    assert last(tmp_path / 'run')['meta']['iter'] == 4 and len(last(tmp_path / 'run')['random_states']) == 2


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
    ('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')])
def test_launcher_that_did_not_start_the_process(launcher: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=f"launcher='{launcher}': {variable} is not set"):
        start_processes(launcher)


def test_one_process_needs_no_launcher() -> None:
    start_processes('none')
    assert not torch.distributed.is_initialized()
