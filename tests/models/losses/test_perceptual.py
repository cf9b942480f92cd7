"""Perceptual loss: the contract for both kinds, and what it looks at."""

import pytest
import torch
from torch import nn

from photoreal.errors import ConfigError
from photoreal.models.features import VGG19Features
from photoreal.models.losses import PerceptualLoss
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip


class TestCosine(LossContract):
    size = 32  # SqueezeNet's last layers see nothing in less

    def make(self, weight):
        return PerceptualLoss(weight=weight)


class TestL1(LossContract):
    def make(self, weight):
        return PerceptualLoss(layers=('conv1', 'fire3'), kind='l1', weight=weight)


class TestAgainstFrames(LossContract):
    takes = ('pred', 'frames')

    def make(self, weight):
        return PerceptualLoss(layers=('fire3',), against='frames', weight=weight)


def context(pred: torch.Tensor, target: torch.Tensor) -> ClipContext:
    return ClipContext(torch.zeros(1, 1, 1, 1, 1), target, pred=pred)


def test_colours_count_in_their_order():
    """A prediction with red and blue exchanged is not the target, and is as far from it as the other way round."""
    target, loss = moving_clip(1, 2, 3, 32, 32), PerceptualLoss(weight=1.0)
    swapped = target.flip(2)
    assert loss(context(swapped, target)) > 0.05
    torch.testing.assert_close(loss(context(swapped, target)), loss(context(target, swapped)))


def test_cosine_does_not_see_the_strength_of_features(tmp_path):
    """A network without biases, and a prediction with twice the contrast: features point the same way."""
    state = VGG19Features(('relu2_1',)).features.state_dict(prefix='features.')
    torch.save({key: value * (not key.endswith('bias')) for key, value in state.items()}, tmp_path / 'vgg19.pth')
    grey = torch.tensor([0.485, 0.456, 0.406]).view(1, 1, 3, 1, 1)
    target = moving_clip(1, 1, 3, 16, 16)
    pred = grey + 2 * (target - grey)
    losses = {kind: PerceptualLoss('vgg19', ('relu1_2', 'relu2_1'), kind=kind, weights=str(tmp_path / 'vgg19.pth'))
              for kind in ('cosine', 'l1')}
    assert float(losses['cosine'](context(pred, target))) == pytest.approx(0, abs=1e-6)
    assert float(losses['l1'](context(pred, target))) > 1e-3


def test_layers_are_summed_each_with_its_weight():
    clips = context(torch.rand(1, 1, 3, 33, 33), moving_clip(1, 1, 3, 33, 33))
    conv1, fire5 = (float(PerceptualLoss(layers=(layer,), weight=1.0)(clips)) for layer in ('conv1', 'fire5'))
    for layers, weights in [(('conv1', 'fire5'), (2.0, 0.5)), (('fire5', 'conv1'), (0.5, 2.0))]:
        loss = PerceptualLoss(layers=layers, layer_weights=weights, weight=3.0)
        assert float(loss(clips)) == pytest.approx(3 * (2 * conv1 + 0.5 * fire5), rel=1e-5)


def test_target_does_not_learn():
    clips = context(torch.rand(1, 1, 3, 33, 33).requires_grad_(), torch.rand(1, 1, 3, 33, 33).requires_grad_())
    PerceptualLoss()(clips).backward()
    assert clips.pred.grad.any() and clips.target.grad is None


def test_backbone_stays_out_of_checkpoints():
    model = nn.ModuleDict({'losses': nn.ModuleDict({'perceptual': PerceptualLoss(layers=('conv1',))})})
    assert not model.state_dict()
    model.load_state_dict({})
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize('kwargs, message', [
    (dict(against='input'), "against='input': expected 'target' or 'frames'"),
    (dict(kind='l2'), "PerceptualLoss: kind='l2': expected 'cosine' or 'l1'"),
    (dict(layers=('conv1',), layer_weights=(1, 2)), r"layer_weights has 2 entries for 1 layers \('conv1',\)"),
    (dict(layer_weights=(1, 2)), 'layer_weights has 2 entries for 4 layers'),
    (dict(layers=('relu1_1',)), "SqueezeNetFeatures has no layer 'relu1_1'"),
    (dict(backbone='squeezenet'), "backbone='squeezenet' is unknown; did you mean 'squeezenet1_1'")])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ConfigError, match=message):
        PerceptualLoss(**kwargs)
