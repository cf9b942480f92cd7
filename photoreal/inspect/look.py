"""One pass over a video: cuts, frozen frames, colours, edges, classes, and whether everything can be decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.scenes import CutDetector
from photoreal.datasets.sources import FrameSource
from photoreal.errors import DataError
from photoreal.inspect.colours import ColourStatistics
from photoreal.inspect.halos import EdgeProfile
from photoreal.inspect.maps import read_maps, spread
from photoreal.modalities import Modality
from photoreal.modalities.images import gray

RUN = 24  # consecutive frames that are looked at where not all are
_COLOURED = 48  # frames of a video whose colours are counted
_EDGED = 8  # frames of a video whose edges are measured
_MAPPED = 16  # maps of each recorded modality, and of estimated classes, that are read
_THUMBNAIL = 160  # pixels of the longer side on which frames are compared
_SAME = 0.02  # grey levels of mean difference between frames that are the same but for rounding
_NEARLY = 0.1  # part of the video's usual difference; what is below is a repeated frame, encoded anew
_NEARLY_MOST = 0.5  # grey levels; above it something has moved
_MOST_FAULTS = 3  # damaged frames of a video before the rest is left


@dataclass
class VideoLook:
    """What was seen of one video.

    Attributes:
        video: The video.
        runs: The consecutive frames that were looked at.
        cuts: Frames that begin a new shot, within the runs.
        frozen: Frames that repeat the one before them, within the runs.
        colours: Of the frames.
        edges: Profiles across the edges of some frames.
        classes: Name of a label map -> (K + 1,) pixels of each class, at last those of no class.
        faults: Frames and maps that cannot be used.
    """

    video: VideoRecord
    runs: list[range]
    cuts: list[int] = field(default_factory=list)
    frozen: list[int] = field(default_factory=list)
    colours: ColourStatistics = field(default_factory=ColourStatistics)
    edges: EdgeProfile = field(default_factory=EdgeProfile)
    classes: dict[str, np.ndarray] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def looked(self) -> int:
        """Frames that were looked at."""
        return sum(map(len, self.runs))

    def usable_clips(self, length: int) -> int:
        """Estimate of the frames that a clip of ``length`` frames, without cut or frozen frame, can start with.

        Where only some runs were looked at, the rest is taken to be cut and frozen as often.
        """
        breaks = sorted({*self.cuts, *self.frozen})
        shots = [b - a for run in self.runs
                 for a, b in pairwise([run.start, *(i for i in breaks if i in run), run.stop])]
        if self.looked == len(self.video):
            return sum(max(0, shot - length + 1) for shot in shots)
        # A break, wherever it lies, takes the starts of the clips that would hold it.
        return max(0, round(len(self.video) * (1 - len(breaks) * (length - 1) / self.looked)) - length + 1)


def choose_runs(length: int, budget: int) -> list[range]:
    """All frames of a video where the budget allows, else runs of consecutive frames spread evenly over it."""
    if length <= budget:
        return [range(length)]
    count = max(1, budget // RUN)
    starts = np.linspace(0, length - RUN, count) if count > 1 else [(length - RUN) / 2]
    return [range(int(start), int(start) + RUN) for start in starts]


def look_at(video: VideoRecord, modalities: Mapping[str, Modality], budget: int) -> VideoLook:
    """Look at a video; only one of its frames is in memory at a time.

    Args:
        video: The video.
        modalities: Those recorded with it are read too.
        budget: Frames to look at; at least :data:`RUN` are.
    """
    look = VideoLook(video, choose_runs(len(video), max(RUN, budget)))
    every = {size: max(1, look.looked // size) for size in (_COLOURED, _EDGED)}
    differences: dict[int, float] = {}
    done = 0
    for run in look.runs:
        detector, last = CutDetector(), None
        for index in run:
            try:
                frame = video.frames.read([index])[0]
            except DataError as error:
                look.faults.append(str(error))
                if len(look.faults) >= _MOST_FAULTS:
                    return look
                break  # cuts and repetitions need consecutive frames
            detector.add(frame)
            small = _thumbnail(frame)
            if last is not None:
                differences[index] = float(np.abs(small - last).mean())
            last = small
            if done % every[_COLOURED] == 0:
                look.colours.add(frame)
            if done % every[_EDGED] == 0:
                look.edges.add(frame)
            done += 1
        look.cuts.extend(run.start + cut for cut in detector.cuts())
    look.frozen = find_frozen(differences)
    for name, modality in modalities.items():
        estimated = modality.folder is None and modality.is_label and modality.channels > 1
        if name in video.recorded or estimated:
            _look_at_maps(look, name, modality)
    if video.target is not None:
        _look_at_target(look, video.target)
    return look


def find_frozen(differences: Mapping[int, float]) -> list[int]:
    """Frames that repeat the one before.

    Args:
        differences: Frame -> mean difference in grey levels from the frame before, on a shrunk picture.
    """
    if not differences:
        return []
    usual = float(np.median(list(differences.values())))
    most = max(_SAME, min(_NEARLY * usual, _NEARLY_MOST))
    return [index for index, difference in differences.items() if difference <= most]


def has_classes(modality: Modality, maps: np.ndarray) -> bool:
    """Whether maps (..., c) hold a class number a pixel, which becomes one channel a class."""
    return maps.shape[-1] == 1 and maps.dtype == np.uint8 and modality.is_label and modality.channels > 1


def _look_at_maps(look: VideoLook, name: str, modality: Modality) -> None:
    for index in spread(len(look.video), _MAPPED):
        try:
            maps = read_maps(look.video, {name: modality}, index)[name]
        except DataError as error:
            look.faults.append(str(error))
            return  # one is enough: the others most likely fail alike
        if has_classes(modality, maps):
            counts = np.bincount(maps.ravel(), minlength=256)
            known = np.append(counts[:modality.channels], counts[modality.channels:].sum())
            look.classes[name] = look.classes.get(name, 0) + known


def _look_at_target(look: VideoLook, target: FrameSource) -> None:
    for index in spread(len(look.video), _MAPPED):
        try:
            target.read([index])
        except DataError as error:
            look.faults.append(str(error))
            return


def _thumbnail(frame: np.ndarray) -> np.ndarray:
    """The luma, shrunk: (h, w) float32."""
    factor = min(1.0, _THUMBNAIL / max(frame.shape[:2]))
    size = max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor))
    return cv2.resize(gray(frame), size, interpolation=cv2.INTER_AREA).astype(np.float32)
