"""Every generator, discriminator and penalty trains in VideoGAN, beside each other."""

import pytest

from tests.models.helpers import ADVERSARIAL, PIXEL, build, clips, moved, weights, wrappers
from tests.models.test_unpaired import batch, unpaired

GENERATORS = {'SPADERecurrent': dict(width=4, blocks=1, hidden=4, flow_channels=4),
              'FrameResNet': dict(width=4, halvings=2, blocks=1),
              'RecurrentUNet': dict(width=8, fold=2, blocks=(1, 1))}
DISCRIMINATORS = {'MultiScaleDiscriminator': dict(levels=2, width=4), 'UNetDiscriminator': dict(width=4),
                  'PerceptualDiscriminator': dict(layers=('conv1', 'fire3'), width=4),
                  'TemporalDiscriminator': dict(width=4), 'SpatialDiscriminator': dict(spectral=True)}


@pytest.mark.parametrize('name', GENERATORS)
def test_generators(name):
    model = build(discriminator='SpatialDiscriminator', generator=dict(type=name, **GENERATORS[name]))
    before, optimizers = weights(model.generator), wrappers(model)
    logs = model.train_step(clips(), optimizers)
    assert all(value.isfinite() for value in logs.values()) and moved(model.generator, before)


@pytest.mark.parametrize('name', DISCRIMINATORS)
def test_discriminators_with_both_penalties(name):
    losses = dict(pixel=PIXEL, adversarial=ADVERSARIAL, r1=dict(type='R1Loss', every=1), lecam=dict(type='LeCamLoss'))
    model = build(losses, dict(type=name, **DISCRIMINATORS[name]), update_threshold=None)
    before, optimizers = weights(model.discriminator), wrappers(model)
    for _ in range(2):
        logs = model.train_step(clips(), optimizers)
    assert all(value.isfinite() for value in logs.values()) and moved(model.discriminator, before)


@pytest.mark.parametrize('name', DISCRIMINATORS)
def test_discriminators_as_critics(name):
    critic = dict(type=name, **DISCRIMINATORS[name])
    model = build(unpaired=unpaired(critic=critic, layer='fire3', crop_size=32))
    before = weights(model.critic)
    logs = model.train_step(batch(size=32), wrappers(model))
    assert all(value.isfinite() for value in logs.values()) and moved(model.critic, before)
