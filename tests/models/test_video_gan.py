"""VideoGAN: which parts go together, and who learns when."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from photoreal.engine.optim import AutocastOptimWrapper
from photoreal.errors import ConfigError
from photoreal.models.discriminators import SpatialDiscriminator
from photoreal.models.losses import AdversarialLoss, Loss
from photoreal.registry import DISCRIMINATORS, LOSSES
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import randomize
from tests.models.helpers import ADVERSARIAL, PIXEL, Mixer, Watched, build, clips, moved, weights, wrappers

ALL_LOSSES = dict(
    pixel=PIXEL,
    warping=dict(type='WarpingLoss', source='target'),
    ping_pong=dict(type='PingPongLoss'),
    feature_matching=dict(type='FeatureMatchingLoss'),
    perceptual=dict(type='PerceptualLoss', layers=('conv1', 'fire3')),
    adversarial=ADVERSARIAL)


class TestMixer(GeneratorContract):
    """The contract holds for a generator from elsewhere too."""

    def make(self, in_channels, skip):
        return Mixer(in_channels, skip)


@LOSSES.register_module()
class Recorder(Loss):
    """A loss from elsewhere that keeps what it was given."""

    def forward(self, context):
        self.seen = context
        return self.weight * context.pred.mean()


@LOSSES.register_module()
class Listener(AdversarialLoss):
    """The adversarial loss, keeping what the discriminator's own loss was computed from."""

    def discriminator_loss(self, context):
        self.judged = replace(context)
        return super().discriminator_loss(context)


@DISCRIMINATORS.register_module()
class HalfFrozen(SpatialDiscriminator):
    """A discriminator from elsewhere, part of which is not trained."""

    def __init__(self, in_channels, scale):
        super().__init__(in_channels, scale)
        self.trunk.conv_in.requires_grad_(False)


@DISCRIMINATORS.register_module()
class Witness(SpatialDiscriminator):
    """A discriminator from elsewhere that keeps the context it was given."""

    def __init__(self, in_channels, scale):
        super().__init__(in_channels, scale)

    def forward(self, clip, context):
        self.seen = context
        return super().forward(clip, context)


# What goes together -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('part, key, value', [
    ('generator', 'in_channels', 4), ('generator', 'skip', (0, 3)),
    ('discriminator', 'in_channels', 4), ('discriminator', 'scale', 1)])
def test_what_is_derived_cannot_be_given(part, key, value):
    kwargs = dict(discriminator=dict(type='SpatialDiscriminator'), generator={})
    kwargs[part] = kwargs[part] | {key: value}
    with pytest.raises(ConfigError, match=rf'model\.{part}\.{key}=.* is derived .* remove it'):
        build(**kwargs)


def test_channels_follow_from_the_modalities():
    model = build(discriminator='SpatioTemporalDiscriminator', generator=dict(scale=2))
    assert model.generator.skip == (1, 4) and model.generator.flow_net.encoder[0][0].in_channels == 2 * 4
    assert model.discriminator.trunk.conv_in[0].in_channels == 3 * (3 + 3 + 4) and model.discriminator.scale == 2
    assert build(image=None).generator.skip is None


def test_image_must_be_a_picture():
    with pytest.raises(ConfigError, match="image='gray' has 1 channels"):
        build(image='gray')


@pytest.mark.parametrize('kwargs, message', [
    (dict(losses=dict(pixel=PIXEL), discriminator='SpatialDiscriminator'), 'none of model.losses trains it'),
    (dict(losses=dict(pixel=PIXEL, gan=ADVERSARIAL)), r'losses\.gan needs a discriminator.*model\.losses\.gan=None'),
    (dict(losses=dict(pixel=None)), r'model\.losses has none that is not None')])
def test_losses_and_discriminator_that_do_not_agree(kwargs, message):
    with pytest.raises(ConfigError, match=message):
        build(**kwargs)


