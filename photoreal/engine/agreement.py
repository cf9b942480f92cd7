"""What all processes of a run decide alike, and what they tell each other. None of it waits for a GPU."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from mmengine.dist import get_rank, get_world_size

from photoreal.errors import PhotorealError

T = TypeVar('T')


def greatest(value: int) -> int:
    """The greatest of all processes' values; to be called by all of them.

    Raises:
        RuntimeError: Another process has gone.
    """
    if get_world_size() == 1:
        return value
    shared = torch.tensor(value)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX, group=_cpu_group())
    return int(shared)


def wait_for_all() -> None:
    """Go on when all processes have come here; to be called by all of them."""
    greatest(0)


def gather(value: T) -> list[T]:
    """All processes' values, by rank; to be called by all of them."""
    values = [value] * get_world_size()
    if len(values) > 1:
        dist.all_gather_object(values, value, group=_cpu_group())
    return values


def done_by(rank: int, function: Callable[[], T]) -> T:
    """What a function returns in one process, for all of them; what is wrong there, all raise.

    Args:
        rank: Of the process that calls it.
        function: What it returns can be pickled.

    Raises:
        PhotorealError: The function has raised it.
    """
    if get_world_size() == 1:
        return function()
    outcome: list[Any] = [None, None]
    if get_rank() == rank:
        try:
            outcome[0] = function()
        except PhotorealError as error:
            outcome[1] = error
    dist.broadcast_object_list(outcome, src=rank, group=_cpu_group())
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


@cache
def _cpu_group() -> dist.ProcessGroup | None:
    return None if dist.get_backend() == 'gloo' else dist.new_group(backend='gloo')
