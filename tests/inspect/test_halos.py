"""Sharpened edges are told from plain ones."""

import cv2
import numpy as np
import pytest

from photoreal.inspect.halos import EdgeProfile
from photoreal.testing.modality import street_frames


def overshoot(sharpening: float, noise: float = 3) -> float | None:
    rng = np.random.default_rng(0)
    profile = EdgeProfile()
    for _ in range(4):
        frame = np.full((160, 240, 3), 90, np.float32)
        for x, y, radius in rng.uniform(30, 130, (6, 3)):
            cv2.circle(frame, (int(x * 1.6), int(y)), int(radius / 3), [float(rng.uniform(120, 200))] * 3, cv2.FILLED)
        frame = cv2.GaussianBlur(frame, (0, 0), 1)
        frame += sharpening * (frame - cv2.GaussianBlur(frame, (0, 0), 1.5))
        profile.add(np.clip(frame + rng.normal(0, noise, frame.shape), 0, 255).astype(np.uint8))
    return profile.overshoot()


@pytest.mark.parametrize('noise', [0, 3, 6])
def test_plain_edges_do_not_overshoot(noise: float) -> None:
    assert overshoot(0, noise) < 0.05


def test_sharpened_edges_overshoot_by_how_much_they_were_sharpened() -> None:
    assert overshoot(0.5) < overshoot(1) < overshoot(2)
    assert overshoot(2) > 0.15


def test_too_few_edges_tell_nothing() -> None:
    profile = EdgeProfile()
    assert profile.overshoot() is None
    profile.add(np.full((40, 40, 3), 128, np.uint8))
    profile.add(np.zeros((3, 5, 3), np.uint8))
    assert profile.overshoot() is None and profile.median() is None


def test_the_profile_runs_from_dark_to_bright() -> None:
    profile = EdgeProfile()
    for seed in range(8):
        profile.add(street_frames(np.random.default_rng(seed), 1, 160, 240)[0])
    median = profile.median()
    assert median[:4].mean() == pytest.approx(0, abs=0.03) and median[-4:].mean() == pytest.approx(1, abs=0.03)
