"""Input styles: each kind, and what of a training clip they change."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from photoreal.datasets import FDA, ClipDataset, ClipSampler, HistogramMatch, Jitter, RandomConv, Reference, Reinhard
from photoreal.datasets.styles import InputStyles
from photoreal.errors import ConfigError, DataError
from photoreal.registry import INPUT_STYLES
from photoreal.testing.input_style import InputStyleContract
from photoreal.testing.modality import street_frames
from tests.datasets.helpers import Copy, Labels, make_video, pictures, to_numpy, write_folder


class TestReinhard(InputStyleContract):
    def make(self):
        return Reinhard()


class TestHistogramMatch(InputStyleContract):
    def make(self):
        return HistogramMatch(strength=(0.2, 1.0))


class TestFDA(InputStyleContract):
    def make(self):
        return FDA()


class TestRandomConv(InputStyleContract):
    def make(self):
        return RandomConv()


class TestJitter(InputStyleContract):
    def make(self):
        return Jitter()


STREET = street_frames(np.random.default_rng(0), 3, 40, 64)
DONOR = (street_frames(np.random.default_rng(1), 1, 40, 64)[0] // 3 + [20, 10, 90]).astype(np.uint8)


def reference(frame=STREET[0], donor=DONOR, scale=1):
    return Reference(lambda: frame, lambda: donor, scale)


def lab_moments(images):
    lab = cv2.cvtColor(np.concatenate(list(images)), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    return np.array([lab.mean(0), lab.std(0)])


@pytest.mark.parametrize('kind', [Reinhard, HistogramMatch])
def test_colours_become_the_donors(kind):
    style = kind(strength=1)
    found = style.apply(STREET, reference(), **style.sample(np.random.default_rng(0)))
    wanted, before = lab_moments([DONOR]), lab_moments(STREET)
    assert np.abs(before - wanted).max() > 40
    assert np.abs(lab_moments(found) - wanted).max() < 6


@pytest.mark.parametrize('kind', [Reinhard, HistogramMatch])
def test_a_crop_is_restyled_as_the_whole_frame_is(kind):
    style = kind()
    params = style.sample(np.random.default_rng(0))
    whole, crop = (style.apply(frames, reference(), **params) for frames in (STREET, STREET[:, 5:20, 7:30]))
    np.testing.assert_array_equal(crop, whole[:, 5:20, 7:30])


def test_strength_zero_changes_next_to_nothing():
    style = Reinhard(strength=0)
    found = style.apply(STREET, reference(), **style.sample(np.random.default_rng(0)))
    assert np.abs(found.astype(int) - STREET).mean() < 1  # 8 bits there and back


@pytest.mark.parametrize('beta', [0.01, 0.05, 0.09])
@pytest.mark.parametrize('size', [(40, 64), (33, 47)])
def test_fda_is_the_published_swap_of_amplitudes(beta, size):
    frames, donor = STREET[:, :size[0], :size[1]], DONOR[:size[0], :size[1]]
    found = FDA(beta=beta).apply(frames, reference(donor=donor), beta=beta, corner=[0, 0])
    spectrum = np.fft.fft2(frames.astype(float), axes=(1, 2))
    amplitude, wanted = np.abs(spectrum), np.abs(np.fft.fft2(donor.astype(float), axes=(0, 1)))
    reach = int(beta * min(size))
    near = [np.abs(np.fft.fftfreq(n, 1 / n)) <= reach for n in size]
    low = near[0][:, None] & near[1]
    amplitude[:, low] = wanted[low]
    expected = np.fft.ifft2(amplitude * np.exp(1j * np.angle(spectrum)), axes=(1, 2))
    assert np.abs(expected.imag).max() < 1e-9
    assert np.abs(found - np.clip(expected.real, 0, 255)).max() < 0.51
    assert np.abs(found.astype(int) - frames).max() > 20


def test_fda_cuts_its_window_from_the_donor():
    large = np.zeros((80, 90, 3), np.uint8)
    large[40:, 26:] = 200
    bright, dark = (FDA().apply(STREET, reference(donor=large), beta=0.01, corner=corner)
                    for corner in ([0.999, 0.999], [0, 0]))
    np.testing.assert_allclose(bright.mean((1, 2)), 200, atol=25)  # some of it is clipped
    assert dark.mean() < bright.mean() - 100
    small = FDA().apply(STREET, reference(donor=large[-20:, -32:]), beta=0.01, corner=[0, 0])
    np.testing.assert_array_equal(small, bright)
    of_scale = FDA().apply(STREET, reference(donor=large[20:60, 10:74], scale=2), beta=0.01, corner=[0.999, 0.999])
    np.testing.assert_array_equal(of_scale, bright)


def test_jitter_is_constant_but_for_flicker_and_noise():
    still = np.repeat(STREET[:1], 5, axis=0)
    steady = Jitter(gain=0.9, offset=20, cast=0, noise=0, flicker=0)
    found = steady.apply(still, reference(), **steady.sample(np.random.default_rng(0)))
    np.testing.assert_array_equal(found, np.clip(np.rint(still * 0.9 + 20), 0, 255))
    flicker = Jitter(gain=1, offset=0, cast=0, noise=0, flicker=0.05)
    levels = flicker.apply(still, reference(), **flicker.sample(np.random.default_rng(0))).mean((1, 2, 3))
    assert 0.005 < levels.std() / levels.mean() < 0.15
    noisy = Jitter(gain=1, offset=0, cast=0, noise=4, flicker=0)
    grey = np.full((2, 60, 60, 3), 128, np.uint8)
    found = noisy.apply(grey, reference(), **noisy.sample(np.random.default_rng(0))).astype(float)
    assert 3.8 < found.std() < 4.2 and 5.3 < (found[1] - found[0]).std() < 6


def test_a_random_convolution_keeps_shapes_and_contrast():
    grey = np.full((1, 20, 20, 3), 128, np.uint8)
    contrast = []
    for seed in range(30):
        style = RandomConv(mix=1)
        params = style.sample(np.random.default_rng(seed))
        np.testing.assert_array_equal(style.apply(grey, reference(), **params), grey)
        contrast.append(style.apply(STREET, reference(), **params).std() / STREET.std())
    assert 0.3 < np.mean(contrast) < 1.2
    style = RandomConv(sides=(3,), mix=0.25)
    params = style.sample(np.random.default_rng(0))
    frame = STREET[0].astype(float) - 128
    wanted = 0.75 * frame[1:-1, 1:-1]
    for y in range(3):
        for x in range(3):
            weights = 0.25 * np.array(params['kernel'])[:, :, y, x].T
            wanted += frame[y:y + frame.shape[0] - 2, x:x + frame.shape[1] - 2] @ weights
    found = style.apply(STREET, reference(), **params)[0, 1:-1, 1:-1]
    assert np.abs(found - np.clip(wanted + 128, 0, 255)).max() < 0.51
    with pytest.raises(ConfigError, match='sides=.2.'):
        RandomConv(sides=[2])


HEIGHT, WIDTH = 24, 32


@pytest.fixture
def root(tmp_path):
    make_video(tmp_path, 6, height=HEIGHT, width=WIDTH, labels=True)
    write_folder(tmp_path / 'train/virtual/game/frames', pictures(4, HEIGHT, WIDTH, seed=5) // 4)
    write_folder(tmp_path / 'train/virtual/town/frames', pictures(3, 20, 20, seed=6) // 4)
    return tmp_path


def clips(root, styles, **arguments):
    given = dict(clip_length=3, crop_size=12, flip_prob=0.5, still_prob=0.3) | arguments
    return ClipDataset(root, {'copy': Copy(), 'labels': Labels()}, input_styles=styles, **given)


ALL = dict(fda=dict(type='FDA', prob=0.5), colour=dict(type='Reinhard', prob=0.5), jitter=dict(type='Jitter', prob=0.5))


def test_only_what_is_computed_from_frames_is_restyled(root):
    plain, styled = clips(root, None), clips(root, dict(colour=dict(type='Reinhard', prob=1.0)))
    for k in range(6):
        assert torch.equal(plain[k]['target'], styled[k]['target'])
        assert torch.equal(plain[k]['maps']['labels'], styled[k]['maps']['labels'])
        before, after = (to_numpy(item['maps']['copy']).astype(int) for item in (plain[k], styled[k]))
        assert after.mean() < before.mean() - 30  # toward the dark donors


def test_clips_get_styles_as_often_as_they_should(root):
    dataset = clips(root, ALL | dict(colour=dict(type='Reinhard', prob=0.2), fda=None))
    styles = [dataset.describe(k).styles for k in range(600)]
    assert abs(np.mean(['jitter' in chosen for chosen in styles]) - 0.5) < 0.07
    assert abs(np.mean(['colour' in chosen for chosen in styles]) - 0.2) < 0.06
    plain = clips(root, None)
    for k in range(12):
        same = torch.equal(dataset[k]['maps']['copy'], plain[k]['maps']['copy'])
        assert same == (not styles[k])


def test_every_frame_of_every_donor_is_drawn(root):
    donors = [clips(root, ALL).input_styles.draw(np.random.default_rng(seed))[1] for seed in range(200)]
    assert {(video.name, index) for video, index in donors} == \
        {('game', i) for i in range(4)} | {('town', i) for i in range(3)}
    assert all(video.split == 'train' and video.domain == 'virtual' for video, _ in donors)


@pytest.mark.parametrize('scale', [1, 2])
def test_workers_and_resuming_give_the_same(root, scale):
    dataset = clips(root, ALL, scale=scale, crop_size=12 // scale)
    expected = [dataset[k]['maps']['copy'] for k in range(12)]
    assert len({one.numpy().tobytes() for one in expected}) == 12
    loader = DataLoader(clips(root, ALL, scale=scale, crop_size=12 // scale), 1, num_workers=2,
                        sampler=ClipSampler(dataset, start=5))
    for batch, wanted in zip(loader, expected[5:]):
        assert torch.equal(batch['maps']['copy'][0], wanted)


def test_donors_are_needed_only_where_a_style_asks_for_them(tmp_path):
    make_video(tmp_path, 6, height=HEIGHT, width=WIDTH, labels=True)
    make_video(tmp_path, 6, split='val', domain='virtual', height=HEIGHT, width=WIDTH)
    assert len(clips(tmp_path, dict(jitter=dict(type='Jitter')))) == 6
    with pytest.raises(DataError, match=r"virtual(.|\n)*The input style 'fda' takes its donors from there"):
        clips(tmp_path, ALL)


@pytest.mark.parametrize('style, message', [
    (dict(type='FDA', beta=0.7), "input style 'x': beta"), (dict(type='Jitter', prob=2), "input style 'x': prob=2"),
    (dict(type='FDAA'), "input style 'x'.*did you mean 'FDA'"), (dict(type='Reinhard', strength=(0, 2)), 'strength')])
def test_faults_name_the_style(style, message):
    with pytest.raises(ConfigError, match=message):
        InputStyles(dict(x=style), '/nowhere')


def test_a_style_that_forgets_to_ask_for_a_donor_is_told():
    assert not Jitter().needs_donor and 'Jitter' in INPUT_STYLES.module_dict
    with pytest.raises(ConfigError, match='set needs_donor'):
        Reference(lambda: STREET[0]).donor  # noqa: B018
