"""Cameras come back, within their error bars, from footage that they have filmed."""

from functools import cache

import numpy as np
import pytest

from photoreal.camera import CameraSettings, fit_camera
from photoreal.errors import DataError
from tests.camera import scenes
from tests.camera.scenes import HEIGHT, WIDTH

LENS = dict(blur=0.6 / HEIGHT)


@cache
def scene() -> np.ndarray:
    return scenes.canvas()


@pytest.mark.slow
@pytest.mark.parametrize('settings, widest', [
    (dict(blur=0.5 / HEIGHT), dict(blur=0.25 / HEIGHT)),
    (dict(blur=1.2 / HEIGHT), dict(blur=0.25 / HEIGHT)),
    (dict(**LENS, shutter=0.5), dict(shutter=0.15)),
    (dict(**LENS, vignette=0.25), dict(vignette=0.05)),
    (dict(**LENS, bloom=0.12), dict(bloom=0.05)),
    (dict(**LENS, aberration=0.003), dict(aberration=0.0005)),
    (dict(**LENS, rolloff=0.06), dict(rolloff=0.02)),
    (dict(**LENS, noise=0.015, shot=0.0004, grain=0.7 / HEIGHT), dict(noise=0.004, grain=0.25 / HEIGHT)),
    (dict(**LENS, noise=0.012, shot=-0.0001), dict(noise=0.003)),
    (dict(blur=0.8 / HEIGHT, noise=0.01, shot=0.0002, grain=0.6 / HEIGHT, shutter=0.5, vignette=0.2, bloom=0.1,
          aberration=0.002, rolloff=0.05), dict(shutter=0.4, vignette=0.06, bloom=0.08, aberration=0.0006))],
    ids=['soft', 'softer', 'shutter', 'vignette', 'bloom', 'aberration', 'rolloff', 'noise', 'dark noise', 'all'])
def test_each_effect_comes_back_within_its_error(settings, widest):
    camera = CameraSettings(**settings)
    fit = fit_camera(scenes.shots(camera, scene=scene()))
    for name, value in fit.values.items():
        true = (camera.noise**2 + camera.shot / 2)**0.5 if name == 'noise' else getattr(camera, name)
        assert abs(value - true) <= fit.errors[name], f'{name}: {value} ± {fit.errors[name]}, expected {true}'
        if name not in ('blur', 'noise', 'grain') and not true:
            assert getattr(fit.settings, name) == 0, f'{name} is on'
    for name, most in widest.items():
        assert fit.used(name) and fit.errors[name] < most, f'{name} ± {fit.errors[name]}'
    for level, deviation, error in fit.noise:
        if level < 1 - 3 * camera.rolloff and level < 0.75:
            assert abs(deviation - (camera.noise**2 + camera.shot * level)**0.5) <= error + 0.002


def still(settings: CameraSettings, number: int = 6) -> list[list[np.ndarray]]:
    """A camera that stands still before a scene that is bright above and dark below, as a sky and a road."""
    return scenes.shots(settings, number, fastest=0.0, scene=sky())


def sky() -> np.ndarray:
    picture = np.full((3 * HEIGHT * scenes.FINE, 3 * WIDTH * scenes.FINE, 3), 60, np.uint8)
    picture[:len(picture) // 2] = 190
    return picture


def test_what_does_not_move_tells_of_noise_and_not_of_the_lens_s_shadow():
    fit = fit_camera(still(CameraSettings(vignette=0.3, shutter=0.5, noise=0.02)))
    for name in ('vignette', 'bloom', 'shutter'):
        assert getattr(fit.settings, name) == 0 and fit.errors[name] > 0.5, f'{name} ± {fit.errors[name]}'
    assert fit.settings.noise == pytest.approx(0.02, rel=0.1)


def test_a_texture_is_no_noise():
    """What is fine and lies still in the scene is in both frames, and moves along."""
    rng = np.random.default_rng(0)
    texture = rng.normal(120, 40, (2 * HEIGHT, 2 * WIDTH)).clip(0, 255).astype(np.uint8)
    texture = np.repeat(np.repeat(np.repeat(texture, scenes.FINE, 0), scenes.FINE, 1)[..., None], 3, axis=2)
    calm = slice(HEIGHT * scenes.FINE, None)
    texture[calm, calm] = 120
    fit = fit_camera(scenes.shots(CameraSettings(noise=0.008), 6, fastest=3.0, scene=texture))
    assert fit.values['noise'] == pytest.approx(0.008, rel=0.2)


def test_single_pictures_tell_what_needs_no_motion():
    fit = fit_camera([shot[:1] for shot in scenes.shots(CameraSettings(**LENS, noise=0.02), 4, scene=scene())])
    assert fit.shots == 4 and fit.used('blur')
    for name in ('noise', 'grain', 'vignette', 'bloom', 'shutter'):
        assert np.isinf(fit.errors[name]) and getattr(fit.settings, name) == 0
    assert not fit.noise


@pytest.mark.parametrize('shots, message', [
    ([], 'two moments of footage or more; found 0'),
    ([[np.zeros((24, 64, 3), np.uint8)]] * 2, '64x24 pixels'),
    ([[np.zeros((64, 64, 3), np.uint8)], [np.zeros((96, 64, 3), np.uint8)]], 'one size; found 64x64, 64x96'),
    ([[np.zeros((64, 64, 3), np.uint8), np.zeros((96, 64, 3), np.uint8)]], 'one size; found 64x64 and 64x96')])
def test_footage_that_is_none(shots, message):
    with pytest.raises(DataError, match=message):
        fit_camera(shots)
