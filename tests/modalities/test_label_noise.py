"""Label maps that are degraded in training, and only there."""

import cv2
import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.modalities import LabelMap
from photoreal.modalities.label_noise import NO_CLASS, LabelNoise
from photoreal.testing.modality import ModalityContract

CLASSES = 6


def areas(rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
    """Labels (T, H, W, 1) of areas with smooth borders, void among them."""
    coarse = rng.choice(np.array([0, 1, 2, 3, 4, 5, NO_CLASS], np.uint8), (length, 4, 5))
    return np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST) for one in coarse])[..., None]


class Degraded(ModalityContract):
    degrade = {}

    def make(self):
        return LabelMap(num_classes=CLASSES, ignore=NO_CLASS, degrade=self.degrade)

    maps = staticmethod(areas)


class TestDegraded(Degraded):
    degrade = dict(prob=0.8, warp=(0, 3), erode=(0, 2), merge=0.2, drop=0.2)


class TestDegradedWithoutWarp(Degraded):
    degrade = dict(erode=(1, 3), merge=0.3, drop=0.1)

    def test_it_is_exact(self):
        assert self.make().exact_crop and self.make().margin == 3


LABELS = areas(np.random.default_rng(1), 3, 60, 90)


def degraded(seed: int = 0, **config) -> np.ndarray:
    modality = LabelMap(num_classes=CLASSES, ignore=NO_CLASS, degrade=config)
    return modality.compute(LABELS, **modality.sample(np.random.default_rng(seed)))


def test_nothing_happens_outside_training():
    modality = LabelMap(num_classes=CLASSES, ignore=NO_CLASS, degrade=dict(warp=5, erode=2, merge=1, drop=1))
    np.testing.assert_array_equal(modality.compute(LABELS, **modality.sample(None)), LABELS)


def test_what_is_left_out_is_not_done():
    np.testing.assert_array_equal(degraded(), LABELS)


def test_some_clips_stay_as_they_are():
    same = [np.array_equal(degraded(seed, prob=0.3, erode=2), LABELS) for seed in range(100)]
    assert 0.55 < np.mean(same) < 0.85


def test_warp_moves_labels_a_little_and_smoothly():
    place = np.arange(256, dtype=np.uint8).reshape(1, 1, 256, 1).repeat(64, axis=1)  # the value tells the column
    noise = LabelNoise.parse(dict(warp=4, spacing=32), CLASSES)
    found = noise.apply(place.repeat(2, axis=0), **noise.sample(np.random.default_rng(0))).astype(int)
    move = found - place
    np.testing.assert_array_equal(found[0], found[1])  # alike over the clip
    assert np.abs(move).max() <= 4 and move.min() < -1 and move.max() > 1
    assert np.abs(np.diff(move[0, ..., 0], axis=0)).max() <= 1  # neighbours move alike


def test_a_warp_of_a_crop_with_its_margin_has_no_rim():
    """The border may show only where the frame ends: the margin must cover what is moved in."""
    noise = LabelNoise.parse(dict(warp=6, spacing=8), CLASSES)
    inside = np.full((1, 80, 80, 1), 1, np.uint8)
    inside[:, noise.margin:-noise.margin, noise.margin:-noise.margin] = 0
    for seed in range(5):
        found = noise.apply(inside, **noise.sample(np.random.default_rng(seed)))
        assert set(np.unique(found)) == {0, 1}
        far = 2 * noise.margin
        assert (found[:, far:-far, far:-far] == 0).all()


def test_borders_are_eroded():
    found = degraded(erode=2)
    height, width = LABELS.shape[1:3]
    for y in range(2, height - 2, 5):
        for x in range(2, width - 2, 3):
            around = LABELS[0, y - 2:y + 3, x - 2:x + 3, 0]
            wanted = around[2, 2] if (around == around[2, 2]).all() else NO_CLASS
            assert found[0, y, x, 0] == wanted


def test_classes_are_dropped_and_merged_whole():
    dropped = {seed: degraded(seed, drop=0.5) for seed in range(6)}
    for found in dropped.values():
        assert all(set(np.unique(found[LABELS == number])) in ({number}, {NO_CLASS}) for number in np.unique(LABELS))
    assert len({found.tobytes() for found in dropped.values()}) > 3
    merged = degraded(3, merge=1)
    assert all(len(np.unique(merged[LABELS == number])) == 1 for number in np.unique(LABELS))
    assert (merged[LABELS == NO_CLASS] == NO_CLASS).all() and (merged[LABELS != NO_CLASS] < CLASSES).all()
    shares = [(degraded(seed, drop=0.3) == NO_CLASS)[LABELS != NO_CLASS].mean() for seed in range(100)]
    assert 0.2 < np.mean(shares) < 0.4


@pytest.mark.parametrize('config, message', [
    (dict(wrap=1), "no key 'wrap'; did you mean 'warp'"), (dict(drop=1.5), 'degrade.drop=1.5'),
    (dict(warp=(3, 1)), 'degrade.warp'), (dict(erode=0.5), 'degrade.erode'), (dict(spacing=1), 'degrade.spacing=1')])
def test_faults(config, message):
    with pytest.raises(ConfigError, match=message):
        LabelMap(degrade=config)
