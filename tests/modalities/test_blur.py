"""Blur: its strength, its random parameters, and its trip to a smaller size."""

import cv2
import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.modalities import Blur
from photoreal.testing.modality import ModalityContract, street_frames


class TestBlur(ModalityContract):
    def make(self):
        return Blur(sigma=(0.5, 2.5))


class TestBlurDownUp(ModalityContract):
    def make(self):
        return Blur(sigma=(0, 1.5), down=(1, 2, 3, 4))


class TestConstantBlur(ModalityContract):
    def make(self):
        return Blur(sigma=0, down=5)


@pytest.mark.parametrize('sigma', [0.8, 2.0, 3.5])
def test_a_point_spreads_with_the_given_sigma(sigma):
    frame = np.zeros((1, 61, 61, 3), np.uint8)
    frame[0, 30] = 255  # a line: its cross-section is the kernel
    profile = Blur().compute(frame, sigma=sigma, down=1)[0, :, 30, 0].astype(float)
    offsets = np.arange(61) - 30
    spread = np.sqrt((profile * offsets**2).sum() / profile.sum())
    assert spread == pytest.approx(sigma, rel=0.06)
    assert profile.sum() == pytest.approx(255, rel=0.06)


def test_down_up_averages_blocks_and_enlarges_smoothly():
    frame = np.zeros((1, 8, 16, 3), np.uint8)
    frame[:, :, 8:] = 200
    frame[:, ::2, :8] = 100  # stripes that blocks of four average to 50
    out = Blur().compute(frame, sigma=0, down=4)
    assert (out[0, :, 1] == 50).all() and (out[0, :, -1] == 200).all()
    steps = np.diff(out[0, 0, :, 0].astype(int))
    assert (steps >= 0).all() and steps.max() < 60


def test_sizes_that_are_no_multiple_are_cut_back():
    frames = street_frames(np.random.default_rng(0), 2, 21, 30)
    whole = cv2.copyMakeBorder(frames[1], 0, 3, 0, 2, cv2.BORDER_REPLICATE)
    expected = Blur().compute(whole[None], sigma=0, down=8)[0, :21, :30]
    np.testing.assert_array_equal(Blur().compute(frames, sigma=0, down=8)[1], expected)


def test_parameters_stay_in_range_and_differ_between_clips():
    blur = Blur(sigma=(1, 3), down=(1, 2, 4))
    drawn = [blur.sample(np.random.default_rng(seed)) for seed in range(60)]
    sigmas = [params['sigma'] for params in drawn]
    assert all(1 <= sigma <= 3 for sigma in sigmas) and len(set(sigmas)) == 60
    assert min(sigmas) < 1.3 and max(sigmas) > 2.7
    assert {params['down'] for params in drawn} == {1, 2, 4}


def test_frames_of_a_clip_share_their_parameters():
    blur = Blur(down=(1, 2, 4))
    frames = np.repeat(street_frames(np.random.default_rng(0), 1, 24, 24), 4, axis=0)
    out = blur.compute(frames, **blur.sample(np.random.default_rng(3)))
    assert (out == out[:1]).all()


def test_fixed_values_are_the_middle_or_as_given():
    assert Blur().sample(None) == {'sigma': 2.5, 'down': 1}
    assert Blur(down=(4, 1, 2)).sample(None) == {'sigma': 2.5, 'down': 2}
    assert Blur(sigma=(1, 2), sigma_fixed=6, down=(1, 2), down_fixed=3).sample(None) == {'sigma': 6.0, 'down': 3}


def test_margin_and_align_cover_fixed_values_too():
    assert Blur(sigma=(1, 2), sigma_fixed=6).margin == 18
    blur = Blur(sigma=0, down=(2, 4), down_fixed=3)
    assert (blur.margin, blur.align) == (8, 12)


@pytest.mark.parametrize('arguments, words', [
    ({'sigma': (4, 1)}, r'sigma=\(4, 1\): low is greater than high'),
    ({'sigma': -1}, r'sigma=-1.*at least 0'),
    ({'sigma': (1, 2, 3)}, r'sigma=.*a pair'),
    ({'sigma': float('nan')}, 'sigma=nan'),
    ({'sigma': 'big'}, "sigma='big'"),
    ({'sigma_fixed': -2}, 'sigma_fixed=-2'),
    ({'down': 0}, 'down=0'),
    ({'down': ()}, r'down=\(\)'),
    ({'down': (1, 1.5)}, r'down\[1\]=1.5.*whole number'),
    ({'down_fixed': True}, 'down_fixed=True'),
])
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Blur(**arguments)
