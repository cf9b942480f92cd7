"""Predictions that are wrong in a known way have to score badly somewhere, and a perfect copy best.

The warping error alone is not asked to rank the copy first: it rewards blur, and says so.
"""

import cv2
import numpy as np
import pytest
from mmengine.evaluator import Evaluator

METRICS = [{'type': 'PSNR'}, {'type': 'SSIM'}, {'type': 'TOF'}, {'type': 'WarpError', 'domain': 'real'}]


def frozen(scene):
    return np.stack([scene[0]] * len(scene))


def noise_overlay(scene):
    overlay = np.random.default_rng(3).normal(0, 12, scene.shape[1:])
    return np.clip(scene + overlay, 0, 255).astype(np.uint8)


def heavy_blur(scene):
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 6) for frame in scene])


def delayed(scene):
    return np.concatenate([scene[:1], scene[:-1]])


def swapped_channels(scene):
    return np.ascontiguousarray(scene[..., ::-1])


@pytest.fixture(scope='module')
def score():
    def of(frames):
        evaluator = Evaluator(METRICS)
        evaluator.process(frames)
        return evaluator.evaluate(len(frames))
    return of


@pytest.mark.parametrize('falsify, caught_by', [
    (frozen, {'psnr', 'ssim', 'tof', 'warp_error'}),
    (noise_overlay, {'psnr', 'ssim', 'warp_error'}),
    (heavy_blur, {'psnr', 'ssim'}),
    (delayed, {'psnr', 'ssim'}),
    (swapped_channels, {'psnr'}),
], ids=lambda value: getattr(value, '__name__', ''))
def test_falsified_prediction_is_caught(falsify, caught_by, score, stream, moving_scene):
    scene = moving_scene()
    perfect, false = score(stream(scene, scene)), score(stream(falsify(scene), scene))
    worse = {
        'psnr': false['real/psnr'] < 35,
        'ssim': false['real/ssim'] < 0.9,
        'tof': false['real/tof'] > 1,
        'warp_error': false['real/warp_error'] > 10 * perfect['real/warp_error'],
    }
    assert caught_by <= {name for name, caught in worse.items() if caught}, (perfect, false)


def test_a_perfect_copy_ranks_first(score, stream, moving_scene):
    scene = moving_scene()
    perfect = score(stream(scene, scene))
    for falsify in (frozen, noise_overlay, heavy_blur, delayed, swapped_channels):
        false = score(stream(falsify(scene), scene))
        for name in ('psnr', 'psnr_y', 'ssim'):
            assert perfect[f'real/{name}'] > false[f'real/{name}'], (falsify.__name__, name)
        assert perfect['real/tof'] <= false['real/tof'], falsify.__name__
    assert (perfect['real/psnr'], perfect['real/ssim'], perfect['real/tof']) == (100, pytest.approx(1), 0)


@pytest.mark.parametrize('falsify', [frozen, noise_overlay])
def test_virtual_video_without_ground_truth(falsify, stream, moving_scene):
    scene = moving_scene()
    evaluator = Evaluator({'type': 'WarpError', 'domain': 'virtual'})
    evaluator.process(stream(falsify(scene), scene, domain='virtual'))
    values = evaluator.evaluate(len(scene))
    assert values['virtual/warp_error'] > 10 * values['virtual/warp_error_input']
