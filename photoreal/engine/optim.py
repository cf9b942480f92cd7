"""Optimizers of the two players, and mixed precision that works on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from torch import nn

from photoreal.errors import ConfigError
from photoreal.registry import suggest
from photoreal.structures import PARTS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartwiseOptimWrapperConstructor:
    """One optimizer a part of the model: ``dict(generator=dict(optimizer=...), discriminator=dict(...))``.

    A part that the model has not (a discriminator that is switched off) gets none.
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict | None = None) -> None:
        self.cfg, self.paramwise_cfg = optim_wrapper_cfg, paramwise_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        model = getattr(model, 'module', model)
        wrappers = {}
        for part, cfg in self.cfg.items():
            if not hasattr(model, part):
                raise ConfigError(f'optim_wrapper.{part}: the model has no such part{suggest(part, PARTS)}')
            module = getattr(model, part)
            if module is not None:
                wrappers[part] = DefaultOptimWrapperConstructor(dict(cfg), self.paramwise_cfg)(module)
        trained = {name for name in PARTS if getattr(model, name, None) is not None}
        if trained - set(wrappers):
            raise ConfigError(f'optim_wrapper has no entry for {sorted(trained - set(wrappers))}: expected '
                              'optim_wrapper.<part> = dict(optimizer=dict(type=..., lr=...)) for each part')
        return OptimWrapperDict(**wrappers)


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Forward passes in bfloat16 where that is safe, on CPU and GPU; weights and optimizer stay float32.

    bfloat16 has float32's range, so no loss scaling is needed. On a GPU that lacks it, take MMEngine's
    AmpOptimWrapper.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


def lengthen_schedule(scheduler: _ParamScheduler, end: int) -> None:
    """Go on with a schedule beyond the end of the run that it was loaded from.

    MMEngine ends a schedule with the run where the config gives it no end, and a checkpoint brings that end along: in
    a longer run the learning rate would stay what it was.
    """
    state = scheduler.state_dict()
    missed = max(0, state['_global_step'] - state['end'] + 1)  # steps that came after the old end and were not taken
    scheduler.load_state_dict({**state, 'end': end, '_global_step': state['_global_step'] - missed})
    for _ in range(missed):
        scheduler.step()


def use_mixed_precision(cfg: Any) -> None:
    """Switch a config's optimizers to mixed precision: bfloat16, or float16 on a GPU that has no bfloat16."""
    old_gpu = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
    for part, wrapper in cfg.optim_wrapper.items():
        if part in PARTS:
            wrapper.type = 'AmpOptimWrapper' if old_gpu else 'AutocastOptimWrapper'
