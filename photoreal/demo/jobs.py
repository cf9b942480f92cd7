"""One video on its way through a model, with all that is looked at afterwards, in a folder that goes with it."""

import shutil
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from photoreal.bundle import TrainedModel
from photoreal.datasets.sources import FrameSource
from photoreal.datasets.transforms import to_tensor
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.demo.strength import at_strength
from photoreal.errors import DataError
from photoreal.inference import VideoEnhancer
from photoreal.look import Look
from photoreal.metrics import WarpError
from photoreal.structures import FrameInfo, FrameResult


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes:
        frames: The video.
        recorded: Name of a modality -> its recorded maps, as many as frames.
        strengths: Name of a computed modality -> its strength, 0 to 1; the usual one where it is missing.
        leave_out: Modalities to do without.
    """

    frames: FrameSource
    recorded: Mapping[str, FrameSource] = field(default_factory=dict)
    strengths: Mapping[str, float] = field(default_factory=dict)
    leave_out: Collection[str] = ()


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    done: int
    total: int
    seconds: float

    @property
    def left(self) -> float:
        """Seconds that it will still take, as far as can be told."""
        return self.seconds / max(self.done, 1) * (self.total - self.done)


class Job:
    """A finished or running job.

    Args:
        root: The folder in which it makes its own.

    Attributes:
        length: Frames that are finished.
        metrics: Name -> mean over the video, of prediction and input.
        names: Modalities that the model saw.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / uuid.uuid4().hex
        self.length = 0
        self.metrics: dict[str, float] = {}
        self.names: list[str] = []

    @property
    def video(self) -> Path:
        """The prediction."""
        return self.folder / 'photoreal.mp4'

    def picture(self, kind: str, index: int) -> Path:
        """A frame of the 'input', the 'prediction' or a modality (by its number)."""
        return self.folder / kind / f'{min(max(index, 0), self.length - 1):05d}.jpg'

    def maps(self, index: int) -> list[tuple[Path, str]]:
        """Pictures of the modalities of a frame, with their names."""
        return [(self.picture(str(number), index), name) for number, name in enumerate(self.names)]

    def discard(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, model: TrainedModel, order: Order, device: str | None = None) -> Iterator[Progress]:
        """Work, and tell after every frame how far it is; closing the iterator ends the work.

        Raises:
            DataError: The video does not go with the model.
        """
        modalities = model.preprocessor.modalities
        params = {name: at_strength(modalities[name], value) for name, value in order.strengths.items()}
        enhancer = VideoEnhancer(model, device, leave_out=order.leave_out, params=params)
        shown = {name: m for name, m in enhancer.modalities.items() if m.folder is None or name in order.recorded}
        self.names = list(shown)
        viewer = _Viewer(shown, params, model.look)
        flicker, values = WarpError('virtual'), []
        began, total, waiting = time.monotonic(), len(order.frames), deque()

        def frames() -> Iterator[np.ndarray]:
            for i in range(total):
                waiting.append(order.frames.read([i])[0])
                yield waiting[-1]

        recorded = {name: (source.read([i], raw=modalities[name].raw)[0] for i in range(total))
                    for name, source in order.recorded.items() if name in shown}
        predictions = enhancer(frames(), recorded)
        try:
            with VideoWriter(self.video, order.frames.fps) as writer:
                for i, pred in enumerate(predictions):
                    frame = waiting.popleft()
                    writer.write(pred)
                    pictures = viewer.pictures(frame, {name: order.recorded[name].read([i], raw=modalities[name].raw)[0]
                                                       for name in recorded})
                    self._keep(i, frame, pred, pictures)
                    info = FrameInfo(domain='virtual', video='upload', name=f'{i:05d}', index=i, length=total,
                                     fps=order.frames.fps)
                    values.append(flicker.update(FrameResult(pred, frame, None, None, info)))
                    yield Progress(i + 1, total, time.monotonic() - began)
        finally:
            predictions.close()
        self.metrics = {name: float(np.mean([v[name] for v in values if name in v]))
                        for name in ('warp_error', 'warp_error_input', 'flicker') if any(name in v for v in values)}

    def _keep(self, i: int, frame: np.ndarray, pred: np.ndarray, pictures: list[np.ndarray]) -> None:
        height, width = pred.shape[:2]
        if frame.shape != pred.shape:
            frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
        self.length = i + 1
        for kind, picture in (('input', frame), ('prediction', pred), *((str(n), p) for n, p in enumerate(pictures))):
            write_image(self.picture(kind, i), picture)


class _Viewer:
    """What people are shown of the modalities that the model sees."""

    def __init__(self, modalities: Mapping[str, Any], params: Mapping[str, Mapping[str, Any]],
                 look: Look | None) -> None:
        self._look = look
        self._modalities = modalities
        self._params = {name: m.sample(None) | dict(params.get(name, {})) for name, m in modalities.items()}
        self._windows = {name: deque(maxlen=m.context + 1) for name, m in modalities.items()}

    def pictures(self, frame: np.ndarray, recorded: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """(H, W, 3) uint8 RGB each, in the order of the modalities."""
        shown, seen = [], frame if self._look is None else self._look.apply(frame)
        for name, modality in self._modalities.items():
            window = self._windows[name]
            window.append(recorded[name] if modality.folder is not None else seen)
            try:
                maps = modality.compute(np.stack(window), **self._params[name])
            except ValueError as error:
                raise DataError(f"modality '{name}': {error}") from error
            with torch.inference_mode():
                shown.append(modality.show(modality.encode(to_tensor(maps[-1]))))
        return shown
