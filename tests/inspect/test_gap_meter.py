"""The meter is at 50 % where the domains are alike, and at 100 % where they differ."""

from pathlib import Path

import numpy as np
import pytest
import torch

from photoreal.datasets.layout import VideoRecord, scan
from photoreal.inspect.gap_meter import GapMeter, GapReading, describe, probe_accuracy
from photoreal.modalities import Blur, Gray, Modality
from tests.datasets.helpers import Copy
from tests.inspect.helpers import frames, put


class Flat(Copy):
    """Shows the same of everything."""

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        return np.full_like(frames, 100)


def videos(root: Path, tint: int, each: int = 4) -> list[VideoRecord]:
    """Real and virtual videos of the same kind; the virtual ones are brighter by `tint`."""
    for number in range(each):
        for domain, more in (('real', 0), ('virtual', tint)):
            seed = 10 * number + (domain == 'real')
            pictures = np.clip(frames(seed, 8).astype(int) // 2 + more, 0, 255).astype(np.uint8)
            put(root, f'train/{domain}/v{number}', pictures)
    return scan(root, 'train', ['real', 'virtual'], {})


def readings(found: list[VideoRecord], **modalities: Modality) -> dict[str, GapReading]:
    return {reading.name: reading for reading in GapMeter(modalities).measure(found)}


def test_domains_of_different_brightness_are_told_by_frames_and_not_where_it_is_hidden(tmp_path: Path) -> None:
    found = readings(videos(tmp_path, 90), blur=Blur(), flat=Flat())
    assert list(found) == ['frames', 'blur', 'flat']
    assert found['frames'].accuracy > 0.95 and found['blur'].accuracy > 0.95
    assert found['flat'].accuracy == 0.5
    assert found['frames'].by_video


def test_domains_that_are_alike_are_told_no_better_than_real_videos_from_each_other(tmp_path: Path) -> None:
    found = readings(videos(tmp_path, 0))['frames']
    assert found.accuracy < 0.75


def test_few_videos_are_judged_by_their_parts_in_both_numbers(tmp_path: Path) -> None:
    found = readings(videos(tmp_path, 90, each=2))['frames']
    assert not found.by_video
    assert found.accuracy > 0.95 and 0.5 <= found.within_real <= 1


def test_one_real_video_cannot_be_compared_with_another(tmp_path: Path) -> None:
    assert readings(videos(tmp_path, 90, each=1))['frames'].within_real is None


def test_one_domain_alone_has_no_gap(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(0))
    assert GapMeter({}).measure(scan(tmp_path, 'train', ['real'], {})) == []


@pytest.mark.parametrize(('accuracy', 'within', 'verdict'), [
    (0.6, None, 'small'), (0.6, 0.5, 'small'), (0.89, 0.9, 'as in real'), (0.95, 0.91, 'as in real'),
    (0.75, 0.6, 'some'), (0.75, None, 'some'), (0.9, 0.6, 'wide'), (1.0, None, 'wide')])
def test_readings_in_a_word(accuracy: float, within: float | None, verdict: str) -> None:
    assert GapReading('frames', accuracy, within, (8, 8), True).verdict == verdict


def test_readings_repeat_themselves(tmp_path: Path) -> None:
    found = videos(tmp_path, 20, each=2)
    assert readings(found, gray=Gray()) == readings(found, gray=Gray())


def test_neighbours_do_not_leak_through_the_folds() -> None:
    """Labels that follow no rule, the same descriptors in runs: held-out runs cannot be guessed."""
    rng = np.random.default_rng(0)
    blocks = np.repeat(np.arange(40), 25)
    descriptors = rng.normal(size=(40, 30))[blocks] + 0.01 * rng.normal(size=(1000, 30))
    labels = rng.permutation(40)[blocks] % 2 == 0
    assert probe_accuracy(descriptors, labels, blocks % 4) < 0.7
    assert probe_accuracy(descriptors, labels, np.arange(1000) % 4) > 0.9, 'this is what leaking would look like'


def test_classes_weigh_the_same() -> None:
    descriptors = np.zeros((100, 3))
    labels = np.arange(100) < 90
    assert probe_accuracy(descriptors, labels, np.arange(100) % 4) == 0.5


def test_a_class_in_one_fold_only_cannot_be_judged() -> None:
    assert probe_accuracy(np.zeros((10, 2)), np.arange(10) < 5, np.arange(10) // 5) is None


@pytest.mark.parametrize(('channels', 'side'), [(1, 64), (3, 64), (19, 32), (2, 1)])
def test_descriptors_are_finite_for_any_patch(channels: int, side: int) -> None:
    found = describe(torch.rand(5, channels, side, side))
    assert found.shape[0] == 5 and np.isfinite(found[:, :channels]).all()
    assert np.isfinite(found).all()
