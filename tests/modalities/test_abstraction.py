"""Frames without texture, and their lines."""

import importlib.util

import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.modalities import Guided, Kuwahara, LineDrawing, Modality, Palette, Precomputed, Superpixels
from photoreal.testing.modality import ModalityContract, street_frames


class TestKuwahara(ModalityContract):
    def make(self):
        return Kuwahara(radius=(1, 4))


class TestGuided(ModalityContract):
    def make(self):
        return Guided(radius=(1, 5))


class TestSuperpixels(ModalityContract):
    def make(self):
        return Superpixels(size=(4, 9))


class TestLineDrawing(ModalityContract):
    def make(self):
        return LineDrawing()


class TestPalette(ModalityContract):
    def make(self):
        return Palette()


def halves(noise: float) -> np.ndarray:
    """A dark and a bright half with noise: (1, H, W, 3)."""
    frame = np.full((1, 40, 60, 3), 60.0)
    frame[:, :, 30:] = 180
    return np.clip(frame + np.random.default_rng(0).normal(0, noise, frame.shape), 0, 255).astype(np.uint8)


def made(modality: Modality, frames: np.ndarray) -> np.ndarray:
    return modality.compute(frames, **modality.sample(None))[0].astype(float)


@pytest.mark.parametrize('modality', [Kuwahara(radius=5), Guided(radius=6, contrast=15), Superpixels(size=10)])
def test_texture_goes_and_edges_stay(modality):
    frames = halves(8)
    found = made(modality, frames)
    for left, right in ((4, 24), (36, 56)):
        assert found[8:32, left:right].std() < 0.45 * frames[0, 8:32, left:right].astype(float).std()
    step = np.diff(found.mean((0, 2)))
    assert step[28:31].sum() > 0.8 * 120, 'the edge is blurred'


def test_kuwahara_by_hand():
    frame = np.zeros((1, 7, 9, 3), np.uint8)
    frame[0, :, 5:] = 90
    frame[0, 3, 5] = 9
    found = made(Kuwahara(radius=2), frame)
    assert (found[3, 4] == 0).all()  # the squares to the left are even, those to the right hold the edge
    assert (found[3, 7] == 90).all()
    assert (found[3, 5] == 81).all()  # 8 pixels of 90 and one of 9


def test_guided_keeps_what_is_far_above_its_contrast_and_levels_what_is_below():
    frames = street_frames(np.random.default_rng(0), 1, 40, 60)[..., :1].repeat(3, axis=-1)
    assert np.abs(made(Guided(radius=3, contrast=0.1), frames) - frames[0]).max() <= 1
    flat = made(Guided(radius=3, contrast=2000), frames)
    assert np.abs(np.diff(flat, axis=1)).mean() < 0.4 * np.abs(np.diff(frames[0].astype(float), axis=1)).mean()


def test_superpixels_are_areas_of_one_colour():
    found = made(Superpixels(size=10), street_frames(np.random.default_rng(0), 1, 40, 60)).astype(int)
    assert 8 <= len(np.unique(found.reshape(-1, 3), axis=0)) <= 40


def test_superpixels_without_scikit_image(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='pip install scikit-image'):
        Superpixels()


def test_superpixels_can_be_computed_beforehand():
    assert Precomputed('flat', dict(type='Superpixels')).channels == 3


def test_lines_are_dark_on_white_paper():
    found = made(LineDrawing(sigma=1, sharpness=20, level=0.2), halves(0))[..., 0]
    assert (found[:, :20] > 200).all() and (found[:, 40:] > 200).all()
    assert found[:, 26:30].min() < 100, 'there is no line at the edge'
    shadow = made(LineDrawing(level=0.5, softness=20), halves(0))[..., 0]
    assert (shadow[:, :20] < 60).all() and (shadow[:, 40:] == 255).all()


def test_a_palette_has_a_colour_for_each_level():
    ramp = np.arange(256, dtype=np.uint8)[None, None, :, None].repeat(3, axis=-1)
    palette = Palette(levels=4, sigma=0)
    grey = made(palette, ramp)[0]
    np.testing.assert_array_equal(grey[[0, 63, 64, 191, 192, 255], 0], [0, 0, 85, 170, 255, 255])
    clips = [palette.sample(np.random.default_rng(seed))['colours'] for seed in range(3)]
    for colours in clips:
        found = palette.compute(ramp, colours=colours)[0, 0]
        np.testing.assert_array_equal(found[::64], colours)
    assert clips[0] != clips[1]