def test_none_leaves_a_loss_out():
    model = build(ALL_LOSSES | dict(ping_pong=None, adversarial=None, feature_matching=None))
    assert list(model.losses) == ['pixel', 'warping', 'perceptual'] and not model.ping_pong


# One step -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('discriminator', ['SpatioTemporalDiscriminator', 'SpatialDiscriminator'])
@pytest.mark.parametrize('scale', [1, 2])
def test_all_losses_together(discriminator, scale):
    model = build(ALL_LOSSES, discriminator, dict(scale=scale))
    before = {name: weights(getattr(model, name)) for name in ('generator', 'discriminator')}
    logs = model.train_step(clips(scale=scale), wrappers(model))
    assert set(logs) == {*(f'g_{name}' for name in ALL_LOSSES), 'g_total', 'g_fake', 'd_total', 'd_real', 'd_fake',
                         'd_lead', 'd_accuracy', 'd_updates'}
    assert all(value.isfinite() and not value.requires_grad for value in logs.values())
    torch.testing.assert_close(sum(logs[f'g_{name}'] for name in ALL_LOSSES), logs['g_total'])
    assert all(moved(getattr(model, name), weights) for name, weights in before.items())


def test_pretraining_without_a_discriminator():
    model = build(dict(pixel=PIXEL, warping=dict(type='WarpingLoss')))
    optimizers, batch = wrappers(model, lr=3e-3), clips()
    totals = [float(model.train_step(batch, optimizers)['g_total']) for _ in range(25)]
    assert totals[-1] < 0.9 * totals[0] and model.discriminator is None


def test_logs_hold_the_weighted_losses():
    once, thrice = (build(dict(pixel=PIXEL | dict(weight=weight))) for weight in (1.0, 3.0))
    logs = [model.train_step(clips(), wrappers(model))['g_pixel'] for model in (once, thrice)]
    torch.testing.assert_close(3 * logs[0], logs[1])


@pytest.mark.parametrize('kind', ['vanilla', 'lsgan', 'hinge'])
def test_mixed_precision_computes_losses_in_float32(kind):
    """Of the very tensors that the networks gave in bfloat16: a value in bfloat16 would be off by up to 0.4 %."""
    model = build(ALL_LOSSES | dict(adversarial=dict(type='Listener', kind=kind), own=dict(type='Recorder')),
                  'SpatioTemporalDiscriminator')
    logs = model.train_step(clips(), wrappers(model, AutocastOptimWrapper))
    context, judged = model.losses['own'].seen, model.losses['adversarial'].judged
    real, fake, final = ([score.logits for score in scores] for scores in
                         (judged.real_scores, judged.fake_scores, context.fake_scores))
    assert {logits.dtype for logits in (*real, *fake, *final)} == {torch.bfloat16}

    def mean(values):
        return torch.stack([value.mean() for value in values])

    expected = {f'g_{name}': loss(context) for name, loss in model.losses.items() if name != 'perceptual'}
    expected |= {'d_total': model.losses['adversarial'].discriminator_loss(judged),
                 'd_real': mean(x.float() for x in real).mean(), 'd_fake': mean(x.float() for x in fake).mean(),
                 'g_fake': mean(x.float() for x in final).mean(),
                 'd_lead': (mean(F.logsigmoid(x.float()) for x in real)
                            - mean(F.logsigmoid(x.float()) for x in fake)).mean()}
    assert {*logs} - {*expected} == {'g_perceptual', 'g_total', 'd_updates', 'd_accuracy'}
    for name, value in expected.items():
        torch.testing.assert_close(logs[name], value.detach(), rtol=1e-4, atol=1e-6, msg=name)
    # That one runs a network of its own in bfloat16.
    assert logs['g_perceptual'].dtype == torch.float32
    torch.testing.assert_close(logs['g_perceptual'], model.losses['perceptual'](context).detach(), rtol=0.05, atol=0)


# Who learns ---------------------------------------------------------------------------------------------------------

