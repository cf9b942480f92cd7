"""Numbers that are not finite: such a step is left out, and a run that makes no other is stopped or set back."""

import math
from typing import Any, Literal

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from mmengine.runner import Runner
from torch import Tensor, nn

from photoreal.engine.agreement import gather, greatest
from photoreal.errors import ConfigError, TrainingError

_KEY = 'non_finite'  # of what the hook remembers, in the message hub and so in checkpoints


@OPTIM_WRAPPERS.register_module()
class GuardedOptimWrapper(OptimWrapper):
    """MMEngine's OptimWrapper, but a step whose loss or gradient is not finite is left out.

    Attributes:
        grad_norm: Norm of the gradient of the last step, before it was clipped (``clip_grad``); None where there was
            none that counts.
    """

    grad_norm: float | None = None

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        # The gradient of a loss that is not finite may be, and on one process alone. Times this factor, which is 1 or
        # NaN, it is not, and where gradients are averaged on no process: all of them decide alike.
        super().backward(loss * (1 + 0 * loss.detach()), **kwargs)

    def step(self, **kwargs: Any) -> None:
        if self._admit():
            self.optimizer.step(**kwargs)

    def _admit(self) -> bool:
        """Measure and clip the gradient; False where it is not finite. This waits for the device, once a step."""
        trained = [parameter for group in self.optimizer.param_groups for parameter in group['params']
                   if parameter.grad is not None]
        self.grad_norm = float(torch.nn.utils.get_total_norm([parameter.grad for parameter in trained]))
        finite = math.isfinite(self.grad_norm)
        if finite and self.clip_grad_kwargs:
            self.clip_func(trained, **self.clip_grad_kwargs)
        return finite


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Say which clips made a loss or a gradient NaN or infinite, and end a training that does nothing else.

    :class:`GuardedOptimWrapper` leaves such steps out. What networks and losses keep beside their weights (statistics
    of batch normalisation, the bank of the unpaired branch) is put back to what it was before. The norms of all
    gradients are logged: ``g_grad_norm`` ...

    Args:
        limit: After so many such iterations in a row, something is done.
        then: 'stop' the run with an error, or go on with weights and optimizers as they were at an earlier checkpoint
            ('rollback'): the newest from before the row. The clips that come next, and the schedules, are those that
            would have come: the same ones would lead to the same end.
        max_rollbacks: After so many, the run is stopped.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, limit: int = 20, then: Literal['stop', 'rollback'] = 'stop', max_rollbacks: int = 3) -> None:
        if limit < 1 or max_rollbacks < 1 or then not in ('stop', 'rollback'):
            raise ConfigError(f'NonFiniteGuardHook: limit={limit}, then={then!r}, max_rollbacks={max_rollbacks}; '
                              "expected 1 or more, 'stop' or 'rollback', and 1 or more")
        self.limit, self.then, self.max_rollbacks = limit, then, max_rollbacks
        self._sound: dict[str, Tensor] = {}  # buffers after the last iteration that was finite

    def before_train(self, runner: Runner) -> None:
        self._sound = {name: buffer.clone() for name, buffer in _buffers(runner.model).items()}
        if _KEY not in runner.message_hub.runtime_info:
            runner.message_hub.update_info(_KEY, {'total': 0, 'in_row': 0, 'since': 0, 'rollbacks': []})

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict[str, float] | None = None) -> None:
        numbers = dict(outputs or {}) | self._take_norms(runner)
        wrong = [name for name, number in numbers.items() if not math.isfinite(number)]
        count: dict[str, Any] = runner.message_hub.get_info(_KEY)
        if not greatest(bool(wrong)):
            count['in_row'] = 0
            for name, buffer in _buffers(runner.model).items():
                self._sound[name].copy_(buffer)
            return
        for name, buffer in _buffers(runner.model).items():
            buffer.copy_(self._sound[name])
        count['since'] = count['since'] if count['in_row'] else runner.iter
        count['in_row'] += 1
        count['total'] += 1
        message = f'iteration {runner.iter + 1} is left out: {_account(runner, numbers, wrong)}'
        runner.logger.warning(f"{message}. So far {count['in_row']} in a row, {count['total']} in all")
        if count['in_row'] >= self.limit:
            self._act(runner, count, message)

    def _take_norms(self, runner: Runner) -> dict[str, float]:
        """The norms of the gradients of the steps of this iteration; they are logged."""
        norms = {}
        for part, wrapper in runner.optim_wrapper.items():
            norm = getattr(wrapper, 'grad_norm', None)
            if norm is not None:
                norms[f'{part[0]}_grad_norm'] = norm
                wrapper.grad_norm = None
        for name, norm in norms.items():
            runner.message_hub.update_scalar(f'train/{name}', norm)
        return norms

    def _act(self, runner: Runner, count: dict[str, Any], message: str) -> None:
        row = f"{count['in_row']} iterations in a row were not finite; the last: {message}"
        advice = ('Look at these clips. If they are sound, lower the learning rates, set '
                  'optim_wrapper.<part>.clip_grad=dict(max_norm=1), train without --amp, or go on from an earlier '
                  'checkpoint with --resume')
        if self.then == 'stop':
            raise TrainingError(f'{row}. {advice}')
        if len(count['rollbacks']) >= self.max_rollbacks:
            raise TrainingError(f"{row}. The run was set back {len(count['rollbacks'])} times. {advice}")
        origin = runner.roll_back(until=count['since'], but=count['rollbacks'])
        if origin is None:
            raise TrainingError(f'{row}. There is no checkpoint from before to set the run back to. {advice}')
        runner.logger.warning(f'{row}. Set weights and optimizers back to those of iteration {origin}')
        count['rollbacks'].append(origin)
        count['in_row'] = 0
        self.before_train(runner)


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    """Of the networks and the losses; the model's own count updates, which one of the players may well have made."""
    parts = getattr(model, 'module', model).named_children()
    return {f'{part}.{name}': buffer for part, module in parts for name, buffer in module.named_buffers()}


def _account(runner: Runner, numbers: dict[str, float], wrong: list[str]) -> str:
    """What was not finite, what was, and the clips of those processes where it was so."""
    own = ''
    if wrong:
        finite = ', '.join(f'{name} {number:.4g}' for name, number in numbers.items() if name not in wrong)
        own = f'{", ".join(f"{name} {numbers[name]}" for name in wrong)} ({finite or "nothing else"}); its clips: ' \
              f'{_clips(runner)}'
    if own and get_world_size() > 1:
        own = f'process {get_rank()}: {own}'
    return '; '.join(filter(None, gather(own)))


def _clips(runner: Runner) -> str:
    dataset, items = runner.train_dataloader.dataset, runner.train_loop.clips()
    kinds = [kind for kind in (dataset, getattr(dataset, 'virtual', None)) if hasattr(kind, 'describe')]
    if not kinds:  # a dataset of another package
        return ', '.join(f'number {item}' for item in items)
    choices = [kind.describe(item) for kind in kinds for item in items]
    return ', '.join(f'{choice.video.frames.where(choice.indices[0])} to '
                     f'{choice.video.frames.names[choice.indices[-1]]}' for choice in choices)
