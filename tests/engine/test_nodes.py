"""Two agents of torchrun on this machine are two nodes to it: they train as one, with one disk or a disk each."""

import shutil
from pathlib import Path

import pytest
from torch.distributed.elastic.utils.distributed import get_free_port

from tests import tiny
from tests.conftest import Run
from tests.engine.test_distributed import torchrun
from tests.engine.test_stopping import PARTS
from tests.engine.trouble import last

OPTIONS = ['--cfg-options', 'train_cfg.max_iters=3']


@pytest.fixture(scope='module')
def on_one_node(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a run of three iterations by two processes of one node."""
    work_dir = tmp_path_factory.mktemp('one_node')
    ended = torchrun('train', trained.config, '--work-dir', work_dir, *OPTIONS)
    assert ended.code == 0, ended.err
    return work_dir


def train(config: Path, work_dirs: list[Path], *arguments: object, rendezvous: list[list[str]]) -> list[str]:
    """Train with an agent and a process on each node; returns what the nodes have printed."""
    agents = [tiny.start_process('-m', 'torch.distributed.run', '--nnodes=2', '--nproc_per_node=1', *meet,
                                 'tools/train.py', config, '--launcher', 'pytorch', '--work-dir', work_dir, *arguments,
                                 PYTHONPATH=str(tiny.ROOT), CUDA_VISIBLE_DEVICES='')
              for work_dir, meet in zip(work_dirs, rendezvous, strict=True)]
    printed = [[text.decode() for text in agent.communicate(timeout=120)] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], printed
    return [out for out, _ in printed]


@pytest.mark.slow
def test_two_nodes_train_as_one(trained: Run, on_one_node: Path, tmp_path: Path) -> None:
    meet = ['--rdzv_backend=c10d', f'--rdzv_endpoint=localhost:{get_free_port()}']
    printed = train(trained.config, [tmp_path / 'run'] * 2, *OPTIONS, rendezvous=[meet] * 2)
    assert ''.join(printed).count('Saving ') == 2 and ''.join(printed).count('done: ') == 1
    assert tiny.equal(last(tmp_path / 'run')['state_dict'], last(on_one_node)['state_dict'])


@pytest.mark.slow
def test_run_goes_on_from_the_disk_of_either_node(trained: Run, on_one_node: Path, tmp_path: Path) -> None:
    # torchrun has dealt out the ranks anew: what was saved lies on the node that has rank 1 now.
    disks = [tmp_path / 'first', tmp_path / 'second']
    shutil.copytree(on_one_node, disks[1], ignore=lambda *_: ['iter_3.pth', 'latest.pth'], symlinks=True)
    meet = [f'--node_rank={rank} --master_addr=127.0.0.1 --master_port={port}'.split()
            for port in [get_free_port()] for rank in range(2)]
    train(trained.config, disks, '--resume', *OPTIONS, rendezvous=meet)
    assert not (disks[0] / 'iter_2.pth').exists() and not (disks[1] / 'iter_3.pth').exists()
    for part in PARTS:
        assert tiny.equal(last(disks[0])[part], last(on_one_node)[part]), part
    histories = [(folder / 'metrics.json').read_text() for folder in (disks[0], on_one_node)]
    assert histories[0] == histories[1]  # no validation was made twice, or by one process alone