def test_no_gradient_crosses_over():
    model = build(discriminator='SpatioTemporalDiscriminator', update_threshold=None)
    optimizers = wrappers(model, Watched)
    optimizers['discriminator'].other, optimizers['generator'].other = model.generator, model.discriminator
    model.train_step(clips(), optimizers)
    assert not optimizers['discriminator'].crossed, "the discriminator's phase leaves gradients in the generator"
    for parameter, gradient in zip(model.discriminator.parameters(), optimizers['discriminator'].own, strict=True):
        assert torch.equal(parameter.grad, gradient), "the generator's phase leaves gradients in the discriminator"
    assert any(gradient.any() for gradient in optimizers['generator'].own)


def test_generator_learns_from_the_adversarial_loss_alone():
    model = build(dict(adversarial=ADVERSARIAL), 'SpatioTemporalDiscriminator')
    before = weights(model.generator)
    model.train_step(clips(), wrappers(model))
    assert moved(model.generator, before)


@pytest.mark.parametrize('threshold, updated', [(-1e9, False), (1e9, True), (None, True)])
def test_adaptive_update(threshold, updated):
    model = build(discriminator='SpatialDiscriminator', update_threshold=threshold)
    before, optimizers = weights(model.discriminator), wrappers(model)
    counts = [int(model.train_step(clips(), optimizers)['d_updates']) for _ in range(2)]
    assert moved(model.discriminator, before) == updated
    assert counts == ([1, 2] if updated else [0, 0]) and int(model.discriminator_updates) == counts[-1]


def test_lead_is_the_difference_of_log_likelihoods():
    """0.4 is the published threshold of mean log sigmoid(real) - mean log sigmoid(fake)."""
    model = build(discriminator='SpatialDiscriminator')
    context = model.begin(model.data_preprocessor(clips()))
    context.pred = model.generator(context.condition).pred
    real, fake = (model.discriminator(clip, context)[0].logits for clip in (context.target, context.pred))
    expected = torch.log(torch.sigmoid(real)).mean() - torch.log(torch.sigmoid(fake)).mean()
    torch.testing.assert_close(model.train_step(clips(), wrappers(model))['d_lead'], expected.detach())


def test_frozen_part_of_a_discriminator_stays_frozen():
    model = build(discriminator='HalfFrozen', update_threshold=None)
    frozen, optimizers = weights(model.discriminator.trunk.conv_in), wrappers(model)
    for _ in range(2):
        model.train_step(clips(), optimizers)
    assert not moved(model.discriminator.trunk.conv_in, frozen)
    assert {n for n, p in model.discriminator.named_parameters() if not p.requires_grad} == \
        {'trunk.conv_in.0.weight', 'trunk.conv_in.0.bias'}


@pytest.mark.parametrize('threshold', [-1e9, None])
def test_losses_are_given_real_scores_without_a_gradient(threshold):
    """So that one that compares real and fake scores cannot reach into the discriminator's phase."""
    model = build(dict(adversarial=ADVERSARIAL, own=dict(type='Recorder')), 'SpatialDiscriminator',
                  update_threshold=threshold)
    model.train_step(clips(), wrappers(model))
    context = model.losses['own'].seen
    for score in context.real_scores:
        assert not any(tensor.requires_grad for tensor in (score.logits, *score.features))
    assert all(score.logits.requires_grad for score in context.fake_scores) and context.pred.requires_grad


# Ping-pong, average -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('ping_pong', [True, False])
def test_clips_run_back_only_where_a_loss_wants_it(ping_pong):
    model = build(dict(pixel=PIXEL, own=dict(type='Recorder'),
                       ping_pong=dict(type='PingPongLoss') if ping_pong else None))
    batch = clips(t=4)
    model.train_step(batch, wrappers(model))
    context, order = model.losses['own'].seen, [0, 1, 2, 3, 2, 1, 0] if ping_pong else [0, 1, 2, 3]
    assert context.ping_pong == ping_pong and context.pred.shape[1] == len(order)
    assert torch.equal(context.target, clips(t=4)['target'][:, order].float() / 255)
    assert torch.equal(context.condition[:, :, 1:], clips(t=4)['maps']['picture'][:, order].float() / 255)
    assert torch.equal(context.image, context.condition[:, :, 1:])


