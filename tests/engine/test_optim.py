"""Optimizers of the two players, bfloat16 on any device, schedules that outlive their run."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import (
    CosineAnnealingParamScheduler,
    ExponentialParamScheduler,
    LinearParamScheduler,
    OptimWrapper,
    PolyParamScheduler,
)
from torch import nn

from photoreal import precision
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


def test_float16_scales_the_loss_and_leaves_out_steps_that_overflow() -> None:
    net = nn.Linear(2, 2)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1), dtype='float16',
                                   clip_grad=dict(max_norm=1e6))
    with wrapper.optim_context(net):
        out = net(torch.ones(1, 2))
    assert out.dtype == torch.float16
    before, scale = copy.deepcopy(net), wrapper.loss_scaler.get_scale()
    wrapper.update_params(out.float().sum() / 4)  # scaled by 65536, a gradient of 1 would overflow
    torch.testing.assert_close(net.bias, before.bias - 0.1 / 4)  # the scale is taken off again
    before = copy.deepcopy(net)
    wrapper.update_params(net(torch.ones(1, 2)).sum() * torch.inf)
    assert torch.equal(net.weight, before.weight) and wrapper.loss_scaler.get_scale() == scale / 2
    other = AutocastOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1), dtype='float16')
    other.load_state_dict(wrapper.state_dict())
    assert other.loss_scaler.get_scale() == scale / 2


def test_bfloat16_scales_nothing() -> None:
    wrapper = AutocastOptimWrapper(torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1))
    assert not wrapper.loss_scaler.is_enabled() and 'loss_scaler' not in wrapper.state_dict()


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="dtype='float8': expected 'bfloat16' or 'float16'"):
        AutocastOptimWrapper(torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1), dtype='float8')


def test_layers_may_have_learning_rates_of_their_own() -> None:
    made, cfg = model(discriminator=False), config('generator')
    cfg['generator']['paramwise_cfg'] = dict(custom_keys={'bias': dict(lr_mult=0.1)})
    groups = PartwiseOptimWrapperConstructor(cfg)(made)['generator'].optimizer.param_groups
    rates = {id(p): group['lr'] for group in groups for p in group['params']}
    assert rates == {id(made.generator.weight): 0.1, id(made.generator.bias): pytest.approx(0.01)}
    assert 'paramwise_cfg' in cfg['generator']


@pytest.mark.parametrize(('change', 'message'), [
    (dict(paramwise_cfg=dict(custom_keys={'bais': dict(lr_mult=0.1)})), "custom_keys: 'bais' is in no name"),
    (dict(accumulative_counts=2), r'generator\.accumulative_counts=2: set model\.micro_batches instead')])
def test_what_would_do_nothing_or_harm_is_refused(change: dict, message: str) -> None:
    cfg = config('generator')
    cfg['generator'] |= change
    with pytest.raises(ConfigError, match=message):
        PartwiseOptimWrapperConstructor(cfg)(model(discriminator=False))


@pytest.mark.parametrize(('name', 'dtype'), [('bf16', 'bfloat16'), ('fp16', 'float16')])
def test_mixed_precision_switches_every_part(name: str, dtype: str) -> None:
    cfg = Config(dict(optim_wrapper=dict(constructor='X', generator=dict(type='OptimWrapper'),
                                         discriminator=dict(type='OptimWrapper'))))
    assert use_mixed_precision(cfg, name) == getattr(torch, dtype)
    assert {(cfg.optim_wrapper[part].type, cfg.optim_wrapper[part].dtype)
            for part in ('generator', 'discriminator')} == {('AutocastOptimWrapper', dtype)}
    assert cfg.optim_wrapper.constructor == 'X'


def test_mixed_precision_leaves_float32_where_that_is_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: dict(architecture='x86_64', avx2=True))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    precision._cpu_dtype.cache_clear()
    cfg = Config(dict(optim_wrapper=dict(generator=dict(type='OptimWrapper'))))
    try:
        assert use_mixed_precision(cfg) == torch.float32
    finally:
        precision._cpu_dtype.cache_clear()
    assert cfg.optim_wrapper.generator == dict(type='OptimWrapper')


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


@pytest.mark.parametrize(('kind', 'arguments', 'final'), [
    (LinearParamScheduler, dict(start_factor=1.0, end_factor=0.1), 0.1),
    (PolyParamScheduler, dict(eta_min=0.1), 0.1),
    (CosineAnnealingParamScheduler, dict(eta_min=0.0), 0.25)])
def test_schedule_that_was_drawn_over_the_whole_run_stays_at_its_end(kind: type, arguments: dict, final: float) -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    wrapper = OptimWrapper(optimizer)
    scheduler = kind(wrapper, 'lr', end=3, by_epoch=False, **arguments)
    wrapper.step()
    for _ in range(3):
        scheduler.step()
    assert not lengthen_schedule(scheduler, 9)
    for _ in range(6):
        scheduler.step()
    assert optimizer.param_groups[0]['lr'] == pytest.approx(final)
