"""The structure guard on predictions of the shipped models: nearly all of a fault goes back, nearly nothing else."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from photoreal.bundle import load_model
from photoreal.datasets.sources import open_source
from photoreal.inference import Control, Layers, VideoEnhancer, compose
from photoreal.inference.structure import StructureGuard
from tests import tiny

FRAMES = 4
CASES = [('photoreal_any', 'street'), ('drive_realtime', 'street'),
         *(pytest.param(model, 'boulevard', marks=pytest.mark.slow) for model in ('photoreal_any', 'drive_realtime'))]
Fault = Callable[[np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]


@cache
def predictions(name: str, clip: str) -> list[Layers]:
    model = load_model(tiny.ROOT / f'examples/models/{name}.safetensors')
    folder = tiny.ROOT / 'examples/sample' / clip
    labels = {} if name == 'photoreal_any' else {
        'segmentation': open_source(folder, 'segmentation').read(range(FRAMES), raw=True)}
    return list(VideoEnhancer(model, 'cpu', 'fp32').layers(open_source(folder, 'frames').read(range(FRAMES)), labels))


def weight(doubt: np.ndarray, like: np.ndarray) -> np.ndarray:
    """How far each pixel goes back."""
    black, white = np.zeros_like(like), np.full_like(like, 255)
    return compose(Layers(black, white, black, doubt=doubt), Control(guard=1))[..., 0] / 255


def pasted(preds: np.ndarray, i: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A patch of another place of another frame."""
    rng, (height, width) = np.random.default_rng(seed), preds.shape[1:3]
    h, w = height * 3 // 10, height * 36 // 100
    y, x = rng.integers(height - h), rng.integers(width - w)
    from_y, from_x = (y + height // 3) % (height - h), (x + width // 3) % (width - w)
    made, where = preds[i].copy(), np.zeros((height, width), bool)
    where[y:y + h, x:x + w] = True
    made[y:y + h, x:x + w] = preds[(i + 2) % len(preds), :, ::-1][from_y:from_y + h, from_x:from_x + w]
    return made, where


def clouded(preds: np.ndarray, i: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An orange cloud with soft edges in the sky."""
    height, width = preds.shape[1:3]
    y, x = np.mgrid[:height, :width]
    middle = width * (0.45 + 0.1 * np.random.default_rng(seed).random())
    away = ((y - 0.12 * height) / (0.1 * height)) ** 2 + ((x - middle) / (0.18 * height)) ** 2
    thick = np.clip(1.6 * (1.25 - away), 0, 1)[..., None]
    made = preds[i] + 0.6 * thick * (np.array([240, 140, 40]) - preds[i])
    return made.round().astype(np.uint8), thick[..., 0] > 0.5


def meshed(preds: np.ndarray, i: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lines every four pixels, both ways."""
    rng, (height, width) = np.random.default_rng(seed), preds.shape[1:3]
    h, w = height * 3 // 10, height * 4 // 10
    top, left = rng.integers(height - h), rng.integers(width - w)
    where = np.zeros((height, width), bool)
    where[top:top + h, left:left + w] = True
    y, x = np.mgrid[:height, :width]
    lines = (y % 4 == 0) | (x % 4 == 0)
    return (preds[i] + 40.0 * (where * (lines - lines.mean()))[..., None]).clip(0, 255).round().astype(np.uint8), where


@pytest.mark.parametrize('fault', [pasted, clouded, meshed])
@pytest.mark.parametrize('name, clip', CASES)
def test_faults_go_back_and_the_rest_stays(name, clip, fault: Fault):
    layers = predictions(name, clip)
    preds = np.stack([one.pred for one in layers])
    back, rest = [], []
    for seed in range(3):
        guard = StructureGuard()
        for i, one in enumerate(layers):
            made, where = fault(preds, i, seed)
            gone = weight(guard.watch(one.looked, made), made) >= 0.5
            back.append(gone[where].mean())
            rest.append(gone[~where].mean())
    assert np.mean(back) >= 0.9 and np.mean(rest) <= 0.02, (back, rest)


@pytest.mark.parametrize('name, clip', CASES)
def test_predictions_without_a_fault_stay_as_they_are(name, clip):
    guard = StructureGuard()
    for one in predictions(name, clip):
        assert (weight(guard.watch(one.looked, one.pred), one.pred) > 0).mean() <= 0.02


def test_doubt_comes_at_once_and_goes_over_three_frames():
    layers = predictions('photoreal_any', 'street')
    preds = np.stack([one.pred for one in layers])
    guard, seen = StructureGuard(), []
    for i in (0, 1, 2, 3, 3, 3):
        made, where = meshed(preds, i, 0)
        made = made if i == 1 else preds[i]
        seen.append(weight(guard.watch(layers[i].looked, made), made)[where].mean())
    assert seen[0] < 0.05 < 0.9 < seen[1]
    np.testing.assert_allclose(seen[2:], [seen[1] * 2 / 3, seen[1] / 3, 0, 0], atol=0.08)


def test_the_guard_goes_as_far_back_as_it_is_told_and_no_further():
    layers = predictions('photoreal_any', 'street')
    made, where = meshed(np.stack([one.pred for one in layers]), 1, 0)
    faulty = Layers(layers[1].frame, layers[1].looked, made)
    enhancer = VideoEnhancer(load_model(tiny.ROOT / 'examples/models/photoreal_any.safetensors'), 'cpu',
                             camera_strength=0)
    np.testing.assert_array_equal(enhancer.finish(faulty), made)
    inner = where & ~np.roll(where, 12, (0, 1)) | where & np.roll(where, 12, (0, 1))
    error = []
    for enhancer.guard in (0.0, 0.5, 1.0):
        error.append(np.abs(enhancer.finish(faulty)[inner].astype(int) - faulty.looked[inner]).mean())
    assert error[0] > 10 and error[1] == pytest.approx(error[0] / 2, rel=0.1) and error[2] < 0.1 * error[0]


def test_a_frame_smaller_than_the_cells_is_watched_too():
    tiny_frame = np.full((3, 5, 3), 90, np.uint8)
    assert StructureGuard().watch(tiny_frame, tiny_frame).max() == 0
