"""One pass over a video finds cuts, repeated and damaged frames, colours and classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from photoreal.datasets.layout import scan
from photoreal.inspect.colours import ColourStatistics
from photoreal.inspect.look import RUN, VideoLook, choose_runs, find_frozen, look_at
from photoreal.modalities import LabelMap, Modality
from tests.datasets.helpers import write_video
from tests.inspect.helpers import frames, labels, put


def look(root: Path, modalities: dict[str, Modality] | None = None, budget: int = 1000) -> VideoLook:
    return look_at(scan(root, 'train', ['real'], modalities or {})[0], modalities or {}, budget)


def test_cuts_and_repeated_frames_are_found(tmp_path: Path) -> None:
    shot = frames(1)
    put(tmp_path, 'train/real/a', np.concatenate([shot[:6], shot[5:6], shot[6:], frames(2)]))
    found = look(tmp_path)
    assert found.cuts == [13]
    assert found.frozen == [6]
    assert found.looked == 25


def test_a_repeated_frame_that_was_encoded_anew_is_found(tmp_path: Path) -> None:
    shot = frames(1, 10)
    shot = np.repeat(shot, 2, axis=0)
    write_video(tmp_path / 'train/real/a/frames.mp4', shot, codec='libx264', pixels='yuv444p', crf='12')
    assert look(tmp_path).frozen == list(range(1, 20, 2))


def test_still_noise_is_not_taken_for_a_repeated_frame() -> None:
    assert find_frozen({i: 0.4 for i in range(1, 20)}) == []
    assert find_frozen({1: 3.0, 2: 0.01, 3: 3.0, 4: 0.2, 5: 3.0}) == [2, 4]
    assert find_frozen({}) == []


def test_a_damaged_frame_is_a_fault_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    video = put(tmp_path, 'train/real/a', frames(1), labels=labels(12, 0))
    path = video / 'frames/00004.png'
    data = bytearray(path.read_bytes())
    data[60:len(data) // 2] = bytes(len(data) // 2 - 60)
    path.write_bytes(data)
    found = look(tmp_path, {'labels': LabelMap('labels')})
    assert len(found.faults) == 1 and '00004.png' in found.faults[0]
    assert found.classes['labels'].sum() > 0


def test_classes_are_counted_and_those_of_no_class_last(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(1), labels=labels(12, 0, 0, 3, 255))
    found = look(tmp_path, {'labels': LabelMap('labels', num_classes=4, ignore=255)})
    assert (found.classes['labels'] / found.classes['labels'].sum()).tolist() == [0.5, 0, 0, 0.25, 0.25]


def test_an_unknown_class_is_a_fault(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(1), labels=labels(12, 0, 7))
    faults = look(tmp_path, {'labels': LabelMap('labels', num_classes=4)}).faults
    assert len(faults) == 1 and 'value 7' in faults[0]


def test_a_long_video_is_looked_at_in_runs_over_its_whole_length(tmp_path: Path) -> None:
    runs = choose_runs(10_000, 100)
    assert [len(run) for run in runs] == [RUN] * 4
    assert runs[0].start == 0 and runs[-1].stop == 10_000
    assert choose_runs(50, 100) == [range(50)]
    assert choose_runs(50, 30) == [range(13, 37)]


def test_only_the_runs_are_read(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(1, 60))
    found = look(tmp_path, budget=30)
    assert found.looked == RUN
    assert found.runs == [range(18, 42)]


def test_usable_clips_avoid_cuts_and_repeated_frames(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', np.concatenate([frames(1), frames(2, 8)]))
    found = look(tmp_path)
    assert found.usable_clips(5) == 8 + 4
    assert found.usable_clips(12) == 1
    assert found.usable_clips(13) == 0


def test_usable_clips_of_a_sampled_video_are_projected(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(1, 60))
    assert look(tmp_path, budget=30).usable_clips(10) == 51


def test_colours_are_means_and_deviations() -> None:
    statistics = ColourStatistics()
    frame = np.zeros((10, 10, 3), np.uint8)
    frame[:5, :, 0] = 255
    statistics.add(frame)
    other = ColourStatistics()
    other.add(np.full((10, 10, 3), 255, np.uint8))
    assert statistics.mean['red'] == statistics.std['red'] == 0.5
    assert statistics.mean['saturation'] == 0.5
    assert statistics.clipped == 0.5
    statistics.merge(other)
    assert statistics.mean['red'] == pytest.approx(0.75) and statistics.mean['blue'] == pytest.approx(0.5)
    assert statistics.curve('red').sum() == pytest.approx(1)
    assert ColourStatistics().mean['red'] == 0


class Halves(Modality):
    """Classes that are estimated from the frame: dark and bright."""

    channels = 2
    is_label = True

    def compute(self, frames: np.ndarray, **params: object) -> np.ndarray:
        return (frames.mean(-1, keepdims=True) > 127).astype(np.uint8)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x == 0, x == 1], dim=-3).float()


def test_classes_that_are_estimated_from_the_frames_are_counted(tmp_path: Path) -> None:
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    pictures[:, :, :2] = 255
    put(tmp_path, 'train/real/a', pictures)
    assert look(tmp_path, {'halves': Halves()}).classes['halves'].tolist() == [4 * 48, 4 * 16, 0]
