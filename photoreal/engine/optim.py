"""Optimizers of the two players, and mixed precision that works on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from torch import Tensor, nn

from photoreal.engine.guard import GuardedOptimWrapper
from photoreal.errors import ConfigError
from photoreal.precision import choose_dtype
from photoreal.registry import suggest
from photoreal.structures import PARTS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartwiseOptimWrapperConstructor:
    """One optimizer a part of the model: ``dict(generator=dict(optimizer=...), discriminator=dict(...))``.

    A part that the model has not (a discriminator that is switched off) gets none. A part's ``paramwise_cfg`` is
    MMEngine's: ``dict(custom_keys={'flow_net': dict(lr_mult=0.1)})`` gives the flow net a tenth of the learning rate.
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict | None = None) -> None:
        if paramwise_cfg is not None:
            raise ConfigError('optim_wrapper.paramwise_cfg: each part has its own; expected '
                              'optim_wrapper.generator.paramwise_cfg, or that of another part')
        self.cfg = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        model = getattr(model, 'module', model)
        wrappers = {}
        for part, cfg in self.cfg.items():
            if not hasattr(model, part):
                raise ConfigError(f'optim_wrapper.{part}: the model has no such part{suggest(part, PARTS)}')
            module = getattr(model, part)
            if module is not None:
                wrappers[part] = _build_wrapper(part, {**cfg}, module)
        trained = {name for name in PARTS if getattr(model, name, None) is not None}
        if trained - set(wrappers):
            raise ConfigError(f'optim_wrapper has no entry for {sorted(trained - set(wrappers))}: expected '
                              'optim_wrapper.<part> = dict(optimizer=dict(type=..., lr=...)) for each part')
        return OptimWrapperDict(**wrappers)


def _build_wrapper(part: str, cfg: dict[str, Any], module: nn.Module) -> OptimWrapper:
    paramwise = cfg.pop('paramwise_cfg', None)
    if cfg.get('accumulative_counts', 1) != 1:
        raise ConfigError(f"optim_wrapper.{part}.accumulative_counts={cfg['accumulative_counts']}: set "
                          'model.micro_batches instead, and train_dataloader.batch_size to the clips of a whole step; '
                          'schedules, average and checkpoints then count steps')
    module = getattr(module, 'module', module)  # so that names do not begin with that of a distributed wrapper
    unknown = [key for key in (paramwise or {}).get('custom_keys', {})
               if not any(key in name for name, _ in module.named_parameters())]
    if unknown:
        raise ConfigError(f"optim_wrapper.{part}.paramwise_cfg.custom_keys: '{unknown[0]}' is in no name of a weight"
                          f'{suggest(unknown[0], {name for name, _ in module.named_children()})}')
    return DefaultOptimWrapperConstructor(cfg, paramwise)(module)


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(GuardedOptimWrapper):
    """Forward passes in half precision where that is safe, on CPU and GPU; weights and optimizer stay float32.

    bfloat16 has float32's range. float16, for GPUs that lack bfloat16, has not: losses are scaled up before the
    backward pass as far as the gradients stay finite. A step is left out where they do not, and the scale is halved;
    while it is above 1, that is not counted among what is not finite.

    Args:
        optimizer: The optimizer.
        dtype: 'bfloat16' or 'float16'.
        **kwargs: As OptimWrapper's.

    Raises:
        ConfigError: Another dtype.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, dtype: str = 'bfloat16', **kwargs: Any) -> None:
        super().__init__(optimizer, **kwargs)
        if dtype not in ('bfloat16', 'float16'):
            raise ConfigError(f"AutocastOptimWrapper: dtype='{dtype}': expected 'bfloat16' or 'float16'")
        self.dtype = getattr(torch, dtype)
        self.loss_scaler = torch.amp.GradScaler(get_device(), enabled=dtype == 'float16')

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, self.dtype):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        super().backward(self.loss_scaler.scale(loss), **kwargs)

    def step(self, **kwargs: Any) -> None:
        scale = self.loss_scaler.get_scale()  # 1 where nothing is scaled
        self.loss_scaler.unscale_(self.optimizer)
        if self._admit():
            self.loss_scaler.step(self.optimizer, **kwargs)
        elif scale > 1:
            self.grad_norm = None  # that the scale is too high is how it is found: no fault
        self.loss_scaler.update()

    def state_dict(self) -> dict[str, Any]:
        scale = self.loss_scaler.state_dict()  # empty where nothing is scaled
        return {**super().state_dict(), **({'loss_scaler': scale} if scale else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        scale = state.pop('loss_scaler', None)
        if scale and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scale)
        super().load_state_dict(state)


def lengthen_schedule(scheduler: _ParamScheduler, end: int) -> bool:
    """Go on with a schedule beyond the end of the run that it was loaded from.

    MMEngine ends a schedule with the run where the config gives it no end, and a checkpoint brings that end along: in
    a longer run the learning rate would stay what it was.

    Returns:
        False where the schedule was drawn over the whole of that run, as a linear one is: it is left at its end, as it
        would run out of its range, to rates below 0 for one.
    """
    state = scheduler.state_dict()
    length = state['end'] - state['begin']
    if any(length - state.get(name, -1) in (0, 1) for name in ('T_max', 'total_iters', 'total_steps')):
        return False
    missed = max(0, state['_global_step'] - state['end'] + 1)  # steps that came after the old end and were not taken
    scheduler.load_state_dict({**state, 'end': end, '_global_step': state['_global_step'] - missed})
    for _ in range(missed):
        scheduler.step()
    return True


def use_mixed_precision(cfg: Any, name: str = 'auto') -> torch.dtype:
    """Switch a config's optimizers to mixed precision.

    Args:
        cfg: The config.
        name: 'bf16', 'fp16', or 'auto': what the device computes quickly. On some CPUs that is float32; the optimizers
            then stay as they are.

    Returns:
        The dtype.
    """
    dtype = choose_dtype(name, torch.device(get_device()))
    if dtype != torch.float32:
        for part, wrapper in cfg.optim_wrapper.items():
            if part in PARTS:
                wrapper.type = 'AutocastOptimWrapper'
                wrapper.dtype = str(dtype).removeprefix('torch.')
    return dtype
