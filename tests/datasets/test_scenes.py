"""Cuts are found where the picture changes for good, and nowhere else."""

import numpy as np
import pytest

from photoreal.datasets.scenes import CutDetector, find_cuts, shots
from photoreal.testing.modality import street_frames


def shot(seed: int, length: int = 12) -> np.ndarray:
    return street_frames(np.random.default_rng(seed), length, 72, 96)


def test_a_cut_is_the_first_frame_of_the_new_shot() -> None:
    assert find_cuts(np.concatenate([shot(1), shot(2), shot(3, 7)])) == [12, 24]


def test_shots_of_one_frame_are_found() -> None:
    assert find_cuts([shot(1)[0], shot(2)[0]]) == [1]


def test_one_shot_has_no_cuts() -> None:
    assert find_cuts(shot(1, 30)) == []


@pytest.mark.parametrize('length', [0, 1])
def test_too_few_frames_have_no_cuts(length: int) -> None:
    assert find_cuts(shot(1)[:length]) == []


def test_a_flash_is_no_cut() -> None:
    frames = shot(1)
    frames[6] = 255 - frames[6] // 8
    assert find_cuts(frames) == []


def test_fast_motion_is_no_cut() -> None:
    wide = np.concatenate([shot(seed, 1)[0] for seed in range(8)], axis=1)
    assert find_cuts(wide[:, x:x + 96] for x in range(0, 600, 20)) == []


def test_a_fade_is_no_cut() -> None:
    a, b = shot(1)[0].astype(float), shot(2)[0].astype(float)
    fade = [(a * (1 - t) + b * t).astype(np.uint8) for t in np.linspace(0, 1, 25)]
    assert find_cuts(fade) == []


def test_a_jump_within_a_scene_is_a_cut() -> None:
    frames = shot(1, 80)
    assert find_cuts([*frames[:10], *frames[65:75]]) == [10]


@pytest.mark.parametrize('size', [(1, 1), (2, 300), (48, 64)])
def test_any_size_goes(size: tuple[int, int]) -> None:
    black, white = (np.full((*size, 3), value, np.uint8) for value in (0, 255))
    assert find_cuts([black, black, white, white]) == [2]


def test_a_change_of_size_is_a_cut() -> None:
    frames = shot(1)
    assert find_cuts([*frames[:6], *frames[6:, :50]]) == [6]


def test_frames_are_taken_one_by_one_and_not_kept() -> None:
    def frames():
        for i in range(6):
            frame = np.full((20, 30, 3), 120 * (i >= 3), np.uint8)
            frame[:, :i + 1] = 200
            yield frame
            frame[:] = 0  # a reader may use its buffer again

    assert find_cuts(frames()) == [3]


def test_cuts_may_be_asked_for_at_any_time() -> None:
    detector = CutDetector()
    for frame in np.concatenate([shot(1), shot(2)]):
        detector.add(frame)
    assert detector.cuts() == detector.cuts() == [12]


def test_shots_are_the_parts_between_cuts() -> None:
    assert shots([3, 5], 9) == [range(3), range(3, 5), range(5, 9)]
    assert shots([], 4) == [range(4)]
