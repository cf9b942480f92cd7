"""Cameras come back from footage that they have filmed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from photoreal.camera import Camera, CameraSettings, fit_camera
from photoreal.errors import DataError

HEIGHT = 192


def scene(count: int = 12, fine: int = 4) -> torch.Tensor:
    """(F, 3, H, W): flat shapes of many greys with upright edges anywhere between pixels, with a shade across each."""
    rng = np.random.default_rng(0)
    frames = np.empty((count, HEIGHT * fine, 256 * fine), np.float32)
    for frame in frames:
        frame[:] = 0.5
        for _ in range(24):
            top, left = rng.integers(0, (HEIGHT - 40) * fine), rng.integers(0, 200 * fine)
            height, width = rng.integers(30 * fine, 90 * fine, 2)
            part = frame[top:top + height, left:left + width]
            part[:] = rng.uniform(0.08, 0.9) + 0.04 * np.linspace(0, 1, part.shape[1])
    return F.avg_pool2d(torch.from_numpy(frames).unsqueeze(1), fine).expand(-1, 3, -1, -1)


def filmed(settings: CameraSettings) -> list[np.ndarray]:
    frames = scene()
    frames = Camera(settings)(frames, torch.arange(len(frames))).clamp(0, 1)
    return list((frames * 255).round().byte().permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize('blur, noise, shot, grain', [
    (0.6, 0.0, 0.0, 0.0), (1.2, 0.0, 0.0, 0.0), (0.5, 0.02, 0.0, 0.0), (0.7, 0.01, 0.0006, 0.0),
    (0.7, 0.015, 0.0003, 0.7)])
def test_what_a_camera_does_is_found_again(blur, noise, shot, grain):
    found = fit_camera(filmed(CameraSettings(blur / HEIGHT, noise=noise, shot=shot, grain=grain / HEIGHT))).settings
    assert found.blur * HEIGHT == pytest.approx(blur, abs=0.2)
    for level in (0.1, 0.5, 0.9):
        expected = np.sqrt(noise**2 + shot * level)
        assert np.sqrt(found.noise**2 + found.shot * level) == pytest.approx(expected, rel=0.15, abs=0.003)
    if noise:
        assert found.grain * HEIGHT == pytest.approx(grain, abs=0.15 if grain else 0.3)


def test_errors_shrink_with_footage():
    frames = filmed(CameraSettings(0.7 / HEIGHT, noise=0.02))
    few, many = fit_camera(frames[:3]), fit_camera(frames)
    assert many.frames == 12 and 0 < many.errors['noise'] < few.errors['noise'] < 0.01


@pytest.mark.parametrize('frames, message', [
    ([], 'two frames or more; found 0'), ([np.zeros((24, 64, 3), np.uint8)] * 2, '64x24 pixels'),
    ([np.zeros((64, 64, 3), np.uint8), np.zeros((96, 64, 3), np.uint8)], r'one size; found heights \[64, 96\]')])
def test_footage_that_is_none(frames, message):
    with pytest.raises(DataError, match=message):
        fit_camera(frames)
