"""The perceptual ensemble: the contract, and its projection on the condition."""

import torch

from photoreal.models.discriminators import PerceptualDiscriminator
from photoreal.structures import ClipContext
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.networks import moving_clip, randomize

LAYERS = ('conv1', 'fire3')


class TestPerceptual(DiscriminatorContract):
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return PerceptualDiscriminator(in_channels, scale, layers=LAYERS, width=4)


class TestUnconditional(DiscriminatorContract):
    scales = (1,)
    lengths = (1, 2)

    def make(self, in_channels, scale):
        return PerceptualDiscriminator(in_channels, scale, layers=LAYERS, width=4, conditional=False, spectral=False)


def test_one_judge_a_layer_on_frozen_features():
    net = PerceptualDiscriminator(5, width=4)
    scores = net(moving_clip(1, 2, 3, 48, 48), ClipContext(moving_clip(1, 2, 5, 48, 48)))
    assert len(scores) == len(net.features.layers) == 4
    assert [len(score.features) for score in scores] == [2] * 4
    assert not any(parameter.requires_grad for parameter in net.features.parameters())
    assert not any(key.startswith('features') for key in net.state_dict())


def test_logits_are_those_of_the_look_and_of_how_it_fits():
    """The projection is linear in the condition: twice of it moves the logits twice as far."""
    net, clip = PerceptualDiscriminator(5, layers=LAYERS, width=4).eval(), moving_clip(1, 1, 3, 32, 32)
    randomize(net)
    condition = moving_clip(1, 1, 5, 32, 32)
    none, once, twice = (net(clip, ClipContext(k * condition)) for k in (0, 1, 2))
    for a, b, c in zip(none, once, twice, strict=True):
        assert (b.logits - a.logits).abs().max() > 1e-4
        torch.testing.assert_close(c.logits - a.logits, 2 * (b.logits - a.logits), rtol=1e-3, atol=1e-4)


def test_without_a_condition_there_is_no_projection():
    [*_, score] = PerceptualDiscriminator(0, width=4)(moving_clip(1, 1, 3, 32, 32),
                                                      ClipContext(torch.zeros(1, 1, 0, 32, 32)))
    assert score.logits.isfinite().all()
