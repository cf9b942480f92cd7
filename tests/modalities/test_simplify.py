"""Posterize and Smooth: what they take away, what they keep, and their random parameters."""

import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.modalities import Posterize, Smooth
from photoreal.testing.modality import ModalityContract, street_frames


class TestPosterize(ModalityContract):
    def make(self):
        return Posterize()


class TestSmooth(ModalityContract):
    def make(self):
        return Smooth()


@pytest.fixture
def frames():
    return street_frames(np.random.default_rng(0), 2, 40, 56)


@pytest.mark.parametrize('levels', [2, 3, 6])
def test_posterize_leaves_so_many_values_evenly_spaced(levels, frames):
    out = Posterize(sigma=0).compute(frames, levels=levels)
    assert set(np.unique(out)) <= set(np.rint(np.linspace(0, 255, levels)).astype(int))
    error = abs(out.astype(int) - frames)
    assert error.max() <= np.ceil(127.5 / (levels - 1))  # each value went to the nearest


def test_posterize_with_all_levels_changes_nothing(frames):
    np.testing.assert_array_equal(Posterize(sigma=0).compute(frames, levels=256), frames)


def test_posterize_blurs_first_against_flicker():
    noise = np.random.default_rng(0).normal(127, 10, (1, 40, 40, 3)).clip(0, 255).astype(np.uint8)

    def changes(sigma):
        return (np.diff(Posterize(sigma=sigma).compute(noise, levels=2).astype(int), axis=1) != 0).mean()

    assert changes(1.0) < changes(0) / 2


def test_smooth_flattens_areas_and_keeps_edges():
    rng = np.random.default_rng(0)
    step = np.where(np.arange(48) < 24, 60, 190)
    frames = (step[None, None, :, None] + rng.normal(0, 6, (1, 32, 48, 3))).astype(np.uint8)
    out = Smooth().compute(frames, radius=4, sigma_color=40, sigma_space=3.0, passes=2).astype(float)
    assert out[:, 6:-6, 6:18].std() < 0.35 * frames[:, 6:-6, 6:18].std()
    assert out[0, :, 24].mean() - out[0, :, 23].mean() > 120  # a blur of that size would leave about 20


def test_more_passes_smooth_more(frames):
    smooth = Smooth(passes=(1, 3))
    roughness = [abs(np.diff(smooth.compute(frames, radius=2, sigma_color=30, sigma_space=2.0, passes=n).astype(int),
                             axis=2)).mean() for n in (1, 3)]
    assert roughness[1] < roughness[0]


def test_parameters_stay_in_range_and_differ_between_clips():
    drawn = [Posterize(levels=(3, 5)).sample(np.random.default_rng(seed))['levels'] for seed in range(40)]
    assert set(drawn) == {3, 4, 5}
    smooth = Smooth(radius=(1, 3), passes=(1, 2))
    drawn = [smooth.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert {params['radius'] for params in drawn} == {1, 2, 3} and {params['passes'] for params in drawn} == {1, 2}
    assert all(20 <= params['sigma_color'] <= 60 and 1.5 <= params['sigma_space'] <= 3 for params in drawn)
    assert len({params['sigma_color'] for params in drawn}) == 40


def test_fixed_values_are_the_middle_or_as_given():
    assert Posterize().sample(None) == {'levels': 5}
    assert Posterize(levels_fixed=12).sample(None) == {'levels': 12}
    assert Smooth().sample(None) == {'radius': 3, 'sigma_color': 40.0, 'sigma_space': 2.25, 'passes': 1}
    assert Smooth(radius=1, radius_fixed=6, passes=2).margin == 12


@pytest.mark.parametrize('kind', [Posterize, Smooth])
def test_frames_of_a_clip_share_their_parameters(kind):
    frames = np.repeat(street_frames(np.random.default_rng(0), 1, 24, 24), 3, axis=0)
    out = kind().compute(frames, **kind().sample(np.random.default_rng(1)))
    assert (out == out[:1]).all()


@pytest.mark.parametrize('kind, arguments', [
    (Posterize, {'levels': 1}), (Posterize, {'levels': (2, 257)}), (Posterize, {'levels': 2.5}),
    (Posterize, {'sigma': -0.1}), (Smooth, {'radius': 0}), (Smooth, {'passes': (2, 1)}),
    (Smooth, {'sigma_color': 0}), (Smooth, {'sigma_space_fixed': 0}),
])
def test_wrong_arguments_are_named(kind, arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        kind(**arguments)
