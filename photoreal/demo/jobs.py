"""One video on its way through a model, with all that is looked at afterwards, in a folder that goes with it."""

import shutil
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from photoreal.bundle import TrainedModel
from photoreal.camera import Camera
from photoreal.datasets.sources import FrameSource
from photoreal.datasets.transforms import to_tensor
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.demo.mixing import Mix
from photoreal.demo.shelf import Shelf
from photoreal.demo.strength import at_strength
from photoreal.errors import DataError
from photoreal.inference import Layers, VideoEnhancer, compose
from photoreal.look import Look
from photoreal.metrics import WarpError
from photoreal.structures import FrameInfo, FrameResult

_WARM_UP = 3  # frames before a single one that the generator is to see
_SHOWN = 60  # pictures that are kept of those that visitors have blended


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes:
        frames: The video.
        recorded: Name of a modality -> its recorded maps, as many as frames.
        strengths: Name of a computed modality -> its strength, 0 to 1; the usual one where it is missing.
        leave_out: Modalities to do without.
        mix: What of the predictions is to be seen.
    """

    frames: FrameSource
    recorded: Mapping[str, FrameSource] = field(default_factory=dict)
    strengths: Mapping[str, float] = field(default_factory=dict)
    leave_out: Collection[str] = ()
    mix: Mix = Mix()


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
        video: The prediction.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / uuid.uuid4().hex
        self.video = self.folder / 'photoreal.mp4'
        self.length = 0
        self.metrics: dict[str, float] = {}
        self.names: list[str] = []
        self._shelf: Shelf | None = None
        self._other: tuple[int, bool, Layers] | None = None  # a frame with the look on or off, unlike the others

    @property
    def labelled(self) -> bool:
        """Whether the classes in the video are known."""
        return self._shelf is not None and self._shelf.labelled

    def picture(self, kind: str, index: int) -> Path:
        """A frame of the 'input', the 'prediction' as the generator made it, or a modality (by its number)."""
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
            ConfigError: The model's labels have no such class.
            DataError: The video does not go with the model.
        """
        self._model, self._order, self._device = model, order, device
        enhancer, viewer = self._enhancer(order.mix), self._viewer(order.mix)
        self._shelf = Shelf(self.folder, enhancer.look)
        flicker, values = WarpError('virtual'), []
        began, total = time.monotonic(), len(order.frames)
        with VideoWriter(self.video, order.frames.fps) as writer, \
                closing(enhancer.layers(*self._inputs(enhancer, range(total)), doubts=True)) as predictions:
            for i, layers in enumerate(predictions):
                pred = enhancer.finish(layers)
                writer.write(pred)
                self._shelf.put(layers)
                for number, picture in enumerate(viewer.pictures(layers.frame, self._recorded(self.names, i))):
                    write_image(self.folder / str(number) / f'{i:05d}.jpg', picture)
                self.length = i + 1
                info = FrameInfo(domain='virtual', video='upload', name=f'{i:05d}', index=i, length=total,
                                 fps=order.frames.fps)
                values.append(flicker.update(FrameResult(pred, layers.frame, None, None, info)))
                yield Progress(i + 1, total, time.monotonic() - began)
        self.metrics = {name: float(np.mean([v[name] for v in values if name in v]))
                        for name in ('warp_error', 'warp_error_input', 'flicker') if any(name in v for v in values)}

    def needs_generator(self, index: int, mix: Mix) -> bool:
        """Whether a frame with the look on or off, as wanted, is still to be predicted."""
        same = mix.look == self._order.mix.look or self._model.look is None
        return not same and (self._other is None or self._other[:2] != (index, mix.look))

    def predict(self, index: int, mix: Mix) -> None:
        """Predict one frame anew, with the look on or off; the generator sees the few frames before it, too."""
        enhancer = self._enhancer(mix)
        frames = range(max(0, index - _WARM_UP), index + 1)
        *_, layers = enhancer.layers(*self._inputs(enhancer, frames), doubts=True)
        self._other = index, mix.look, replace(layers, index=index)

    def show(self, index: int, mix: Mix) -> Path:
        """The picture of a frame as a visitor wants it; the generator is not run. Where another look is wanted than
        the video was predicted with, and the frame is still to be predicted so, it is shown as it is.

        Raises:
            ConfigError: The model's labels have no such class.
            DataError: Classes are to be kept, and none are known.
        """
        index = min(max(index, 0), self.length - 1)
        other = self._other is not None and self._other[:2] == (index, mix.look)
        path = self.folder / 'shown' / f'{index:05d}-{hash((mix, other)) & 0xffffffff:08x}.jpg'
        if not path.exists():
            layers = self._other[2] if other else self._shelf.get(index)
            write_image(path, compose(layers, mix.control(self._model), self._camera))
            for old in sorted(path.parent.glob('*.jpg'), key=lambda one: one.stat().st_mtime)[:-_SHOWN]:
                old.unlink(missing_ok=True)
        return path

    def remake(self, mix: Mix) -> Iterator[Progress]:
        """Make the video anew of the frames as they are, without the generator.

        Raises:
            DataError: Another look is wanted, for which the generator is needed; or classes are to be kept, and none
                are known.
        """
        if mix.look != self._order.mix.look and self._model.look is not None:
            raise DataError('another look needs another prediction: press Run')
        began, before, made = time.monotonic(), self.video, self.folder / f'photoreal-{uuid.uuid4().hex[:8]}.mp4'
        control = mix.control(self._model)
        with VideoWriter(made, self._order.frames.fps) as writer:
            for i in range(self.length):
                writer.write(compose(self._shelf.get(i), control, self._camera))
                yield Progress(i + 1, self.length, time.monotonic() - began)
        self.video = made
        before.unlink(missing_ok=True)

    @cached_property
    def _camera(self) -> Camera | None:
        return None if self._model.camera is None else Camera(self._model.camera)

    def _params(self) -> dict[str, dict[str, Any]]:
        modalities = self._model.preprocessor.modalities
        return {name: at_strength(modalities[name], value) for name, value in self._order.strengths.items()}

    def _enhancer(self, mix: Mix) -> VideoEnhancer:
        model, control = self._model if mix.look else replace(self._model, look=None), mix.control(self._model)
        return VideoEnhancer(model, self._device, leave_out=self._order.leave_out, params=self._params(),
                             strength=control.strength, guard=control.guard, keep=control.keep,
                             camera_strength=control.camera_strength)

    def _viewer(self, mix: Mix) -> '_Viewer':
        shown = {name: m for name, m in self._model.preprocessor.modalities.items()
                 if name not in self._order.leave_out and (m.folder is None or name in self._order.recorded)}
        self.names = list(shown)
        return _Viewer(shown, self._params(), self._model.look if mix.look else None)

    def _inputs(self, enhancer: VideoEnhancer, indices: range) -> tuple[Iterator[np.ndarray], dict[str, Iterator]]:
        """Frames, and what is recorded of them."""
        known = {name: one for name, one in (enhancer.modalities | enhancer.extras).items()
                 if name in self._order.recorded}
        return (self._order.frames.read([i])[0] for i in indices), {
            name: self._maps_of(name, one.raw, indices) for name, one in known.items()}

    def _maps_of(self, name: str, raw: bool, indices: range) -> Iterator[np.ndarray]:
        for i in indices:
            yield self._order.recorded[name].read([i], raw=raw)[0]

    def _recorded(self, names: Sequence[str], i: int) -> dict[str, np.ndarray]:
        modalities = self._model.preprocessor.modalities
        return {name: self._order.recorded[name].read([i], raw=modalities[name].raw)[0]
                for name in names if name in self._order.recorded}


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
