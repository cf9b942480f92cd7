"""Data-parallel training of a GAN: generator and discriminator are wrapped each."""

from typing import Any

import torch
import torch.distributed
from mmengine.device import get_device
from mmengine.model.wrappers import MMDistributedDataParallel, MMSeparateDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch import nn
from torch.nn.parallel import DistributedDataParallel


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
        for name in ('generator', 'discriminator'):
            part = getattr(module, name)
            if part is not None:
                ids = None if device == 'cpu' else device_ids
                module._modules[name] = _Part(part, device_ids=ids, broadcast_buffers=False)


def start_on_cpu(launcher: str) -> None:
    """Start the process group with gloo where there is no GPU; MMEngine's own way there wants one.

    Needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment, as torchrun sets them.
    """
    if launcher == 'pytorch' and not torch.cuda.is_available() and not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