@pytest.mark.parametrize('ping_pong', [True, False])
def test_discriminators_are_given_flow_both_ways(ping_pong):
    model = build(dict(adversarial=ADVERSARIAL, ping_pong=dict(type='PingPongLoss') if ping_pong else None), 'Witness')
    randomize(model.generator)
    condition = model.begin(model.data_preprocessor(clips())).condition
    with torch.no_grad():
        pairs = [(condition[:, i], condition[:, i + 1]) for i in range(condition.shape[1] - 1)]
        flow = torch.stack([model.generator.flow_net(after, before) for before, after in pairs], dim=1)
        flow_back = torch.stack([model.generator.flow_net(before, after) for before, after in pairs], dim=1)
    model.train_step(clips(), wrappers(model))
    context = model.discriminator.seen
    for found, expected in ((context.flow, flow), (context.flow_back, flow_back)):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert not found.requires_grad


def test_average_follows_and_is_what_is_used():
    model = build(ema_momentum=0.25)
    optimizers, condition = wrappers(model), model.data_preprocessor(clips())['condition']
    for _ in range(3):
        model.train_step(clips(), optimizers)
    average, newest = model.generator_ema.module, model.generator
    assert moved(average, weights(newest)) and model.trained_generator is average
    torch.testing.assert_close(model(condition), average(condition).pred)
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_average_forgets_the_initial_weights():
    """After the first step it is the generator itself; later a mean of it and what came before."""
    model = build(ema_momentum=0.001)
    optimizers = wrappers(model)
    model.train_step(clips(), optimizers)
    first = weights(model.generator)
    assert not moved(model.generator_ema.module, first)
    model.train_step(clips(), optimizers)
    for name, parameter in model.generator_ema.module.named_parameters():
        share = 10 / 11
        expected = (1 - share) * first[name] + share * dict(model.generator.named_parameters())[name]
        torch.testing.assert_close(parameter, expected)


def test_without_an_average_the_generator_itself_is_used():
    model = build(ema_momentum=None)
    assert model.generator_ema is None and model.trained_generator is model.generator


# Other generators ---------------------------------------------------------------------------------------------------

MIXER = dict(type='Mixer')


def test_generator_without_flow_trains_against_the_spatial_discriminator():
    model = build(dict(pixel=PIXEL, adversarial=ADVERSARIAL, ping_pong=dict(type='PingPongLoss')),
                  'SpatialDiscriminator', MIXER)
    before = weights(model.generator)
    logs = model.train_step(clips(), wrappers(model))
    assert moved(model.generator, before) and all(value.isfinite() for value in logs.values())


def test_generator_without_flow_and_what_needs_one():
    model = build(dict(warping=dict(type='WarpingLoss')), None, MIXER)
    with pytest.raises(ConfigError, match="WarpingLoss needs 'flow', .*choose a generator that estimates flow"):
        model.train_step(clips(), wrappers(model))
    model = build(discriminator='SpatioTemporalDiscriminator', generator=MIXER)
    with pytest.raises(ConfigError, match="SpatioTemporalDiscriminator needs 'flow', .*that estimates flow"):
        model.train_step(clips(), wrappers(model))


def test_losses_that_need_what_is_not_there():
    model = build(dict(warping=dict(type='WarpingLoss')), image=None)
    with pytest.raises(ConfigError, match="WarpingLoss needs 'image', .*model.image='<modality>'"):
        model.train_step(clips(), wrappers(model))
    model = build(dict(matching=dict(type='FeatureMatchingLoss')))
    with pytest.raises(ConfigError, match="FeatureMatchingLoss needs 'real_scores', .*model.discriminator"):
        model.train_step(clips(), wrappers(model))
