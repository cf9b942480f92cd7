"""What changes during training depends on the iteration alone, also after a resume."""

from pathlib import Path

import pytest
import torch

from photoreal.config import load_config
from photoreal.datasets.clips import ClipDataset
from photoreal.engine.runner import build_runner
from photoreal.engine.schedule import ScheduleHook, value_at
from photoreal.errors import ConfigError
from tests import tiny
from tests.engine.trouble import last
from tests.models.helpers import build, clips, moved, weights, wrappers

SCHEDULE = """
default_hooks.update(schedule=dict(
    type='ScheduleHook',
    loss_weights=dict(adversarial=[(0, 0.0), (2, 0.01)], ping_pong=[(0, 0.0), (1, 3, 0.5)]),
    clip_length=[(0, 2), (1, 3)],
    frozen={'generator.flow_net': [(0, True), (1, False)]}))
model['losses'].update(warping=dict(weight=0.5))
"""


def test_value_between_points() -> None:
    points = [(0, 0.0), (10, 20, 1.0), (30, 0.5)]
    assert [value_at(points, i) for i in (0, 9, 10, 15, 20, 29, 30, 99)] == [0, 0, 0, 0.5, 1, 1, 0.5, 0.5]
    assert [value_at([(0, 4), (10, 20, 10)], i) for i in (9, 15, 20)] == [4, 7, 10]
    assert [value_at([(0, True), (5, False)], i) for i in (4, 5)] == [True, False]


@pytest.mark.parametrize('schedule', [
    dict(clip_length=[]), dict(clip_length=[(1, 4)]), dict(clip_length=[(0, 0)]), dict(clip_length=[(0, 2.5)]),
    dict(clip_length=[(0, 4), (0, 5)]), dict(clip_length=[(0, 4), (9, 5, 8)]), dict(loss_weights=dict(a=[(0, '1')])),
    dict(loss_weights=dict(a=[0.5])), dict(loss_weights=dict(a=[(0, 1), (5, 9, 2), (8, 3)])),
    dict(frozen=dict(a=[(0, 1)])), dict(frozen=dict(a=[(0, True), (1, 5, False)]))], ids=str)
def test_what_is_no_schedule(schedule: dict) -> None:
    with pytest.raises(ConfigError, match=rf'ScheduleHook\.{next(iter(schedule))}.*expected a list of \(iteration,'):
        ScheduleHook(**schedule)


@pytest.mark.parametrize(('schedule', 'message'), [
    (dict(loss_weights=dict(pixl=[(0, 1.0)])), "no loss 'pixl'; did you mean 'pixel'"),
    (dict(frozen={'generator.flownet': [(0, True)]}), "no part 'generator.flownet'; did you mean 'generator.flow_net'"),
    (dict(clip_length=[(0, 3), (5, 9)]), r'reaches 9 frames, and clip_length is 3')])
def test_what_is_not_there(schedule: dict, message: str, tiny_data: Path) -> None:
    model, hook = build(), ScheduleHook(**schedule)
    with pytest.raises(ConfigError, match=message):
        hook.check(model, ClipDataset(tiny_data, dict(gray=dict(type='Gray')), clip_length=3, crop_size=16))


def test_loss_of_weight_zero_is_off() -> None:
    model = build(dict(pixel=dict(type='PixelLoss'), ping_pong=dict(type='PingPongLoss'),
                       adversarial=dict(type='AdversarialLoss')), 'SpatialDiscriminator')
    before, optimizers = weights(model.discriminator), wrappers(model)
    for name in ('ping_pong', 'adversarial'):
        model.losses[name].weight = 0.0
    assert not model.ping_pong
    assert set(model.train_step(clips(), optimizers)) == {'g_pixel', 'g_total'}
    assert not moved(model.discriminator, before)
    model.losses['adversarial'].weight = 0.01
    assert 'd_total' in model.train_step(clips(), optimizers) and moved(model.discriminator, before)


@pytest.mark.parametrize('part', ['generator', 'discriminator'])
def test_player_that_is_frozen_whole_lets_the_other_learn(part: str) -> None:
    model = build(discriminator='SpatialDiscriminator', update_threshold=None)
    getattr(model, part).requires_grad_(False)
    before = {name: weights(getattr(model, name)) for name in ('generator', 'discriminator')}
    model.train_step(clips(), wrappers(model))
    assert {name for name, old in before.items() if moved(getattr(model, name), old)} == set(before) - {part}


