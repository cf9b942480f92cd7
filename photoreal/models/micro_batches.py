"""A batch that goes through the networks in several parts, so that it takes less memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from photoreal.errors import ConfigError

Logs = dict[str, Tensor]


class PartialUpdate:
    """A player's optimizer while a batch comes in parts: gradients add up, and one step is made at the end.

    Args:
        wrapper: The optimizer.
        parts: How many parts the batch has: its loss is the mean of theirs.
    """

    def __init__(self, wrapper: OptimWrapper, parts: int) -> None:
        self.wrapper, self.parts = wrapper, parts
        self.learnt = False

    def optim_context(self, net: nn.Module) -> AbstractContextManager[None]:
        return self.wrapper.optim_context(net)

    def update_params(self, loss: Tensor) -> None:
        """Add the gradients of one part's loss, but for the step."""
        self.wrapper.backward(loss / self.parts)
        self.learnt = True

    def finish(self) -> None:
        """Make the step, unless this player has learnt nothing from any part."""
        if self.learnt:
            self.wrapper.step()
            self.wrapper.zero_grad()


def learn_in_parts(learn: Callable[[dict[str, Any], dict[str, Any]], Logs], batch: dict[str, Any],
                   optim_wrapper: OptimWrapperDict, parts: int) -> Logs:
    """Have all players learn from a batch part by part, and make one step each when all have been through.

    Gradients are those of the whole batch, except that the statistics of batch normalisation are those of a part, and
    that no player sees what another has learnt from this batch.

    Args:
        learn: What is done with a batch and the optimizers by player; returns what to log.
        batch: Tensors with the clips first, and dicts of such.
        optim_wrapper: The optimizers by player.
        parts: How many; the clips must be divisible by it.

    Returns:
        The means of what was to be logged of each part.
    """
    updates = {player: PartialUpdate(wrapper, parts) for player, wrapper in optim_wrapper.items()}
    logs = [learn(_part(batch, i, parts), updates) for i in range(parts)]
    for update in updates.values():
        update.finish()
    return {name: torch.stack([log[name].float() for log in logs]).mean() for name in logs[0]}


def _part(value: Any, index: int, parts: int) -> Any:
    if isinstance(value, dict):
        return {key: _part(child, index, parts) for key, child in value.items()}
    size, rest = divmod(len(value), parts)
    if rest or not size:
        raise ConfigError(f'a batch of {len(value)} clips cannot be divided into model.micro_batches={parts} equal '
                          'parts: make train_dataloader.batch_size a multiple of it')
    return value[index * size:(index + 1) * size]
