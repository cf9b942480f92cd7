"""A camera's effects, each by itself."""

import json
from dataclasses import replace

import numpy as np
import pytest

from photoreal.camera import Camera, CameraSettings
from photoreal.camera.settings import EFFECTS
from photoreal.errors import ConfigError
from photoreal.inference.control import Control, Layers, compose
from tests.camera import scenes

GREY = np.full((256, 320, 3), 128, np.uint8)


def film(frame: np.ndarray, index: int = 0, seed: int = 0, **settings: float) -> np.ndarray:
    """(H, W, 3) float64, in levels of 255."""
    return Camera(CameraSettings(**settings), seed).film(frame, index).astype(float)


def picture(height: int = 96, width: int = 128) -> np.ndarray:
    return np.ascontiguousarray(scenes.canvas(height=height, width=width)[::scenes.FINE, ::scenes.FINE])


def test_all_switched_off_changes_nothing():
    frame = picture()
    assert np.array_equal(film(frame), frame)


@pytest.mark.parametrize('settings', [dict(noise=0.01), dict(blur=0.01, vignette=0.3, bloom=0.2, glare=0.2),
                                      dict(rolloff=0.1), dict(aberration=0.01)])
def test_the_frame_itself_is_left_alone(settings):
    frame = picture()
    kept = frame.copy()
    film(frame, **settings)
    assert np.array_equal(frame, kept)


def test_blur_spreads_an_edge_and_keeps_its_light():
    edge = np.zeros((101, 101, 3), np.uint8)
    edge[:, 50:] = 240
    blurred = film(edge, blur=2 / 101)[50, :, 0]
    slope, at = np.diff(blurred), np.arange(100) - 49.0
    assert slope.sum() == 240 and (slope * at**2).sum() / slope.sum() == pytest.approx(4, rel=0.06)


@pytest.mark.parametrize('shot', [0.0, 0.0012, -0.0003])
def test_noise_depends_on_brightness_as_told(shot):
    for level in (64, 128, 200):
        found = (film(np.full((256, 320, 3), level, np.uint8), noise=0.02, shot=shot) - level).std() / 255
        assert found == pytest.approx((0.02**2 + shot * level / 255)**0.5, rel=0.05)


def test_glare_scatters_light_and_keeps_its_sum():
    frame = np.full((256, 320, 3), 60, np.uint8)
    assert np.abs(film(frame, glare=0.3) - 60).max() <= 1  # of even light as much comes as goes
    frame[96:160, 128:192] = 250
    veiled = film(frame, glare=0.3)
    assert veiled[128, 160, 0] < 247 and veiled[128, 200, 0] > 75  # within, and beside it
    assert veiled[128, 200, 0] > veiled[128, 240, 0] > veiled[128, 310, 0] - 1
    light = np.square(veiled).mean() / np.square(frame.astype(float)).mean()
    assert light == pytest.approx(1, abs=0.03)


def test_grain_makes_neighbours_alike():
    for grain, expected in ((0.0, 0.0), (0.8, 0.677)):  # exp(-1 / (4 * 0.8^2))
        noise = film(GREY, noise=0.05, grain=grain / 256)[..., 0] - 128
        alike = (noise[:, 1:] * noise[:, :-1]).mean() / np.square(noise).mean()
        assert alike == pytest.approx(expected, abs=0.03)


def test_noise_is_another_one_in_each_frame_and_the_same_in_each_run():
    first, second = (film(GREY, index, noise=0.1) for index in (3, 4))
    assert np.array_equal(film(GREY, 3, noise=0.1), first)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    assert not np.array_equal(film(GREY, 3, noise=0.1, seed=1), first)


def test_noise_is_as_strong_in_all_frames_and_repeats_nowhere_in_one():
    frames = np.stack([film(GREY, index, noise=0.05) - 128 for index in range(12)])
    strengths = frames.std((1, 2, 3))
    assert np.ptp(strengths) < 0.02 * strengths.mean()
    alike = np.fft.irfft2(np.abs(np.fft.rfft2(frames[0, ..., 0]))**2)
    assert np.abs(alike.ravel()[1:]).max() < 0.05 * alike[0, 0]


def test_corners_lack_the_light_that_the_vignette_takes():
    white = film(np.full((65, 97, 3), 255, np.uint8), vignette=0.3)[..., 0]
    assert white[32, 48] == 255
    for corner in (white[0, 0], white[-1, -1]):
        assert corner == pytest.approx(0.7 * 255, abs=0.6)


def test_red_is_larger_than_blue():
    frame = np.zeros((201, 201, 3), np.uint8)
    frame[98:103, 178:183] = 255  # 80 pixels from the middle
    light = film(frame, aberration=0.02).sum(0)  # (W, 3)
    red, green, blue = (light * np.arange(201)[:, None]).sum(0) / light.sum(0)
    assert (red - green, blue - green) == (pytest.approx(1.6, abs=0.1), pytest.approx(-1.6, abs=0.1))


def test_highlights_glow_and_the_rest_does_not():
    frame = np.full((96, 128, 3), 76, np.uint8)
    assert np.array_equal(film(frame, bloom=0.2), frame)
    frame[40:56, 56:72] = 255
    lit = film(frame, bloom=0.2)[..., 0] - frame[..., 0]
    assert lit[48, 76] > 2 and lit[48, 120] < lit[48, 76] / 4


