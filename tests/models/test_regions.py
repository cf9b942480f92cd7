"""Activations computed anew, and compiled parts: the same numbers, less memory, for any generator."""

import copy
import shutil

import pytest
import torch
from mmengine.device import get_device
from torch import nn

from photoreal.errors import ConfigError
from photoreal.models.discriminators import Discriminator
from photoreal.registry import DISCRIMINATORS, GENERATORS
from photoreal.structures import Score
from tests.models.helpers import Mixer, build, clips, moved, weights, wrappers

FRNET = dict(type='FRNet', mid_channels=8, num_blocks=4, flow_channels=4)
UNET = dict(type='RecurrentUNet', width=8, fold=2, blocks=(4, 4))


@GENERATORS.register_module()
class Stack(Mixer):
    """A generator of one part, which is compiled in seconds."""

    def __init__(self, in_channels, skip=None):
        super().__init__(in_channels)
        self.conv = nn.Sequential(self.conv, nn.Tanh())


def steps(model, count=2):
    optimizers = wrappers(model)
    return [model.train_step(clips(), optimizers)['g_total'] for _ in range(count)]


@pytest.mark.parametrize('generator', [FRNET, UNET, dict(type='Mixer')], ids=lambda cfg: cfg['type'])
def test_checkpointing_changes_no_number(generator):
    kept, anew = (build(generator=generator, checkpointing=checkpointing) for checkpointing in (False, True))
    assert steps(kept) == steps(anew)
    assert not moved(anew.generator, weights(kept.generator))
    assert list(anew.state_dict()) == list(kept.state_dict())


@pytest.mark.parametrize('generator', [FRNET, UNET], ids=lambda cfg: cfg['type'])
def test_checkpointing_keeps_less(generator):
    sizes = []
    for checkpointing in (False, True):
        model = build(generator=generator, checkpointing=checkpointing)
        context, kept = model.begin(model.data_preprocessor(clips(t=4))), {}
        with torch.autograd.graph.saved_tensors_hooks(lambda x, kept=kept: kept.setdefault(x.data_ptr(), x), id):
            model.generator(context.condition)
        # checkpoint() packs what it computes anew as objects of its own, which hold no memory
        sizes.append(sum(x.nbytes for x in kept.values()))
    assert sizes[1] < 0.6 * sizes[0]


def test_copies_of_a_checkpointed_generator_have_weights_of_their_own():
    model = build(generator=FRNET, checkpointing=True)
    twin, condition = copy.deepcopy(model.generator), model.begin(model.data_preprocessor(clips())).condition
    expected = twin(condition).pred.detach()
    steps(model)
    assert torch.equal(twin(condition).pred, expected)


@pytest.mark.skipif(get_device() != 'cpu', reason='on a GPU others are needed')
def test_compiler_that_is_missing_is_told_before_training(monkeypatch):
    monkeypatch.setenv('PATH', '')
    with pytest.raises(ConfigError, match='takes a C.. compiler, and there is no .*: install it'):
        build(generator=FRNET, compile=True)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # of torch's own compiler
@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='no C++ compiler')
@pytest.mark.parametrize('checkpointing', [False, True])
def test_compiled_parts_learn_the_same(checkpointing):
    torch._dynamo.reset()
    counters = torch._dynamo.utils.counters
    counters.clear()
    eager, compiled = (build(generator=dict(type='Stack'), compile=compile, checkpointing=compile and checkpointing)
                       for compile in (False, True))
    for expected, found in zip(steps(eager), steps(compiled), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert counters['stats']['unique_graphs'] >= 1 and not counters['graph_break']
    assert list(compiled.state_dict()) == list(eager.state_dict())


@DISCRIMINATORS.register_module()
class Patches(Discriminator):
    """A discriminator of one part."""

    def __init__(self, in_channels, scale):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 1, 3), nn.Softplus())

    def forward(self, clip, context):
        return [Score(self.conv(clip.flatten(0, 1)))]


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='no C++ compiler')
def test_penalty_of_gradients_goes_along_with_compiled_parts():
    torch._dynamo.reset()
    losses = dict(adversarial=dict(type='AdversarialLoss'), r1=dict(type='R1Loss', every=1))
    eager, compiled = (build(losses, 'Patches', dict(type='Stack'), compile=both) for both in (False, True))
    logs = [model.train_step(clips(), wrappers(model)) for model in (eager, compiled)]
    torch.testing.assert_close(logs[1]['d_total'], logs[0]['d_total'])
    for name, weight in eager.discriminator.named_parameters():
        torch.testing.assert_close(compiled.discriminator.get_parameter(name), weight, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='no C++ compiler')
def test_spectral_normalisation_goes_along_with_compiled_parts():
    torch._dynamo.reset()
    discriminator = dict(type='PerceptualDiscriminator')
    eager, compiled = (build(generator=dict(type='Stack'), discriminator=discriminator, compile=compile)
                       for compile in (False, True))
    for expected, found in zip(steps(eager), steps(compiled), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
