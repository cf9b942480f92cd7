import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from photoreal.errors import ConfigError, DataError
from photoreal.metrics import MSSSIM, PSNR, SSIM
from photoreal.metrics.fidelity import luma, ms_ssim, psnr, ssim
from photoreal.metrics.protocols import get_protocol

SIZES = [(11, 11), (23, 40), (64, 97)]


def image_pair(height, width, seed=0):
    rng = np.random.default_rng(seed)
    a = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 1.5)
    return a, np.clip(a.astype(int) + rng.integers(-9, 10, a.shape), 0, 255).astype(np.uint8)


def evaluate(metric, frames):
    metric.process(None, frames)
    return metric.evaluate(len(frames))


def test_luma_of_primaries():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(luma(colours), [[16, 235, 81.481, 144.553, 40.966]], atol=1e-9)


@pytest.mark.parametrize('size', SIZES)
def test_psnr_equals_scikit_image(size):
    a, b = image_pair(*size)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-9)
    assert psnr(luma(a), luma(b)) == pytest.approx(peak_signal_noise_ratio(luma(a), luma(b), data_range=255), abs=1e-9)


def test_psnr_of_equal_images_is_finite_and_the_most_there_is():
    a, b = image_pair(400, 400)
    nearly = a.copy()
    nearly[0, 0, 0] ^= 1
    assert psnr(a, a) == 100.0 >= psnr(a, nearly) > psnr(a, b)


def test_psnr_refuses_two_sizes():
    a, b = image_pair(16, 16)
    with pytest.raises(ValueError, match='of one shape'):
        psnr(a, b[1:])


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('window, settings', [
    ('gaussian', {'gaussian_weights': True, 'use_sample_covariance': False}), ('uniform', {})])
@pytest.mark.parametrize('data_range', [255.0, 87.5])
def test_ssim_equals_scikit_image(size, window, settings, data_range):
    a, b = map(luma, image_pair(*size))
    expected = structural_similarity(a, b, data_range=data_range, **settings)
    assert ssim(a, b, data_range, window) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('size', [(176, 176), (181, 240), (223, 195)])
def test_agreement_with_torchmetrics(size):
    image = pytest.importorskip('torchmetrics.functional.image', reason='a second implementation: torchmetrics')
    import torch
    a, b = map(luma, image_pair(*size))
    first, second = (torch.from_numpy(x)[None, None] for x in (b, a))
    assert psnr(a, b) == pytest.approx(float(image.peak_signal_noise_ratio(first, second, data_range=255.0)), abs=1e-5)

    def similarity(x, y, **kwargs):
        return image.structural_similarity_index_measure(x, y, data_range=255.0, **kwargs)[1]

    def inside(x, y):  # torchmetrics averages over windows that reach out of the image, too; the paper does not
        return similarity(x, y, return_full_image=True)[..., 5:-5, 5:-5].mean()

    assert ssim(a, b) == pytest.approx(float(inside(first, second)), abs=1e-5)
    expected = 1
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        expected *= similarity(first, second, return_contrast_sensitivity=True).mean() ** weight
        first, second = (torch.nn.functional.avg_pool2d(x, 2) for x in (first, second))
    assert ms_ssim(a, b) == pytest.approx(float(expected * inside(first, second) ** 0.1333), abs=1e-5)


def test_ms_ssim_of_equal_opposite_and_small_images(stream):
    a, b = image_pair(176, 180)
    assert evaluate(MSSSIM(), stream([a], [a])) == {'real/ms_ssim': pytest.approx(1)}
    assert evaluate(MSSSIM(), stream([255 - a], [a])) == {'real/ms_ssim': 0}
    assert evaluate(MSSSIM(), stream([b[1:]], [a[1:]])) == {}, 'too small has no value, and is no error'
    with pytest.raises(ValueError, match='180x175 pixels is too small for MS-SSIM: expected at least 176x176'):
        ms_ssim(luma(a[1:]), luma(b[1:]))


def test_ssim_of_images_smaller_than_the_window(stream):
    a, b = image_pair(10, 40)
    with pytest.raises(DataError, match='40x10 pixels is too small for SSIM: expected at least 11x11'):
        SSIM().process(None, stream([b], [a]))


def test_psnr_rgb_y_and_that_of_the_input(stream):
    target, pred = image_pair(16, 24)
    degraded = cv2.GaussianBlur(target, (0, 0), 3)
    values = evaluate(PSNR(), stream([pred], [target], image=[degraded]))
    assert values == {'real/psnr': psnr(target, pred), 'real/psnr_y': psnr(luma(target), luma(pred)),
                      'real/psnr_input': psnr(target, degraded)}
    assert 'real/psnr_input' not in evaluate(PSNR(), stream([pred], [target]))


def test_ssim_is_that_of_y(stream):
    target, pred = image_pair(16, 24)
    assert evaluate(SSIM(), stream([pred], [target])) == {'real/ssim': ssim(luma(target), luma(pred))}


@pytest.mark.parametrize('metric', [PSNR, SSIM])
def test_real_frames_without_ground_truth_are_an_error(metric, stream):
    target, pred = image_pair(16, 24)
    frames = stream([pred], [target])
    frames[0].target = None
    with pytest.raises(DataError, match='real/clip: there is no ground truth'):
        metric().process(None, frames)


def test_plain_protocol_takes_all_frames_whole():
    protocol = get_protocol('plain')
    assert [i for i in range(5) if protocol.covers({'index': i, 'length': 5})] == [0, 1, 2, 3, 4]
    assert protocol.crop(np.zeros((17, 31, 3))).shape == (17, 31, 3)


@pytest.mark.parametrize('side, kept, start', [(48, 32, 8), (79, 32, 23), (80, 64, 8), (100, 64, 18), (143, 96, 23)])
def test_tecogan_protocol(side, kept, start):
    protocol = get_protocol('tecogan')
    assert [i for i in range(7) if protocol.covers({'index': i, 'length': 7})] == [2, 3, 4]
    cropped = protocol.crop(np.arange(side)[:, None] * np.ones((1, 48)))
    assert cropped.shape == (kept, 32) and cropped[0, 0] == start


def test_tecogan_protocol_refuses_frames_that_leave_nothing(stream):
    target, pred = image_pair(47, 64)
    with pytest.raises(DataError, match=r"frame 2 .* side of 47 pixels .* at least 48.*protocol='plain'"):
        PSNR(protocol='tecogan').process(None, stream([pred] * 5, [target] * 5))


def test_tecogan_protocol_on_a_video_too_short_gives_no_value(stream):
    target, pred = image_pair(48, 64)
    assert evaluate(PSNR(protocol='tecogan'), stream([pred] * 4, [target] * 4)) == {}


def test_tecogan_ssim_of_a_flat_prediction_is_finite(stream):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    flat = np.full_like(noise, 90)
    assert 0 < evaluate(SSIM(protocol='tecogan'), stream([flat] * 5, [noise] * 5))['real/ssim'] < 0.1
    a, b = (float(luma(image)[0, 0]) for image in (flat, flat + 30))
    luminance_alone = (2 * a * b + 2.55**2) / (a * a + b * b + 2.55**2)
    values = evaluate(SSIM(protocol='tecogan'), stream([flat] * 5, [flat + 30] * 5))
    assert values['real/ssim'] == pytest.approx(luminance_alone)


def test_unknown_protocol_suggests_the_nearest():
    with pytest.raises(ConfigError, match="'tecogna'; did you mean 'tecogan'"):
        PSNR(protocol='tecogna')
