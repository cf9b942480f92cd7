"""A camera's effects, each by itself."""

import json

import pytest
import torch
from torch import Tensor

from photoreal.camera import Camera, CameraSettings
from photoreal.errors import ConfigError
from photoreal.testing.networks import moving_clip


def film(frames: Tensor, *indices: int, seed: int = 0, **settings: float) -> Tensor:
    return Camera(CameraSettings(**settings), seed)(frames, torch.tensor(indices or range(len(frames))))


def test_all_switched_off_changes_nothing():
    frames = moving_clip(1, 2, 3, 48, 64)[0]
    assert torch.equal(film(frames), frames)


def test_blur_spreads_a_point_and_keeps_its_light():
    point = torch.zeros(1, 3, 101, 101)
    point[..., 50, 50] = 1
    spread = film(point, blur=2 / 101)
    assert spread.sum() == pytest.approx(3, rel=1e-3)
    at = torch.arange(101.0) - 50
    assert (spread[0, 0].sum(0) * at**2).sum() ** 0.5 == pytest.approx(2, rel=0.03)


def test_noise_grows_with_brightness_as_told():
    levels = torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1, 1).expand(3, 3, 256, 256)
    found = (film(levels, noise=0.02, shot=0.0012) - levels).std((1, 2, 3))
    expected = (0.02**2 + 0.0012 * torch.tensor([0.0, 0.25, 1.0])) ** 0.5
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0)


def test_grain_makes_neighbours_alike():
    grey = torch.full((1, 3, 256, 256), 0.5)
    for grain, expected in ((0.0, 0.0), (0.8, 0.677)):  # exp(-1 / (4 * 0.8^2))
        noise = film(grey, noise=0.05, grain=grain / 256)[0, 0] - 0.5
        alike = (noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean()
        assert float(alike) == pytest.approx(expected, abs=0.03)


def test_noise_is_another_one_in_each_frame_and_the_same_in_each_run():
    grey = torch.full((2, 3, 64, 700), 0.5)
    first, second = film(grey, 3, 4, noise=0.1)
    assert torch.equal(film(grey[:1], 3, noise=0.1)[0], first), 'a frame has other noise when it is filmed alone'
    assert abs(float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]) - 0.5)[0, 1])) < 0.05
    assert not torch.equal(film(grey[:1], 3, noise=0.1, seed=1)[0], first)


def test_corners_lack_the_light_that_the_vignette_takes():
    white = film(torch.ones(1, 3, 65, 97), vignette=0.3)[0, 0]
    assert white[32, 48] == pytest.approx(1, abs=1e-3)
    for corner in (white[0, 0], white[-1, -1]):
        assert corner == pytest.approx(0.7, abs=1e-3)


def test_red_is_larger_than_blue():
    point = torch.zeros(1, 3, 201, 201)
    point[..., 100, 180] = 1  # 80 pixels from the middle
    found = film(point, aberration=0.02)[0].sum(1)  # (3, W)
    red, green, blue = ((channel * torch.arange(201)).sum() / channel.sum() for channel in found)
    assert (float(red - green), float(blue - green)) == (pytest.approx(1.6, abs=0.3), pytest.approx(-1.6, abs=0.3))


def test_highlights_glow_and_the_rest_does_not():
    frame = torch.full((1, 3, 96, 128), 0.3)
    assert torch.allclose(film(frame, bloom=0.2), frame)
    frame[..., 40:56, 56:72] = 1
    lit = film(frame, bloom=0.2)[0, 0] - frame[0, 0]
    assert lit[48, 76] > 0.005 and lit[48, 120] < lit[48, 76] / 4


def test_one_camera_serves_frames_of_any_size():
    """What is a share of the height is so of any height."""
    settings = dict(blur=0.01)
    large = film(moving_clip(1, 1, 3, 128, 128)[0], **settings)
    small = film(torch.nn.functional.avg_pool2d(moving_clip(1, 1, 3, 128, 128)[0], 2), **settings)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large, 2), small, rtol=0, atol=0.02)


def test_file_there_and_back(tmp_path):
    settings = CameraSettings(blur=0.002, noise=0.01, shot=0.0003)
    settings.save(tmp_path / 'a.json')
    assert CameraSettings.load(tmp_path / 'a.json') == settings


@pytest.mark.parametrize('text, message', [
    ('{"blurr": 1}', 'cannot be read .*blurr.*expected a JSON object of blur, bloom'), ('[', 'cannot be read'),
    (json.dumps(dict(noise=-1)), 'noise=-1: expected a number of 0 or more'),
    (json.dumps(dict(vignette=1.0)), 'vignette=1.0.*expected shares below 1')])
def test_wrong_files(tmp_path, text, message):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ConfigError, match=f'camera.*{message}'):
        CameraSettings.load(tmp_path / 'a.json')
    with pytest.raises(ConfigError, match="'.*b.json' does not exist"):
        CameraSettings.load(tmp_path / 'b.json')