def test_roll_off_brings_white_down_and_leaves_the_rest():
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 4))[:, :3][None].repeat(4, 0)
    curve = film(ramp, rolloff=0.1)[0, :, 0]
    assert curve[255] == pytest.approx(0.9 * 255, abs=0.6) and np.array_equal(curve[:204], np.arange(204))
    assert (np.diff(curve) >= 0).all() and curve[230] < 230


def test_what_moves_is_smeared_along_its_way_and_nowhere_else():
    """A shutter that is open half of the time smears what moves by 8 pixels over 4."""
    rng = np.random.default_rng(0)
    texture = rng.integers(30, 220, (24, 60), np.uint8)
    wide = np.repeat(np.repeat(texture, 8, 0), 8, 1)[..., None].repeat(3, 2)
    frames = [np.ascontiguousarray(wide[:192, start:start + 320]) for start in (40, 48)]
    shoot = Camera(CameraSettings(shutter=0.5)).take()
    first, second = (shoot(frame)[40:-40, 80:-80, 0].astype(float) for frame in frames)
    assert np.array_equal(first, frames[0][40:-40, 80:-80, 0]), 'nothing is known of how the first frame moves'
    sharp = frames[1][40:-40, 80:-80, 0].astype(float)
    assert np.abs(np.diff(second, axis=1)).max() < 0.45 * np.abs(np.diff(sharp, axis=1)).max()
    steps = np.abs(np.diff(sharp, axis=0)).mean(1) > 20
    across, sharp_across = (np.abs(np.diff(frame, axis=0)).mean(1)[steps].mean() for frame in (second, sharp))
    assert across > 0.7 * sharp_across


def test_a_video_is_smeared_by_the_motion_of_its_render():
    rng = np.random.default_rng(0)
    wide = rng.integers(30, 220, (12, 40, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    frames = [np.ascontiguousarray(wide[:, start:start + 256]) for start in (40, 52)]
    still = Layers(frames[1], frames[1], frames[1], 1)
    camera = Camera(CameraSettings(shutter=0.5))
    assert np.array_equal(compose(still, Control(), camera), frames[1])
    moved = compose(replace(still, before=frames[0]), Control(), camera)
    assert np.array_equal(moved, camera.film(frames[1], 1, moving=(frames[1], frames[0])))
    assert np.abs(moved.astype(int) - frames[1]).mean() > 3
    large = np.ascontiguousarray(frames[1].repeat(2, 0).repeat(2, 1))
    larger = compose(replace(still, pred=large, before=frames[0]), Control(), camera)
    small = larger.reshape(192, 2, 256, 2, 3).mean((1, 3))
    assert np.abs(small - moved)[20:-20, 20:-20].mean() < 3, 'a prediction at twice the size is smeared twice as far'


def test_a_cut_does_not_smear():
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (24, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(2)]
    shoot = Camera(CameraSettings(shutter=1.0)).take()
    shoot(frames[0])
    assert np.abs(shoot(frames[1]).astype(int) - frames[1]).mean() < 4


def test_one_camera_serves_frames_of_any_size():
    """What is a share of the height is so of any height."""
    frame = picture(128, 128)
    large = film(np.repeat(np.repeat(frame, 2, 0), 2, 1), blur=0.01)
    small = film(frame, blur=0.01)
    assert np.abs(large.reshape(128, 2, 128, 2, 3).mean((1, 3)) - small).mean() < 2


def test_file_there_and_back(tmp_path):
    settings = CameraSettings(blur=0.002, noise=0.01, shot=0.0003, rolloff=0.04, shutter=0.5)
    settings.save(tmp_path / 'a.json')
    assert CameraSettings.load(tmp_path / 'a.json') == settings


def test_files_of_before_and_null_can_be_read(tmp_path):
    old = dict(blur=0.0016, bloom=0.08, aberration=0.0004, vignette=0.1, noise=0.005, shot=0.0, grain=0.001)
    assert CameraSettings.from_json(json.dumps(old)) == CameraSettings(**old)
    assert CameraSettings.from_json(json.dumps({**old, 'bloom': None})) == CameraSettings(**{**old, 'bloom': 0})


def test_each_effect_has_a_switch():
    everything = CameraSettings(0.002, 0.1, 0.001, 0.1, 0.01, 0.0002, 0.002, 0.05, 0.5)
    assert everything.without('noise') == CameraSettings(0.002, 0.1, 0.001, 0.1, rolloff=0.05, shutter=0.5)
    assert everything.without(*EFFECTS) == CameraSettings()
    with pytest.raises(ConfigError, match="no effect 'vignete'; did you mean 'vignette'"):
        everything.without('vignete')


@pytest.mark.parametrize('text, message', [
    ('{"blurr": 1}', 'cannot be read .*blurr.*expected a JSON object of blur, bloom'), ('[', 'cannot be read'),
    ('[1]', 'cannot be read'), (json.dumps(dict(noise=-1)), 'noise=-1: expected a number of 0 or more'),
    (json.dumps(dict(vignette=1.0)), 'vignette=1.0.*expected shares below 1'),
    (json.dumps(dict(shutter=1.5)), 'shutter=1.5.*shutter of 1 at the most'),
    (json.dumps(dict(noise=0.01, shot=-0.01)), 'below 0 in white')])
def test_wrong_files(tmp_path, text, message):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ConfigError, match=f'camera.*{message}'):
        CameraSettings.load(tmp_path / 'a.json')
    with pytest.raises(ConfigError, match="'.*b.json' does not exist"):
        CameraSettings.load(tmp_path / 'b.json')
