"""One of several modalities, and several one after another."""

import numpy as np
import pytest
import torch

from photoreal.config import load_config
from photoreal.errors import ConfigError
from photoreal.modalities import Blur, Chain, Edges, Gray, OneOf, Posterize, Smooth, build_modalities
from photoreal.modalities.base import Modality
from photoreal.registry import MODALITIES
from photoreal.testing.modality import ModalityContract, street_frames
from tests import tiny

FRAMES = street_frames(np.random.default_rng(3), 2, 40, 56)


class TestOneOf(ModalityContract):
    def make(self):
        return OneOf([dict(type='Blur', sigma=(0.5, 1.5), down=(1, 3)), dict(type='Posterize')], [0.4, 0.6], fixed=1)


class TestChain(ModalityContract):
    def make(self):
        return Chain([dict(type='Smooth', radius=(1, 2)), dict(type='Blur', sigma=0.7, down=(1, 2)),
                      dict(type='Blur', sigma=0, down=(2, 4))])


class TestChainThatEndsInEdges(ModalityContract):
    def make(self):
        return Chain([Blur(sigma=1), OneOf([Edges(), Edges(sigma=2)])])


def test_each_choice_is_drawn_as_often_as_it_should():
    mix = OneOf([Blur(), Smooth(), Posterize()], [0.5, 0.3, 0.2])
    rng = np.random.default_rng(0)
    drawn = [mix.sample(rng)['choice'] for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(drawn) / 2000, [0.5, 0.3, 0.2], atol=0.04)


def test_the_chosen_one_is_computed():
    parts = [Blur(sigma=2), Posterize(levels=3)]
    mix = OneOf(parts, fixed=1)
    np.testing.assert_array_equal(mix.compute(FRAMES, **mix.sample(None)), parts[1].compute(FRAMES, levels=3))
    seen = {mix.compute(FRAMES, **mix.sample(np.random.default_rng(seed))).tobytes() for seed in range(8)}
    assert seen == {part.compute(FRAMES, **part.sample(None)).tobytes() for part in parts}


def test_steps_follow_each_other():
    blur, edges = Blur(sigma=2), Edges(low=30, high_above=40)
    chain = Chain([blur, edges])
    found = chain.compute(FRAMES, **chain.sample(None))
    np.testing.assert_array_equal(found, edges.compute(blur.compute(FRAMES, **blur.sample(None)), **edges.sample(None)))
    assert (found != edges.compute(FRAMES, **edges.sample(None))).any()
    assert chain.margin == blur.margin + edges.margin and chain.channels == 1 and not chain.exact_crop


@pytest.mark.parametrize('make, message', [
    (lambda: OneOf([]), r'choices=\[\]: expected a list'), (lambda: Chain('Blur'), "steps='Blur'"),
    (lambda: OneOf([Blur(), Gray()]), 'Gray has 1 channels, choices.0.=Blur 3'),
    (lambda: OneOf([Edges(), Gray()]), 'Gray and choices.0.=Edges are encoded or mirrored in different'),
    (lambda: OneOf([Blur(), dict(type='ImageFolder', folder='x')]), "is read from the folder 'x'"),
    (lambda: OneOf([Blur(), dict(type='Downsample')]), 'smaller in different ways'),
    (lambda: OneOf([Blur(), Smooth()], [0.5, 0.6]), 'add up to 1.1'),
    (lambda: OneOf([Blur()], [1, 0]), 'expected 1 prob'),
    (lambda: OneOf([Blur()], fixed=1), 'fixed=1'), (lambda: Chain([Blur(), dict(sigma=1)]), r'steps\[1\]'),
    (lambda: Chain([Gray(), Blur()]), r'steps\[0\]=Gray makes 1 channels of uint8'),
    (lambda: Chain([Blur(), dict(type='Downsample')]), 'put it first')])
def test_what_does_not_fit_together(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_choices_that_are_encoded_differently_are_told():
    @MODALITIES.register_module()
    class Negative(Modality):
        channels = 3

        def compute(self, frames):
            return frames

        def encode(self, x):
            return 1 - x.to(torch.float32) / 255

    try:
        with pytest.raises(ConfigError, match=r'choices\[1\]=Negative and choices\[0\]=Blur are encoded'):
            OneOf([Blur(), Negative()])
    finally:
        MODALITIES.module_dict.pop('Negative')


def test_the_mix_of_the_config_draws_all_its_kinds():
    cfg = load_config(tiny.ROOT / 'configs/cosmos_mix.py')
    mix = build_modalities(cfg.model.modalities)[cfg.model.image]
    rng = np.random.default_rng(0)
    drawn = [mix.sample(rng)['steps'] for _ in range(1000)]
    np.testing.assert_allclose(np.bincount([steps[0]['choice'] for steps in drawn]) / 1000, [0.5, 0.3, 0.2], atol=0.05)
    frames = street_frames(np.random.default_rng(0), 1, 96, 128)
    detail = [np.abs(np.diff(mix.compute(frames, steps).astype(float), axis=2)).mean() for steps in drawn[:6]]
    assert max(detail) < 0.5 * np.abs(np.diff(frames.astype(float), axis=2)).mean()
