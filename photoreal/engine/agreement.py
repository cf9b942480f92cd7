"""What all processes of a run decide alike."""

from functools import cache

import torch
import torch.distributed as dist
from mmengine.dist import get_world_size


def greatest(value: int) -> int:
    """The greatest of all processes' values; to be called by all of them. It never waits for a GPU.

    Raises:
        RuntimeError: Another process has gone.
    """
    if get_world_size() == 1:
        return value
    shared = torch.tensor(value)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX, group=_cpu_group())
    return int(shared)


@cache
def _cpu_group() -> dist.ProcessGroup | None:
    return None if dist.get_backend() == 'gloo' else dist.new_group(backend='gloo')
