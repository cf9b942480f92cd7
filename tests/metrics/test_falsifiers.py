"""Predictions that are wrong in a known way have to score badly somewhere in the default set, and a perfect copy best.

The warping error alone is not asked to rank the copy first: it rewards blur, and says so.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.evaluator import Evaluator

from photoreal.config import load_config

CONFIG = Path(__file__).parents[2] / 'configs/tecogan_multimodal.py'


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


def copy(scene):
    return scene


FALSIFIERS = (frozen, noise_overlay, heavy_blur, delayed, swapped_channels)


@pytest.fixture(scope='module')
def score(moving_scene, stream):
    """The default set of tools/test.py, of a real video and, made wrong in the same way, a virtual one."""
    metrics = load_config(CONFIG, []).test_evaluator
    metrics = [dict(metric) for metric in metrics]
    next(metric for metric in metrics if metric['type'] == 'Distribution').update(crops=1, frames=4)

    @cache
    def of(falsify):
        real, virtual = moving_scene(), moving_scene(seed=1)
        frames = stream(falsify(real), real) + stream(falsify(virtual), virtual, domain='virtual')
        evaluator = Evaluator(metrics)
        evaluator.process(frames)
        return evaluator.evaluate(len(frames))
    return of


@pytest.mark.parametrize('falsify, caught_by', [
    (frozen, {'psnr', 'ssim', 'tof', 'warp_error', 'flicker', 'squeeze_distance', 'squeeze_temporal'}),
    (noise_overlay, {'psnr', 'ssim', 'warp_error', 'flicker', 'squeeze_distance'}),
    (heavy_blur, {'psnr', 'ssim', 'squeeze_distance'}),
    (delayed, {'psnr', 'ssim', 'squeeze_distance'}),
    (swapped_channels, {'psnr', 'squeeze_distance'}),
], ids=lambda value: getattr(value, '__name__', ''))
def test_falsified_prediction_is_caught(falsify, caught_by, score):
    perfect, false = score(copy), score(falsify)
    worse = {
        'psnr': false['real/psnr'] < 35,
        'ssim': false['real/ssim'] < 0.9,
        'tof': false['real/tof'] > 1,
        'warp_error': false['real/warp_error'] > 10 * perfect['real/warp_error'],
        'flicker': false['real/flicker'] > 2,
        'squeeze_distance': false['real/squeeze_distance'] > 0.03,
        'squeeze_temporal': false['real/squeeze_temporal'] > 3,
    }
    assert caught_by <= {name for name, caught in worse.items() if caught}, (perfect, false)


@pytest.mark.parametrize('falsify, caught_by', [
    (frozen, {'warp_error', 'flicker', 'input_tof', 'edge_f1'}),
    (noise_overlay, {'warp_error', 'flicker'}),
    (heavy_blur, {'edge_f1'}),
    (delayed, {'edge_f1'}),
    (swapped_channels, {'kid'}),
], ids=lambda value: getattr(value, '__name__', ''))
def test_falsified_virtual_video_is_caught_without_ground_truth(falsify, caught_by, score):
    perfect, false = score(copy), score(falsify)
    worse = {
        'warp_error': false['virtual/warp_error'] > 10 * false['virtual/warp_error_input'],
        'flicker': false['virtual/flicker'] > 2,
        'input_tof': false['virtual/input_tof'] > 1,
        'edge_f1': false['virtual/edge_f1'] < 0.9,
        'kid': false['distribution/kid'] > 2 * abs(perfect['distribution/kid']) + 10,
    }
    assert caught_by <= {name for name, caught in worse.items() if caught}, (perfect, false)


def test_a_perfect_copy_ranks_first(score):
    perfect = score(copy)
    for falsify in FALSIFIERS:
        false = score(falsify)
        for name in ('real/psnr', 'real/psnr_y', 'real/ssim', 'virtual/edge_f1'):
            assert perfect[name] > false[name], (falsify.__name__, name)
        assert perfect['real/squeeze_distance'] < false['real/squeeze_distance'], falsify.__name__
        for name in ('real/tof', 'virtual/input_tof', 'real/flicker', 'virtual/flicker', 'real/squeeze_temporal'):
            assert perfect[name] <= false[name] + 1e-3, (falsify.__name__, name)
    assert (perfect['real/psnr'], perfect['real/ssim'], perfect['real/tof']) == (100, pytest.approx(1), 0)
    assert (perfect['virtual/flicker'], perfect['virtual/input_tof'], perfect['virtual/edge_f1']) == (0, 0, 1)
