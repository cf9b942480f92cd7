"""A step that is not finite is left out, with the names of its clips; a run that makes no other ends or is set back."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from photoreal.config import load_config
from photoreal.engine.guard import GuardedOptimWrapper, NonFiniteGuardHook
from photoreal.engine.optim import AutocastOptimWrapper
from photoreal.errors import ConfigError
from photoreal.registry import DATASETS
from tests import tiny
from tests.engine.trouble import IMPORT, last


def wrapper_of(net: nn.Module, kind: type[GuardedOptimWrapper] = GuardedOptimWrapper,
               **arguments: object) -> GuardedOptimWrapper:
    return kind(torch.optim.Adam(net.parameters(), lr=0.1), **arguments)


@pytest.mark.parametrize('kind', [GuardedOptimWrapper, AutocastOptimWrapper])
@pytest.mark.parametrize('bad', [
    lambda out: out.sum() * torch.nan, lambda out: out.sum() + torch.inf, lambda out: (out.sum() * 0).sqrt()])
def test_step_that_is_not_finite_changes_neither_weights_nor_optimizer(kind: type, bad) -> None:
    net = nn.Linear(2, 1)
    wrapper = wrapper_of(net, kind)
    wrapper.update_params(net(torch.ones(1, 2)).sum())
    before = [p.clone() for p in net.parameters()], wrapper.state_dict()['state'][0]['step'].clone()
    wrapper.update_params(bad(net(torch.ones(1, 2))))
    assert not math.isfinite(wrapper.grad_norm)
    assert tiny.equal([*net.parameters()], before[0]) and wrapper.state_dict()['state'][0]['step'] == before[1] == 1
    wrapper.update_params(net(torch.ones(1, 2)).sum())  # nothing of it is left in the gradients
    assert wrapper.state_dict()['state'][0]['step'] == 2 and all(p.isfinite().all() for p in net.parameters())


def test_guard_changes_no_bit_of_a_finite_step() -> None:
    torch.manual_seed(0)
    nets = [nn.Linear(5, 3), nn.Linear(5, 3)]
    nets[1].load_state_dict(nets[0].state_dict())
    guarded, plain = wrapper_of(nets[0]), torch.optim.Adam(nets[1].parameters(), lr=0.1)
    for _ in range(3):
        clip = torch.randn(4, 5)
        guarded.update_params(nets[0](clip).square().mean())
        plain.zero_grad()
        nets[1](clip).square().mean().backward()
        plain.step()
    assert tiny.equal(dict(nets[0].state_dict()), dict(nets[1].state_dict()))


def test_gradient_that_overflows_by_its_scale_alone_is_no_fault() -> None:
    net = nn.Linear(2, 1)
    wrapper = wrapper_of(net, AutocastOptimWrapper, dtype='float16')
    before, norms = [p.clone() for p in net.parameters()], []
    for _ in range(20):  # it is not finite without a scale either
        wrapper.update_params((net(torch.ones(1, 2)).sum() * 0).sqrt())
        norms.append(wrapper.grad_norm)
    assert norms[:16] == [None] * 16 and not any(map(math.isfinite, norms[16:]))  # from 65536 down to 1
    assert tiny.equal([*net.parameters()], before)


def test_gradients_whose_norm_alone_overflows_are_left_out() -> None:
    net = nn.Linear(2, 1)
    wrapper = wrapper_of(net, AutocastOptimWrapper, dtype='float16')
    before = [p.clone() for p in net.parameters()]
    wrapper.update_params(net(torch.full((1, 2), 1e25)).sum())
    assert tiny.equal([*net.parameters()], before)


def test_norm_is_that_before_clipping() -> None:
    net = nn.Linear(1, 1, bias=False)
    wrapper = GuardedOptimWrapper(torch.optim.SGD(net.parameters(), lr=1.0), clip_grad=dict(max_norm=0.5))
    before = net.weight.item()
    wrapper.update_params(net(torch.tensor([[4.0]])).sum())
    assert wrapper.grad_norm == 4.0
    assert net.weight.item() == pytest.approx(before - 0.5, abs=1e-5)


@pytest.mark.parametrize('arguments', [dict(limit=0), dict(then='panic'), dict(max_rollbacks=0)])
def test_arguments_out_of_range(arguments: dict) -> None:
    with pytest.raises(ConfigError, match='NonFiniteGuardHook'):
        NonFiniteGuardHook(**arguments)


def run(tmp_path: Path, tiny_data: Path, guard: str, *options: str, **fault: object) -> tiny.Ended:
    text = f"{IMPORT}\ncustom_hooks = [dict(type='MetricsJsonHook'), dict(type='NonFiniteGuardHook', {guard})]\n" \
           f"model['losses']['faulty'] = dict(type='FaultyLoss', **{fault})\n"
    config = tiny.write_config(tmp_path / 'faulty.py', tiny_data, text)
    return tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['resume=False', *options])


@pytest.mark.parametrize(('fault', 'found'), [
    ('loss', 'g_faulty inf, g_total inf, g_grad_norm nan'), ('discriminator', 'd_total nan, d_grad_norm nan')])
def test_iteration_is_left_out_and_named(tiny_data: Path, tmp_path: Path, fault: str, found: str) -> None:
    ended = run(tmp_path, tiny_data, 'limit=2', 'model.update_threshold=None', first=2, final=2, fault=fault)
    assert ended.code == 0, ended.err
    assert f'iteration 2 is left out: {found} (' in ended.out + ended.err
    assert f'its clips: {tiny_data}/train/real/' in ended.out + ended.err and '1 in a row, 1 in all' in ended.out
    end = last(tmp_path / 'run')
    assert all(value.isfinite().all() for value in end['state_dict'].values())
    steps = {part: end['optimizer'][part]['state'][0]['step'] for part in ('generator', 'discriminator')}
    assert steps == ({'generator': 3, 'discriminator': 4} if fault == 'loss' else {'generator': 4, 'discriminator': 3})
    assert 'g_grad_norm: ' in ended.out and 'd_grad_norm: ' in ended.out


def test_clips_that_are_named_are_those_of_the_iteration(tiny_data: Path, tmp_path: Path) -> None:
    schedule = "default_hooks.schedule={'type': 'ScheduleHook', 'clip_length': [(0, 2)]}"
    ended = run(tmp_path, tiny_data, 'limit=2', schedule, 'train_cfg.max_iters=2', 'train_cfg.val_interval=9',
                first=2, final=2)
    dataset = DATASETS.build(load_config(tmp_path / 'faulty.py').train_dataloader.dataset)
    choices = [dataset.describe((k, 2)) for k in (2, 3)]
    assert ended.code == 0 and ', '.join(
        f'{choice.video.path}/frames/{choice.indices[0]:03d}.png to {choice.indices[1]:03d}' for choice in choices
    ) in ended.out


def test_iterations_that_are_not_in_a_row_do_not_end_the_run(tiny_data: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, tiny_data, 'limit=2', 'train_cfg.val_interval=9', first=2, final=4, every=2)
    assert ended.code == 0 and '1 in a row, 2 in all' in ended.out


def test_what_is_kept_beside_the_weights_is_put_back_whole(tiny_data: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(tiny_data, tmp_path / 'data'))
    shutil.copytree(data / 'val/virtual/game', data / 'train/virtual/town')
    ended = run(tmp_path, data, 'limit=2', 'crop_size=24', 'default_hooks.checkpoint.interval=1',
                "unpaired={'crop_size': 16, 'frames': 2, 'bank_size': 12, 'layer': 'fire5'}", 'train_cfg.max_iters=2',
                'train_cfg.val_interval=9', "model.losses.r1={'type': 'R1Loss'}", first=2, final=2)
    assert ended.code == 0, ended.err
    before, after = (torch.load(tmp_path / f'run/iter_{n}.pth', weights_only=True)['state_dict'] for n in (1, 2))
    for name in ('bank', 'bank_features', 'banked', 'steps'):
        assert torch.equal(before[f'unpaired.{name}'], after[f'unpaired.{name}']), name
    assert before['losses.r1.steps'] == after['losses.r1.steps'] == 1
    assert after['discriminator_updates'] == 2  # it has learnt all the same


def test_run_is_stopped_when_nothing_else_comes(tiny_data: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, tiny_data, 'limit=2', first=2, final=99, fault='gradient')
    assert ended.code == 1
    assert ended.err.startswith('error: 2 iterations in a row were not finite; the last: iteration 3 is left out: '
                                'g_grad_norm nan (')
    assert f'{tiny_data}/train/real/' in ended.err and 'clip_grad' in ended.err and 'Traceback' not in ended.err


def test_run_is_set_back_and_goes_on_with_other_clips(tiny_data: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, tiny_data, "limit=2, then='rollback'", 'default_hooks.checkpoint.interval=1',
                'train_cfg.max_iters=5', 'train_cfg.val_interval=100', first=3, final=4, fault='loss')
    assert ended.code == 0, ended.err
    assert 'Set weights and optimizers back to those of iteration 2' in ended.out
    kept = [torch.load(tmp_path / f'run/iter_{n}.pth', weights_only=True) for n in (3, 4, 5)]
    count = {'total': 2, 'in_row': 0, 'since': 2, 'rollbacks': [2]}
    assert kept[1]['message_hub']['runtime_info']['non_finite'] == count
    assert [int(checkpoint['optimizer']['generator']['state'][0]['step']) for checkpoint in kept] == [2, 2, 3]
    rates = [checkpoint['optimizer']['generator']['param_groups'][0]['lr'] for checkpoint in kept]
    assert rates == [1e-4 / 8, 1e-4 / 16, 1e-4 / 16]  # the schedule is where it would be; it has no last step


def test_weights_and_optimizer_of_a_run_that_is_set_back_are_those_of_its_checkpoint(tiny_data: Path,
                                                                                     tmp_path: Path) -> None:
    ended = run(tmp_path, tiny_data, "limit=2, then='rollback'", 'train_cfg.max_iters=6', 'train_cfg.val_interval=9',
                first=4, final=6)  # it learns from iteration 3, and from none after it
    assert ended.code == 0, ended.err
    kept = [torch.load(tmp_path / f'run/iter_{n}.pth', weights_only=True) for n in (2, 4, 6)]
    weights = [{name: value for name, value in checkpoint['state_dict'].items() if name.startswith('generator.')}
               for checkpoint in kept]
    states = [checkpoint['optimizer']['generator']['state'] for checkpoint in kept]
    assert tiny.equal(weights[2], weights[0]) and not tiny.equal(weights[1], weights[0])
    assert tiny.equal(states[2], states[0]) and not tiny.equal(states[1], states[0])


@pytest.mark.parametrize(('interval', 'found'), [
    (1, 'The run was set back 2 times'), (2, 'There is no checkpoint from before')])
def test_run_is_not_set_back_for_ever(tiny_data: Path, tmp_path: Path, interval: int, found: str) -> None:
    ended = run(tmp_path, tiny_data, "limit=1, then='rollback', max_rollbacks=2", 'train_cfg.max_iters=9',
                'train_cfg.val_interval=99', f'default_hooks.checkpoint.interval={interval}', first=3, final=9)
    assert ended.code == 1 and found in ended.err


def test_run_without_a_sound_checkpoint_cannot_be_set_back(tiny_data: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, tiny_data, "limit=1, then='rollback'", first=1, final=9)
    assert ended.code == 1 and 'There is no checkpoint from before' in ended.err
