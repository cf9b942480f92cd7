"""Edges: what counts as one, and the random thresholds."""

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.modalities import Edges
from photoreal.testing.modality import ModalityContract, street_frames


class TestEdges(ModalityContract):
    def make(self):
        return Edges()


def square(contrast: int) -> np.ndarray:
    frames = np.full((1, 48, 48, 3), 60, np.uint8)
    frames[:, 16:32, 16:32] += contrast
    return frames


def test_a_square_gives_its_outline():
    edges = Edges()
    out = edges.compute(square(150), **edges.sample(None))
    assert out.dtype == np.uint8 and set(np.unique(out)) == {0, 1}
    rows, columns = np.nonzero(out[0, ..., 0])
    distance = np.maximum(abs(rows - 23.5), abs(columns - 23.5))  # 8 on the square's outline
    assert (abs(distance - 8) < 2).all()
    assert 50 <= out.sum() <= 80  # one pixel thin, closed
    assert set(edges.encode(torch.from_numpy(out)).unique().tolist()) == {0.0, 1.0}


def test_thresholds_decide():
    assert Edges().compute(square(30), low=20, high=40).any()
    assert not Edges().compute(square(30), low=100, high=250).any()


def test_blur_before_keeps_noise_out():
    noise = np.random.default_rng(0).normal(100, 8, (1, 48, 48, 1)).clip(0, 255).astype(np.uint8).repeat(3, axis=3)
    counts = [int(Edges(sigma=sigma).compute(noise, low=30, high=60).sum()) for sigma in (0, 1.5)]
    assert counts[1] < counts[0] / 4


def test_thresholds_stay_in_range_and_differ_between_clips():
    edges = Edges(low=(20, 40), high_above=(50, 60))
    drawn = [edges.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert all(20 <= p['low'] <= 40 and 50 <= p['high'] - p['low'] <= 60 for p in drawn)
    assert len({p['low'] for p in drawn}) == len({p['high'] - p['low'] for p in drawn}) == 40
    assert Edges().sample(None) == {'low': 60.0, 'high': 160.0}
    assert Edges(low_fixed=10, high_above_fixed=5).sample(None) == {'low': 10.0, 'high': 15.0}


def test_frames_of_a_clip_share_their_thresholds():
    edges = Edges()
    frames = np.repeat(street_frames(np.random.default_rng(0), 1, 40, 40), 3, axis=0)
    out = edges.compute(frames, **edges.sample(np.random.default_rng(1)))
    assert out.any() and (out == out[:1]).all()


@pytest.mark.parametrize('arguments', [{'low': (50, 20)}, {'high_above': -1}, {'sigma': -1}, {'low_fixed': 'x'}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        Edges(**arguments)
