"""The unpaired branch: what virtual clips teach, whom, and which real crops they are compared with."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models import VideoGAN
from photoreal.models.discriminators import SpatialDiscriminator
from photoreal.models.pairs import cut, detail
from photoreal.models.unpaired import UnpairedBranch
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext
from photoreal.testing.networks import moving_clip
from tests.models.helpers import ADVERSARIAL, MODALITIES, PIXEL, Watched, build, clips, moved, weights, wrappers
from tests.tiny import equal

SMALL = dict(crop_size=16, frames=2, bank_size=20, layer='fire5')
LOSSES = dict(adversarial=ADVERSARIAL,
              structure=dict(type='PerceptualLoss', against='frames', layers=('conv1', 'fire3')),
              temporal=dict(type='MaskedTemporalLoss'))


@DISCRIMINATORS.register_module()
class Jury(SpatialDiscriminator):
    """A critic from elsewhere that keeps what it was given."""

    def __init__(self, in_channels: int, scale: int) -> None:
        super().__init__(in_channels, scale)
        self.seen: list[tuple[Tensor, ClipContext]] = []

    def forward(self, clip, context):
        self.seen.append((clip, context))
        return super().forward(clip, context)


def unpaired(losses: dict[str, Any] = LOSSES, **kwargs: Any) -> dict[str, Any]:
    return SMALL | dict(losses=losses) | kwargs


def batch(seed: int = 5, **kwargs: Any) -> dict[str, Any]:
    """Real clips, and virtual ones that show other things."""
    virtual = clips(**kwargs)
    virtual['target'] = (moving_clip(*virtual['target'].shape, seed=seed) * 255).to(torch.uint8)
    return clips(**kwargs) | dict(virtual=virtual)


def contexts(n: int = 2, t: int = 3, size: int = 32) -> tuple[ClipContext, ClipContext]:
    """A real and a virtual context with frames alone."""
    return tuple(ClipContext(torch.zeros(n, t, 0, size, size), frames=moving_clip(n, t, 3, size, size, seed=seed))
                 for seed in (0, 1))


# One step -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('scale', [1, 2])
@pytest.mark.parametrize('critic', ['SpatialDiscriminator', 'Jury'])
def test_all_of_it_together(scale: int, critic: str) -> None:
    model = build(discriminator='SpatioTemporalDiscriminator', generator=dict(scale=scale),
                  unpaired=unpaired(LOSSES | dict(ping_pong=dict(type='PingPongLoss')), critic=dict(type=critic)))
    before = {name: weights(getattr(model, name)) for name in ('generator', 'discriminator', 'critic')}
    logs = model.train_step(batch(scale=scale), wrappers(model))
    names = {'g_total', 'g_fake', 'g_virtual_fake', 'virtual_match'} | {f'g_{name}' for name in model.losses}
    names |= {f'g_virtual_{name}' for name in model.unpaired.losses}
    told = ('total', 'real', 'fake', 'lead', 'accuracy', 'updates')
    names |= {f'{player}_{what}' for player in 'dc' for what in told}
    assert logs.keys() == names
    assert all(value.isfinite() and not value.requires_grad for value in logs.values())
    assert all(moved(getattr(model, name), own) for name, own in before.items())
    terms = [logs[f'g_{name}'] for name in model.losses] + [logs[f'g_virtual_{name}'] for name in model.unpaired.losses]
    torch.testing.assert_close(sum(terms), logs['g_total'])


def test_what_real_clips_cost_does_not_depend_on_virtual_ones() -> None:
    alone = build(discriminator='SpatialDiscriminator')
    beside = build(discriminator='SpatialDiscriminator', unpaired=unpaired())
    beside.load_state_dict({**beside.state_dict(), **alone.state_dict()})
    expected, found = (model.train_step(batch(), wrappers(model)) for model in (alone, beside))
    for name in expected.keys() - {'g_total'}:
        torch.testing.assert_close(found[name], expected[name])


def test_virtual_clips_have_no_target() -> None:
    model = build(unpaired=unpaired(dict(pixel=PIXEL)))
    with pytest.raises(ConfigError, match="PixelLoss needs 'target'.*domain real"):
        model.train_step(batch(), wrappers(model))


def test_critic_can_be_left_out() -> None:
    model = build(unpaired=unpaired(LOSSES | dict(adversarial=None)))
    logs = model.train_step(batch(), wrappers(model))
    assert model.critic is None and not any(name.startswith('c_') for name in logs)
    assert not list(model.unpaired.buffers(recurse=False)), 'a bank that nobody needs'


def test_usual_settings() -> None:
    model = build(unpaired={})
    logs = model.train_step(batch(size=64), wrappers(model))
    assert {'g_virtual_adversarial', 'g_virtual_structure', 'g_virtual_temporal', 'c_total'} <= logs.keys()


# Who learns ---------------------------------------------------------------------------------------------------------

def test_no_gradient_crosses_over() -> None:
    model = build(discriminator='SpatialDiscriminator', unpaired=unpaired(), update_threshold=None)
    optimizers = wrappers(model, Watched)
    others = dict(generator=[model.discriminator, model.critic], discriminator=[model.generator, model.critic],
                  critic=[model.generator])
    for name, nets in others.items():
        optimizers[name].other = torch.nn.ModuleList(nets)
    model.train_step(batch(), optimizers)
    assert not optimizers['discriminator'].crossed and not optimizers['critic'].crossed
    for name in ('discriminator', 'critic'):
        for parameter, gradient in zip(getattr(model, name).parameters(), optimizers[name].own, strict=True):
            assert torch.equal(parameter.grad, gradient), f"the generator's phase leaves gradients in the {name}"


@pytest.mark.parametrize('name', LOSSES)
def test_generator_learns_from_each_virtual_loss(name: str) -> None:
    model = build(dict(pixel=PIXEL | dict(weight=0.0)), unpaired=unpaired({name: LOSSES[name]}))
    with torch.no_grad():
        model.generator.conv_out.weight.normal_()  # it starts by adding nothing
    before = weights(model.generator)
    model.train_step(batch(), wrappers(model))
    assert moved(model.generator, before)


def test_adversarial_gradient_reaches_the_judged_crops_alone() -> None:
    branch = UnpairedBranch(**unpaired(keep=0.25))
    real, virtual = contexts()
    pairs = branch.match(real, virtual)
    pred = virtual.frames.clone().requires_grad_()
    assert not any(judged.pred.requires_grad for judged in pairs.judged(pred.detach()))
    pairs.cut(pred).sum().backward()
    reached = cut(pred.grad, 16)[:, :2].flatten(1).all(dim=1)  # of each crop, in the frames of this step
    assert reached.nonzero().flatten().tolist() == sorted(pairs.chosen.tolist()) and len(pairs.chosen) == 2
    assert not pred.grad[:, 2].any()


@pytest.mark.parametrize('threshold, updated', [(-1e9, False), (1e9, True)])
def test_adaptive_update_of_the_critic(threshold: float, updated: bool) -> None:
    model = build(unpaired=unpaired(), update_threshold=threshold)
    before = weights(model.critic)
    assert int(model.train_step(batch(), wrappers(model))['c_updates']) == updated
    assert moved(model.critic, before) == updated


# What is compared ---------------------------------------------------------------------------------------------------

def patterned(order: list[int], t: int = 3, colour: float = 1.0) -> Tensor:
    """(1, T, 3, 32, 32): a different pattern in each quarter, in this order."""
    ramp, checks = torch.linspace(0, 1, 16), torch.arange(16) // 2 % 2
    patterns = [ramp.expand(16, 16), ramp.view(16, 1).expand(16, 16), (checks.view(16, 1) ^ checks).float(),
                torch.full((16, 16), 0.5)]
    quarters = [patterns[i] for i in order]
    frame = torch.cat([torch.cat(quarters[:2], dim=1), torch.cat(quarters[2:], dim=1)])
    return (colour * frame).expand(1, t, 3, 32, 32).clone()


def test_crops_are_compared_with_those_that_show_the_like() -> None:
    real_order, virtual_order = [0, 1, 2, 3], [2, 3, 1, 0]
    branch = UnpairedBranch(**unpaired(keep=1.0))
    real = ClipContext(torch.zeros(1, 3, 0, 32, 32), frames=patterned(real_order))
    virtual = ClipContext(torch.zeros(1, 3, 0, 32, 32), frames=patterned(virtual_order, colour=0.9))
    pairs = branch.match(real, virtual)
    crops = cut(real.frames[:, :2], 16)
    for chosen, partner in zip(pairs.chosen.tolist(), pairs.partners, strict=True):
        torch.testing.assert_close(partner, crops[real_order.index(virtual_order[chosen])], rtol=0, atol=1 / 255)
    assert sorted(pairs.chosen.tolist()) == [0, 1, 2, 3] and 0.9 < pairs.likeness <= 1


def test_those_with_the_nearest_partners_are_kept() -> None:
    branch = UnpairedBranch(**unpaired(keep=0.5))
    real = ClipContext(torch.zeros(1, 3, 0, 32, 32), frames=patterned([0, 0, 0, 2]))
    virtual = ClipContext(torch.zeros(1, 3, 0, 32, 32), frames=patterned([3, 2, 1, 0]))
    assert sorted(branch.match(real, virtual).chosen.tolist()) == [1, 3]


def test_critic_sees_pairs_and_no_condition() -> None:
    model = build(unpaired=unpaired(critic=dict(type='Jury')))
    model.train_step(batch(), wrappers(model))
    (real, _), (fake, _), (judged, context) = model.critic.seen
    assert real.shape == fake.shape == (4, 2, 3, 16, 16) and context.condition.shape[2] == 0
    assert torch.equal(fake, judged) and judged.requires_grad and not real.requires_grad
    targets = cut(batch()['target'].float()[:, :2] / 255, 16)
    assert all((crop == targets).flatten(1).all(dim=1).any() for crop in real), 'what is judged as real is not'


def test_old_crops_serve_too_until_they_are_replaced() -> None:
    branch = UnpairedBranch(**unpaired(bank_size=16))
    first, second, third = (contexts()[0] for _ in range(3))
    second.frames, third.frames = 1 - first.frames, first.frames.flip(-1)
    likeness = []
    for real in (first, second, third):
        branch.steps.zero_()
        likeness.append(float(branch.match(real, ClipContext(first.condition, frames=first.frames)).likeness))
    assert likeness[:2] == pytest.approx([1, 1], abs=1e-4) and likeness[2] < 0.999
    assert int(branch.banked) == 24


def test_crops_move_through_the_clip() -> None:
    branch = UnpairedBranch(**unpaired())
    assert [branch.match(*contexts(t=4)).steps.tolist() for _ in range(4)] == [[0, 1], [1, 2], [2, 3], [0, 1]]
    there_and_back = [ClipContext(c.condition, frames=torch.cat([c.frames, c.frames[:, :-1].flip(1)], dim=1),
                                  ping_pong=True) for c in contexts(t=3)]
    assert [branch.match(*there_and_back).steps.tolist() for _ in range(3)] == [[0, 1], [1, 2], [0, 1]]


@pytest.mark.parametrize('size, places', [((16, 16), 1), ((16, 24), 2), ((40, 32), 6)])
def test_crops_cover_the_frames(size: tuple[int, int], places: int) -> None:
    clip = torch.zeros(2, 1, 3, *size, requires_grad=True)
    crops = cut(clip, 16)
    assert crops.shape == (2 * places, 1, 3, 16, 16)
    crops.sum().backward()
    assert clip.grad.all()


# By labels ---------------------------------------------------------------------------------------------------------

LABELLED = MODALITIES | dict(labels=dict(type='LabelMap', folder='labels', num_classes=4, ignore=9))


def labelled(order: list[int], t: int = 3) -> ClipContext:
    """A clip whose quarters are of these classes, each with a colour of its own; 255 is none."""
    quarters = [torch.full((16, 16), number, dtype=torch.uint8) for number in order]
    labels = torch.cat([torch.cat(quarters[:2], dim=1), torch.cat(quarters[2:], dim=1)]).expand(1, t, 32, 32)
    frames = (labels.float() / 255).unsqueeze(2).expand(1, t, 3, 32, 32)
    return ClipContext(torch.zeros(1, t, 0, 32, 32), frames=frames, labels=labels)


def by_labels(**kwargs: Any) -> UnpairedBranch:
    return UnpairedBranch(**unpaired(**{'match': 'labels', 'classes': 4, 'keep': 1.0} | kwargs))


def test_crops_are_matched_by_their_classes() -> None:
    pairs = by_labels().match(labelled([0, 1, 2, 3]), labelled([3, 2, 1, 0]))
    shown = (pairs.partners[:, 0, 0, 0, 0] * 255).round().tolist()
    assert [[3, 2, 1, 0][i] for i in pairs.chosen.tolist()] == shown
    assert torch.equal(pairs.groups, pairs.partner_groups) and pairs.likeness == 1


def test_classes_are_taken_together_or_left_out() -> None:
    branch = by_labels(groups=[[2, 3], [0]])
    pairs = branch.match(labelled([0, 1, 2, 255]), labelled([0, 1, 2, 3]))
    assert branch.classes == pairs.classes == 2
    found = dict(zip(pairs.chosen.tolist(), pairs.groups[:, 0, 0, 0].tolist()))
    assert found == {0: 1, 1: -1, 2: 0, 3: 0}
    fake, real = pairs.judged(torch.zeros(1, 3, 3, 32, 32))
    assert fake.condition.shape == real.condition.shape == (4, 2, 2, 16, 16)
    seen = fake.pred[:, 0, 0, 0, 0].tolist()
    assert seen[list(found).index(1)] == 0.5 and seen[list(found).index(2)] == 0, 'pixels of no group are seen'
    at = list(found).index(2)
    assert fake.condition[at, 0, :, 0, 0].tolist() == [1, 0] and not fake.condition[list(found).index(1)].any()


def test_critic_is_told_the_classes() -> None:
    critic = dict(type='PerceptualDiscriminator', layers=('conv1',))
    model = build(modalities=LABELLED, unpaired=unpaired(match='labels', critic=critic, crop_size=32))
    data, embed = batch(), model.critic.judges[0].embed
    before = weights(embed)
    for clip, seed in ((data, 0), (data['virtual'], 1)):
        rng = torch.Generator().manual_seed(seed)
        clip['maps']['labels'] = torch.randint(0, 4, (2, 3, 1, 32, 32), generator=rng, dtype=torch.uint8)
    logs = model.train_step(data, wrappers(model))
    assert embed.in_channels == 4 and logs['c_total'].isfinite() and moved(embed, before)


def test_detail_is_what_neither_colour_nor_light_changes() -> None:
    crops = moving_clip(2, 2, 3, 32, 32)
    lit = detail(crops)
    torch.testing.assert_close(detail(crops + 0.2), lit)
    torch.testing.assert_close(detail(crops + torch.tensor([0.3, -0.299 * 0.3 / 0.587, 0]).view(3, 1, 1)), lit)
    assert not torch.allclose(detail(crops.roll(3, -1)), lit, atol=0.01) and abs(float(lit.mean()) - 0.5) < 0.01


def test_losses_and_critic_see_what_is_compared() -> None:
    model = build(unpaired=unpaired(critic=dict(type='Jury'), compare='detail'))
    model.train_step(batch(), wrappers(model))
    for clip, _ in model.critic.seen:
        assert torch.equal(clip[:, :, 0], clip[:, :, 1]), 'the critic sees colours'


def test_labels_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="match='labels' needs a LabelMap among the modalities"):
        build(unpaired=unpaired(match='labels'))


# Resuming, errors ---------------------------------------------------------------------------------------------------

def test_nothing_is_lost_with_the_state() -> None:
    """A model that takes over state and optimizers goes on as the one that it took them from."""
    one, other = (build(discriminator='SpatialDiscriminator', unpaired=unpaired()) for _ in range(2))
    own, others = wrappers(one), wrappers(other)
    for seed in (5, 6):
        one.train_step(batch(seed), own)
    other.load_state_dict(one.state_dict())
    others.load_state_dict(deepcopy(own.state_dict()))  # torch would share the tensors
    expected, found = (model.train_step(batch(7), optimizers) for model, optimizers in ((one, own), (other, others)))
    assert equal(found, expected) and equal(dict(other.state_dict()), dict(one.state_dict()))


def test_data_without_virtual_clips() -> None:
    model = build(unpaired=unpaired())
    with pytest.raises(ConfigError, match='no virtual clips: give train_dataloader.dataset unpaired too'):
        model.train_step(clips(), wrappers(model))


def test_clips_of_other_sizes() -> None:
    model = build(unpaired=unpaired())
    with pytest.raises(ConfigError, match=r'virtual clips are \(3, 4, 40, 40\) and real .*32, 32\).*crop_size'):
        model.train_step(clips() | dict(virtual=clips(size=40)), wrappers(model))


@pytest.mark.parametrize('kwargs, message', [
    (dict(crop_size=48), 'crop_size=48 does not fit into training crops of 32x32'),
    (dict(frames=4), 'frames=4 is more than the 3 of a training clip')])
def test_crops_that_the_clips_do_not_hold(kwargs: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        UnpairedBranch(**unpaired(**kwargs)).match(*contexts())


@pytest.mark.parametrize('kwargs, message', [
    (dict(crop_size=0), 'crop_size=0: expected 1 or more'), (dict(keep=1.5), r'keep=1.5: expected a share in \(0, 1\]'),
    (dict(match='classes'), "match='classes': expected 'features' or 'labels'"),
    (dict(groups=[[0]]), "groups is given with match='features'"),
    (dict(compare='luma'), r"compare='luma': expected one of \['frames', 'detail'\]"),
    (dict(losses={}), 'losses has none'), (dict(losses=dict(a=None)), 'losses has none'),
    (dict(critic=dict(type='SpatialDiscriminator', scale=2)), 'critic.scale=2 is derived: remove it')])
def test_wrong_arguments(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model: VideoGAN = build(unpaired=unpaired(**kwargs))
        assert model.unpaired is not None
