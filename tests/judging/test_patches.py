import numpy as np
import pytest
import torch

from photoreal.datasets.writers import write_image
from photoreal.judging.footage import open_footage
from photoreal.judging.patches import (
    BLOCKS,
    Patches,
    cut_patches,
    encode,
    jackknife,
    kid,
    share_of_way,
    sliced_wasserstein,
)
from photoreal.metrics.features import FeatureExtractor


def draw(mean, n=120, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32) + mean
    return Patches(vectors, np.arange(n) * BLOCKS // n)


@pytest.fixture
def folder(tmp_path):
    """20 frames 40x24 whose pixels hold the frame's number, column and row."""
    rows, columns = np.mgrid[:24, :40].astype(np.uint8)
    for i in range(20):
        write_image(tmp_path / f'{i:02d}.png', np.dstack([np.full_like(rows, i), columns, rows]))
    return tmp_path


def test_patches_are_cut_at_the_same_places_of_every_row(folder):
    footage = open_footage(folder)
    images, blocks = cut_patches([footage], 24, frames=5, crops=2, side=8)
    again, _ = cut_patches([footage], 24, frames=5, crops=2, side=8)
    np.testing.assert_array_equal(images, again)
    assert images.shape == (10, 8, 8, 3)
    assert images[::2, 0, 0, 0].tolist() == [0, 5, 10, 14, 19]
    assert len(np.unique(images[:, 0, 0, 1:], axis=0)) > 5
    np.testing.assert_array_equal(images[3, :, :, 1], images[3, 0, 0, 1] + np.arange(8)[None].repeat(8, 0))
    assert blocks.tolist() == [0, 0, 2, 2, 5, 5, 7, 7, 9, 9]


def test_frames_come_to_the_height_of_the_render_first(folder):
    images, _ = cut_patches([open_footage(folder)], 12, frames=1, crops=1, side=12)
    step = np.diff(images[0, :, 0, 2].astype(int))
    assert step.mean() == pytest.approx(2, abs=0.1)


def test_a_vector_tells_direction_and_not_length():
    class Mean(FeatureExtractor):
        name, side = 'mean', 8

        def to(self, device):
            return self

        def __call__(self, images):
            return images.mean((2, 3))

    images = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 200)])
    vectors = encode((images, np.arange(2)), Mean(), torch.device('cpu')).vectors
    np.testing.assert_allclose(vectors, 1, rtol=1e-4)


@pytest.mark.parametrize('distance', [kid, sliced_wasserstein])
def test_a_set_that_is_further_away_has_a_larger_distance(distance):
    real = draw(0).vectors
    near, far = (distance(draw(mean, seed=1).vectors, real) for mean in (0.3, 1.0))
    assert distance(draw(0, seed=2).vectors, real) < near < far


def test_sliced_wasserstein_is_in_deviations_and_takes_sets_of_any_size():
    wide = np.random.default_rng(0).standard_normal((4000, 1)).astype(np.float32)
    assert sliced_wasserstein(2 * wide[:1500] + 1, 2 * wide) == pytest.approx(0.5, abs=0.05)


def test_the_share_of_the_way_is_nothing_for_the_render_and_all_for_real_frames():
    render, real, held_out = draw(1.0, seed=1), draw(0), draw(0, seed=2)
    share = share_of_way(kid)
    for row, low, high in ((render, 0, 0), (held_out, 1, 1), (draw(0.5, seed=3), 0.2, 0.95)):
        found = jackknife(share, [row, render], [held_out], [real])
        assert low - 1e-9 <= found.value <= high + 1e-9
    assert found.error > 0


def test_an_interval_covers_what_other_draws_give():
    found = jackknife(kid, [draw(0.5, seed=1)], [draw(0)])
    others = [kid(draw(0.5, seed=2 + i).vectors, draw(0, seed=50 + i).vectors) for i in range(20)]
    assert np.mean(np.abs(np.array(others) - np.mean(others)) < found.error) > 0.8
    assert found.error < 4 * np.std(others)


def test_one_stretch_has_no_interval():
    lone = Patches(draw(0).vectors, np.zeros(120, int))
    assert jackknife(kid, [lone], [draw(1)]).error is None
