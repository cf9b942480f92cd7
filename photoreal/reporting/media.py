"""Pictures and small videos that lie inside a report."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import encode_image

PLAYER_WIDTH = 640  # of one panel, in pixels
STILL_WIDTH = 400
CRF = 23
CHUNK = 16  # frames that are decoded together

_NAMES = {('virtual', 2): ('render', 'prediction'), ('virtual', 3): ('render', 'prediction', 'teacher'),
          ('real', 2): ('prediction', 'target'),
          ('real', 3): ('input', 'prediction', 'target')}


class Strips:
    """The strips of one video (input, prediction, target side by side) that one test or several have written.

    Several tests make one strip: input and target of the first, and every prediction. Tests whose frames differ in
    size or number from those of the first are left out.

    Args:
        tests: Name of a run -> output folder of its test; one at least holds the video.
        domain: ``real`` or ``virtual``.
        video: Name of the video.

    Attributes:
        panels: What is side by side, from left to right.
    """

    def __init__(self, tests: dict[str, Path], domain: str, video: str) -> None:
        self._parts: list[_Part] = []
        runs: list[str] = []
        for run, folder in tests.items():
            part = _open(folder, domain, video)
            if part is not None and (not self._parts or part.shape == self._parts[0].shape):
                runs.append(run)
                self._parts.append(part)
        first = self._parts[0].panels if self._parts else ()
        predictions = [f'prediction: {run}' for run in runs] if len(runs) > 1 else ['prediction']
        at = first.index('prediction') if first else 0
        self.panels = [*first[:at], *predictions, *first[at + 1:]] if first else []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __len__(self) -> int:
        return self._parts[0].shape[0]

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._parts[0].strip.fps

    @property
    def path(self) -> Path:
        """The strip that the first test has written."""
        return self._parts[0].strip.path

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """The panels of some frames, (T, panels, H, W, 3) uint8."""
        first, *others = (part.read(indices) for part in self._parts)
        at = self._parts[0].panels.index('prediction')
        more = [other[:, part.panels.index('prediction')] for other, part in zip(others, self._parts[1:], strict=True)]
        return np.concatenate([first[:, :at + 1], *(m[:, None] for m in more), first[:, at + 1:]], axis=1)


@dataclass
class _Part:
    """The strips of one test: frames, height and width of a panel, and the panels' names."""

    strip: VideoSource
    shape: tuple[int, int, int]
    panels: tuple[str, ...]

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """(T, panels, H, W, 3)."""
        _, height, width = self.shape
        frames = self.strip.read(indices)[:, :height, :width * len(self.panels)]  # less what evens out its size
        return frames.reshape(len(frames), height, len(self.panels), width, 3).swapaxes(1, 2)


def _open(folder: Path, domain: str, video: str) -> _Part | None:
    strip, pictures = folder / domain / f'{video}.mp4', folder / domain / video
    if not (strip.is_file() and pictures.is_dir()):
        return None
    source = VideoSource(strip)
    height, width = FolderSource(pictures).size
    names = _NAMES.get((domain, source.size[1] // width))
    return None if names is None else _Part(source, (len(source), height, width), names)


def encode_player(strips: Strips, frames: range) -> tuple[bytes, tuple[int, int]]:
    """Encode some frames for a web page.

    Returns:
        An MP4 with the panels side by side, and (width, height) of a panel in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'player.mp4')
        with VideoWriter(path, strips.fps, crf=CRF) as writer:
            for panels in _chunks(strips, frames):
                for row in panels:
                    small = [_shrink(panel, PLAYER_WIDTH) for panel in row]
                    writer.write(np.concatenate(small, axis=1))
        height, width = small[0].shape[:2]
        return path.read_bytes(), (width, height)


def encode_still(strips: Strips, index: int) -> str:
    """One frame's panels side by side, as a data URI."""
    panels = strips.read([index])[0]
    image = np.concatenate([_shrink(panel, STILL_WIDTH) for panel in panels], axis=1)
    return f"data:image/jpeg;base64,{base64.b64encode(encode_image('still.jpg', image)).decode()}"


def _chunks(strips: Strips, frames: range) -> Iterator[np.ndarray]:
    for start in range(0, len(frames), CHUNK):
        yield strips.read(frames[start:start + CHUNK])


def _shrink(image: np.ndarray, widest: int) -> np.ndarray:
    """To even sides, so that no pixel of the colour planes lies in two panels."""
    height, width = image.shape[:2]
    factor = min(1.0, widest / width)
    size = tuple(max(2, round(side * factor / 2) * 2) for side in (width, height))
    return image if size == (width, height) else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
