"""Downsample: the published small frames, number for number, whatever the crop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from photoreal.datasets import ClipDataset, StreamDataset
from photoreal.errors import ConfigError
from photoreal.modalities import Downsample
from photoreal.testing.modality import ModalityContract, street_frames
from tests import tiny


class TestGaussian(ModalityContract):
    def make(self):
        return Downsample('gaussian')


class TestBicubic(ModalityContract):
    def make(self):
        return Downsample('bicubic')


@pytest.fixture
def frames() -> np.ndarray:
    return street_frames(np.random.default_rng(3), 2, 48, 64)


@pytest.mark.parametrize('scale', [2, 4])
def test_gaussian_is_a_convolution_with_a_stride(frames, scale):
    """As TecoGAN-PyTorch does on the device: 9 x 9 weights of sigma 1.5, no padding."""
    x = np.arange(-4, 5)
    weights = np.exp(-x**2 / (2 * 1.5**2))
    kernel = torch.from_numpy(np.outer(weights, weights) / weights.sum() ** 2)
    large = torch.from_numpy(frames).movedim(-1, 1).double()  # (T, 3, H, W)
    wanted = F.conv2d(large.flatten(0, 1)[:, None], kernel[None, None], stride=scale)[:, 0]
    wanted = wanted.unflatten(0, (2, 3)).movedim(1, -1).numpy()
    # The convolution's first pixel lies 4 pixels inside the large frame.
    inner = Downsample().shrink(frames, scale)[:, 4 // scale:, 4 // scale:][:, :wanted.shape[1], :wanted.shape[2]]
    np.testing.assert_array_less(np.abs(inner - wanted), 0.5 + 1e-3)


@pytest.mark.parametrize('scale', [2, 4])
def test_bicubic_is_that_of_an_antialiased_resize(frames, scale):
    large = torch.from_numpy(frames).movedim(-1, 1).double()
    wanted = F.interpolate(large, scale_factor=1 / scale, mode='bicubic', antialias=True, align_corners=False)
    found = Downsample('bicubic').shrink(frames, scale)
    # At the border that one drops what lies outside, where this one mirrors.
    inner = (slice(None), slice(2, -2), slice(2, -2))
    difference = np.abs(found[inner] - wanted.clamp(0, 255).movedim(1, -1).numpy()[inner])
    np.testing.assert_array_less(difference, 0.5 + 1e-2)


@pytest.mark.parametrize('kind', ['gaussian', 'bicubic'])
def test_flat_frames_stay_flat_up_to_the_border(kind):
    flat = np.full((1, 16, 24, 3), 131, np.uint8)
    for scale in (2, 4):
        small = Downsample(kind).shrink(flat, scale)
        assert small.shape == (1, 16 // scale, 24 // scale, 3) and (small == 131).all()


def test_no_blur_keeps_every_second_pixel(frames):
    np.testing.assert_array_equal(Downsample(sigma=0).shrink(frames, 2), frames[:, ::2, ::2])


@pytest.mark.parametrize('kind', ['gaussian', 'bicubic'])
@pytest.mark.parametrize('scale', [2, 4])
def test_training_sees_what_testing_sees(tiny_data, kind, scale):
    modalities = {'small': dict(type='Downsample', kind=kind)}
    clips = ClipDataset(tiny_data, modalities, split='val', clip_length=1, crop_size=6, scale=scale, flip_prob=0)
    stream = StreamDataset(tiny_data, modalities, domains=['real'], scale=scale)
    assert stream[0]['maps']['small'].shape == (3, tiny.HEIGHT // scale, tiny.WIDTH // scale)
    for k in range(8):
        choice = clips.describe(k)
        whole = stream[choice.indices[0]]['maps']['small'].movedim(0, -1).numpy()
        np.testing.assert_array_equal(clips[k]['maps']['small'][0].movedim(0, -1), choice.windows[0].cut(whole))


def test_small_frames_are_left_alone(tiny_data):
    stream = StreamDataset(tiny_data, {'small': dict(type='Downsample')}, domains=['virtual'], scale=4)
    assert torch.equal(stream[3]['maps']['small'], stream[3]['frame'])


@pytest.mark.parametrize('arguments, message', [
    (dict(kind='bicubik'), "kind='bicubik' is unknown; did you mean 'bicubic'"), (dict(sigma=-1), 'sigma=-1')])
def test_faulty_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Downsample(**arguments)
