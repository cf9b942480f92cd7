"""Data-parallel training of a GAN: generator and discriminator are wrapped each."""

import atexit
import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from mmengine.device import get_device
from mmengine.model.wrappers import MMDistributedDataParallel, MMSeparateDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from photoreal.errors import ConfigError
from photoreal.structures import PARTS


class _Part(MMDistributedDataParallel):
    """A wrapped part whose weights keep the names that they have in a run on one device.

    Its only work is to average the gradients of its weights over the processes. It may be called several times before
    one backward pass, as the discriminator is: the average is taken when a weight's gradient is complete. Batch
    normalisation uses the statistics of each process unless the config says ``sync_bn='torch'``, which needs GPUs.
    """

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self.module.state_dict(*args, **kwargs)


@MODEL_WRAPPERS.register_module()
class VideoGANDataParallel(MMSeparateDistributedDataParallel):
    """Wrap the trained parts of a VideoGAN; everything else (average, losses) stays as it is on each process.

    Args:
        module: The VideoGAN.
        device_ids: This process's GPU, or None; ignored where the model is on the CPU.
    """

    def __init__(self, module: nn.Module, device_ids: list[int] | None = None) -> None:
        # MMEngine's constructor would wrap the losses too, and pins device_ids on the CPU.
        super(DistributedDataParallel, self).__init__()
        self.module = module
        device = get_device()
        module.to(device)
        self.device_ids = None if device == 'cpu' else device_ids
        self.wrap()

    def wrap(self) -> None:
        """Wrap the parts, or wrap them anew: to be called when other weights than before are trained."""
        for name in PARTS:
            part = getattr(self.module, name)
            part = getattr(part, 'module', part)
            if part is not None:
                trained = any(parameter.requires_grad for parameter in part.parameters())
                self.module._modules[name] = _Part(part, device_ids=self.device_ids, forward_sync_buffers=False) \
                    if trained else part


class _Launcher(NamedTuple):
    """Where a launcher tells a process its rank, how many there are, its rank on its node, and how many are there."""

    rank: str
    size: str
    local_rank: str
    example: str
    local_size: str = ''  # where it matters


_LAUNCHERS = {
    'pytorch': [_Launcher('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'torchrun --nproc_per_node=<number of GPUs>')],
    'slurm': [_Launcher('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'srun python')],
    'mpi': [_Launcher('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK', 'mpirun python',
                      'OMPI_COMM_WORLD_LOCAL_SIZE'),
            _Launcher('PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID', 'mpirun python', 'MPI_LOCALNRANKS')],  # MPICH, Intel
}


def start_processes(launcher: str, timeout: float = 1800) -> None:
    """Let the processes that a launcher started find each other: over NCCL where each has a GPU, else over gloo.

    MMEngine's own way wants a GPU, and an address for MPI; it finds all done here.

    Args:
        launcher: 'none', 'pytorch' (torchrun), 'slurm' or 'mpi' (Open MPI, MPICH, Intel MPI).
        timeout: Seconds after which a process that waits for another one in vain gives up.

    Raises:
        ConfigError: The environment lacks what the launcher sets, or the node has fewer GPUs than processes.
    """
    if launcher == 'none' or dist.is_initialized():
        return
    names = next((names for names in _LAUNCHERS[launcher] if names.rank in os.environ), _LAUNCHERS[launcher][0])
    for name in names[:3]:
        if name not in os.environ:
            raise ConfigError(f'launcher={launcher!r}: {name} is not set in the environment, so {launcher} has not '
                              f'started this process; start it with: {names.example} tools/train.py CONFIG --launcher '
                              f'{launcher}')
    # By these names torch, and MMEngine later on, know them whatever the launcher.
    for name, source in zip(('RANK', 'WORLD_SIZE', 'LOCAL_RANK'), names):
        os.environ[name] = os.environ[source]
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_node(launcher, names.local_size)
    os.environ.setdefault('MASTER_PORT', str(20000 + int(os.environ.get('SLURM_JOB_ID', 9500)) % 10000))
    if torch.cuda.is_available():
        local_rank = int(os.environ['LOCAL_RANK'])
        if local_rank >= torch.cuda.device_count():
            raise ConfigError(f'this is process {local_rank} of its node, counted from 0, and the node has '
                              f'{torch.cuda.device_count()} GPU(s): start as many processes on a node as it has GPUs')
        torch.cuda.set_device(local_rank)
    dist.init_process_group('nccl' if torch.cuda.is_available() else 'gloo', timeout=timedelta(seconds=timeout))
    atexit.register(_leave)


def _leave() -> None:
    """Leave the other processes at the end; after an error nothing is waited for.

    A thread of gloo that lets go of its last tensors wants the interpreter; once that is being taken down, wanting it
    aborts the process, whose work is done. So it gets the interpreter now.
    """
    if dist.is_initialized() and not hasattr(sys, 'last_type'):
        dist.destroy_process_group()
        time.sleep(0.1)


def _first_node(launcher: str, local_size: str) -> str:
    if launcher == 'slurm':
        nodes = os.environ['SLURM_NODELIST']
        return subprocess.run(['scontrol', 'show', 'hostnames', nodes], check=True, capture_output=True,
                              text=True).stdout.split()[0]
    if launcher == 'mpi' and os.environ.get(local_size) != os.environ['WORLD_SIZE']:
        raise ConfigError("launcher='mpi' on several nodes: MASTER_ADDR is not set; give all processes the name of the "
                          'node with rank 0: mpirun -x MASTER_ADDR=<node> (Open MPI), -genv MASTER_ADDR <node> (MPICH)')
    return '127.0.0.1'
