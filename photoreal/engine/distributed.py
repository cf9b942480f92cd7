"""Data-parallel training of a GAN: generator and discriminator are wrapped each."""

import os
from typing import Any

import torch
import torch.distributed
from mmengine.device import get_device
from mmengine.model.wrappers import MMDistributedDataParallel, MMSeparateDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from photoreal.errors import ConfigError
from photoreal.structures import PARTS


class _Part(MMDistributedDataParallel):
    """A wrapped part whose weights keep the names that they have in a run on one device."""

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
        for name in PARTS:
            part = getattr(module, name)
            if part is not None:
                ids = None if device == 'cpu' else device_ids
                module._modules[name] = _Part(part, device_ids=ids, broadcast_buffers=False)


_LAUNCHERS = {
    'pytorch': ('LOCAL_RANK', 'torchrun --nproc_per_node=<number of GPUs> tools/train.py CONFIG --launcher pytorch'),
    'slurm': ('SLURM_PROCID', 'srun ... python tools/train.py CONFIG --launcher slurm'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpirun ... python tools/train.py CONFIG --launcher mpi'),
}


def start_processes(launcher: str) -> None:
    """Check that the launcher started this process, and on the CPU let it find the others.

    MMEngine does the rest, but its own way of torchrun's wants a GPU: without one, gloo is started here.

    Raises:
        ConfigError: The environment lacks what the launcher sets.
    """
    if launcher == 'none':
        return
    variable, example = _LAUNCHERS[launcher]
    if variable not in os.environ:
        raise ConfigError(f'launcher={launcher!r}: {variable} is not set in the environment, so {launcher} has not '
                          f'started this process; start it with: {example}')
    if launcher == 'pytorch' and not torch.cuda.is_available() and not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
