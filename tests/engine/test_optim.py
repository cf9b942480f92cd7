"""Optimizers of the two players, bfloat16 on any device, schedules that outlive their run."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import ExponentialParamScheduler, OptimWrapper
from torch import nn

from photoreal.engine.optim import (
    AutocastOptimWrapper,
    PartwiseOptimWrapperConstructor,
    lengthen_schedule,
    use_mixed_precision,
)
from photoreal.errors import ConfigError


def model(discriminator: bool = True) -> nn.Module:
    made = nn.Module()
    made.generator = nn.Linear(2, 2)
    made.discriminator = nn.Linear(2, 1) if discriminator else None
    return made


def config(*parts: str) -> dict:
    return {part: dict(optimizer=dict(type='SGD', lr=0.1)) for part in parts}


def test_each_part_has_an_optimizer_of_its_own() -> None:
    made = model()
    wrapper = PartwiseOptimWrapperConstructor(config('generator', 'discriminator'))(made)
    for part in ('generator', 'discriminator'):
        groups = wrapper[part].optimizer.param_groups
        assert [p for group in groups for p in group['params']] == list(getattr(made, part).parameters())


def test_part_that_is_switched_off_needs_no_optimizer() -> None:
    wrapper = PartwiseOptimWrapperConstructor(config('generator', 'discriminator'))(model(discriminator=False))
    assert list(wrapper.keys()) == ['generator']


def test_part_without_optimizer_is_named() -> None:
    with pytest.raises(ConfigError, match=r"optim_wrapper has no entry for \['discriminator'\]"):
        PartwiseOptimWrapperConstructor(config('generator'))(model())


def test_autocast_computes_in_bfloat16_and_updates_float32() -> None:
    net = nn.Linear(2, 2)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1))
    before = net.weight.detach().clone()
    with wrapper.optim_context(net):
        out = net(torch.ones(1, 2))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert net.weight.dtype == torch.float32 and not torch.equal(net.weight, before)


def test_mixed_precision_switches_every_part() -> None:
    cfg = Config(dict(optim_wrapper=dict(constructor='X', generator=dict(type='OptimWrapper'),
                                         discriminator=dict(type='OptimWrapper'))))
    use_mixed_precision(cfg)
    assert {cfg.optim_wrapper[part].type for part in ('generator', 'discriminator')} <= \
        {'AutocastOptimWrapper', 'AmpOptimWrapper'}
    assert cfg.optim_wrapper.constructor == 'X'


def rates(steps: int, end: int, state: dict | None = None, rate: float = 1.0) -> tuple[list[float], dict]:
    """Learning rates after each step of a schedule, and its state."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    wrapper = OptimWrapper(optimizer)
    scheduler = ExponentialParamScheduler(wrapper, 'lr', gamma=0.5, end=end, by_epoch=False)
    if state is not None:
        optimizer.param_groups[0]['lr'] = rate
        scheduler.load_state_dict(state)
        lengthen_schedule(scheduler, end)
    wrapper.step()
    made = []
    for _ in range(steps):
        made.append(optimizer.param_groups[0]['lr'])
        scheduler.step()
    return made + [optimizer.param_groups[0]['lr']], scheduler.state_dict()


@pytest.mark.parametrize('first', [2, 3])
def test_lengthened_schedule_is_that_of_the_longer_run(first: int) -> None:
    straight, expected = rates(6, end=6)
    begun, state = rates(first, end=3)
    resumed, reached = rates(6 - first, end=6, state=copy.deepcopy(state), rate=begun[-1])
    assert [*straight[:first], *resumed] == straight
    assert reached == expected