def runs(tmp_path: Path, tiny_data: Path, *stops: int) -> dict:
    """The checkpoint of a run of four iterations, which was stopped after some and resumed."""
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, SCHEDULE)
    for stop in (*stops, 4):
        arguments = ['--resume'] if (tmp_path / 'run').exists() else []
        ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', *arguments,
                         options=[f'train_cfg.max_iters={stop}', 'default_hooks.checkpoint.interval=1'])
        assert ended.code == 0, ended.err
    return torch.load(tmp_path / 'run/latest.pth', weights_only=True)


def test_all_schedules_in_one_run_and_resumed(tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int]] = []
    get = ClipDataset.__getitem__
    monkeypatch.setattr(ClipDataset, '__getitem__', lambda self, item: taken.append(item) or get(self, item))
    (tmp_path / 'whole').mkdir()
    (tmp_path / 'parts').mkdir()
    whole = runs(tmp_path / 'whole', tiny_data)
    assert taken == [(0, 2), (1, 2), (2, 3), (3, 3), (4, 3), (5, 3), (6, 3), (7, 3)]
    logged = {name: len(entry['values']) for name, entry in whole['message_hub']['log_scalars'].items()}
    assert logged['train/g_pixel'] == 4 and logged['train/g_ping_pong'] == logged['train/g_adversarial'] == 2
    steps = {int(state['step']) for state in whole['optimizer']['generator']['state'].values()}
    assert steps == {3, 4}  # the flow net learnt once less
    parts = runs(tmp_path / 'parts', tiny_data, 1, 3)
    for part in ('state_dict', 'optimizer'):
        assert tiny.equal(parts[part], whole[part]), part


# The recipe's own schedule, but of six iterations: the second stage begins after three.
STAGES = """
clip_length, crop_size = 4, 32
del model['losses']
model['update_threshold'] = None
train_cfg['max_iters'] = 6
default_hooks['schedule'] = dict(
    loss_weights=dict(
        ping_pong=[(0, 0.0), (3, 0.5)],
        perceptual=[(0, 0.0), (3, 0.2)],
        adversarial=[(0, 0.0), (3, 5, 0.01)]),
    clip_length=[(0, 2), (1, 3, 4)])
"""


@pytest.mark.slow
def test_recipe_of_two_stages(tmp_path: Path, tiny_data: Path) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, STAGES, base='two_stage.py')
    cfg = load_config(config)
    recipe = load_config(tiny.ROOT / 'configs/two_stage.py').default_hooks.schedule
    shapes = [{name: [len(point) for point in points] for name, points in schedule.loss_weights.items()}
              for schedule in (recipe, cfg.default_hooks.schedule)]
    assert shapes[0] == shapes[1]  # what is trained here is what the recipe trains, only sooner

    def train(work_dir: str, *arguments: object) -> dict:
        ended = tiny.run('train', config, '--work-dir', tmp_path / work_dir, *arguments,
                         options=['default_hooks.checkpoint.interval=1', 'default_hooks.checkpoint.max_keep_ckpts=6'])
        assert ended.code == 0, ended.err
        return last(tmp_path / work_dir)
    whole = train('whole')
    logged = {name: entry['values'].tolist() for name, entry in whole['message_hub']['log_scalars'].items()}
    counts = {name: len(logged[f'train/{name}']) for name in ('g_pixel', 'g_perceptual', 'g_ping_pong', 'd_total')}
    # The adversarial loss sets out from 0 when the second stage begins, so that it is there an iteration later.
    assert counts == dict(g_pixel=6, g_perceptual=3, g_ping_pong=3, d_total=2)
    assert logged['train/d_updates'] == [1, 2]
    untrained = torch.load(tmp_path / 'whole/iter_4.pth', weights_only=True)
    assert not untrained['optimizer']['discriminator']['state']
    for iteration in (2, 3, 4):
        again = train(f'from_{iteration}', '--resume', tmp_path / f'whole/iter_{iteration}.pth')
        for part in ('state_dict', 'optimizer', 'param_schedulers', 'random_states'):
            assert tiny.equal(again[part], whole[part]), (iteration, part)


def test_part_that_froze_itself_stays_frozen(tmp_path: Path, tiny_data: Path) -> None:
    cfg = load_config(tiny.write_config(tmp_path / 'tiny.py', tiny_data), ['experiment_name=frozen'])
    cfg.work_dir = str(tmp_path / 'run')
    runner = build_runner(cfg, ('train', 'val'))
    generator, hook = runner.model.generator, ScheduleHook(frozen={'generator': [(0, True), (1, False)]})
    generator.conv_out.bias.requires_grad_(False)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    assert not any(weight.requires_grad for weight in generator.parameters())
    runner.train_loop._iter = 1
    hook.before_train_iter(runner, 1)
    assert [name for name, weight in generator.named_parameters() if not weight.requires_grad] == ['conv_out.bias']
