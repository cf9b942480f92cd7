"""Use a trained model on any video: an iterator of frames in, an iterator of frames out.

Legend: C condition channels, H height, W width, s scale.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from photoreal.bundle import TrainedModel
from photoreal.camera import Camera
from photoreal.datasets.scenes import CutDetector
from photoreal.datasets.transforms import to_tensor
from photoreal.errors import ConfigError, DataError
from photoreal.inference.control import Control, Layers, Setting, compose, fit
from photoreal.inference.keeping import KEEP_MASK, MEMORY, KeepMask, find_labels, parse_classes
from photoreal.inference.prefetch import prefetch
from photoreal.inference.structure import StructureGuard
from photoreal.inference.tiles import Tiled, Whole
from photoreal.inference.together import Together
from photoreal.inference.transfer import Arriving, send_frames
from photoreal.modalities import Modality, without
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import State
from photoreal.precision import choose_device, choose_dtype


class _Given(NamedTuple):
    """A frame on its way to the generator.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        looked: The same through the look.
        maps: What the generator is to see.
        starts_scene: Whether its state starts anew here.
        labels: (H, W) uint8, of this frame and those before it in the scene, newest first.
        masks: (H, W) bool, likewise.
    """

    frame: np.ndarray
    looked: np.ndarray
    maps: dict[str, Tensor]
    starts_scene: bool
    labels: Sequence[np.ndarray]
    masks: Sequence[np.ndarray]


class VideoEnhancer:
    """Make a video photoreal, frame by frame, in memory that does not grow with its length.

    Reading, modalities and generator overlap: what the caller does with a frame runs while the next is made. What is
    shown of the predictions (``strength``, ``guard``, ``keep``, ``camera_strength``) can be set at any time, and holds
    from the next frame on.

    Args:
        model: What :func:`photoreal.bundle.load_model` gave; frames go through its look, and predictions through its
            camera.
        device: 'cpu', 'cuda', 'cuda:1' ...; None: the GPU where there is one.
        dtype: 'fp32', 'bf16', 'fp16', or 'auto': half precision where the device computes it quickly.
        tile: Side of square tiles, in pixels of the condition, for frames too large for memory; None: whole frames.
        overlap: Pixels by which tiles overlap; there they are blended.
        reset_at_cuts: Whether the state starts anew at scene cuts, which are detected.
        compiled: Compile the network: the first frame takes a minute or so, all others less time.
        leave_out: Names of modalities to do without, which a model allows that was trained with dropout.
        streams: How many videos are predicted at once: calls of this object that run in as many threads have their
            frames computed as one batch.
        params: Name of a modality -> parameters of its ``compute`` that are to differ from the fixed ones.
        strength: How much of the prediction is shown, from 0, the render itself, to 1.
        guard: How far the prediction goes back to the frame, 0 to 1, where its structure is not that of the frame.
        keep: Classes that stay the render's, by number or by name, of the model's labels or, where it has none, of
            labels of the classes of Cityscapes that are given as 'segmentation'.
        camera_strength: Of the camera, 0 to 1; None: as the strength.

    Attributes:
        extras: Name -> what can be given as recorded beside the model's modalities: masks of what to keep, and labels.

    Raises:
        ConfigError: An argument is out of range, or there is no such device or class.
        DataError: A modality is left out that the model needs.
    """

    strength, guard, camera_strength = Setting(), Setting(), Setting()

    def __init__(self, model: TrainedModel, device: str | None = None, dtype: str = 'auto', tile: int | None = None,
                 overlap: int = 32, reset_at_cuts: bool = True, compiled: bool = False,
                 leave_out: Collection[str] = (), streams: int = 1,
                 params: Mapping[str, Mapping[str, Any]] | None = None, strength: float = 1.0, guard: float = 0.0,
                 keep: Collection[int | str] = (), camera_strength: float | None = None) -> None:
        if streams < 1:
            raise ConfigError(f'streams={streams}: expected at least 1')
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        self.preprocessor = model.preprocessor
        self.look = model.look
        self.camera = None if model.camera is None else Camera(model.camera)
        self.modalities = without(model.preprocessor.modalities, leave_out)
        self.preprocessor.check_given(self.modalities)
        generator = model.generator.to(self.device).eval()
        if compiled:
            generator = CompiledGenerator(generator)
        self.stepper = Whole(generator) if tile is None else Tiled(generator, tile, overlap)
        self.reset_at_cuts = reset_at_cuts
        self.streams, self.overlap = streams, overlap
        self._together = Together(self.predict) if streams > 1 else None
        # A GPU is given its next frame before the last one is waited for.
        self._behind = 1 if self.device.type == 'cuda' else 0
        self.params = {name: m.sample(None) | dict((params or {}).get(name, {})) for name, m in self.modalities.items()}
        self._labels, self._label_map = find_labels(model.preprocessor.modalities)
        self.extras = {KEEP_MASK: KeepMask()}
        if self._labels not in self.modalities:
            self.extras[self._labels] = self._label_map
        self.control = Control(strength, guard, parse_classes(keep, self._label_map.num_classes), camera_strength)

    @property
    def keep(self) -> tuple[int, ...]:
        """Numbers of the classes that stay the render's; set it to numbers or names."""
        return self.control.keep

    @keep.setter
    def keep(self, classes: Collection[int | str]) -> None:
        self.control = replace(self.control, keep=parse_classes(classes, self._label_map.num_classes))

    def __call__(self, frames: Iterable[np.ndarray],
                 recorded: Mapping[str, Iterable[np.ndarray]] | None = None) -> Iterator[np.ndarray]:
        """Predict.

        Args:
            frames: (H, W, 3) uint8 RGB each.
            recorded: Modality -> its recorded maps (H, W, c), one a frame, for those that are not computed; those that
                are not given are left out, which a model allows that was trained with dropout. Of ``extras``, too.

        Yields:
            (H*s, W*s, 3) uint8 RGB, one for each frame.

        Raises:
            DataError: A recorded modality is missing, ends early or does not fit the frames; or classes are to be kept
                and there are no labels.
        """
        with closing(self.layers(frames, recorded)) as predictions:
            for layers in predictions:
                yield self.finish(layers)

    def finish(self, layers: Layers) -> np.ndarray:
        """What is shown of a prediction, as strength, guard, classes and camera are set now.

        Of a picture that stands still this can be asked again and again: the generator is not run.

        Args:
            layers: One of :meth:`layers`.

        Returns:
            (H*s, W*s, 3) uint8 RGB.

        Raises:
            DataError: Classes are to be kept, and there are no labels.
        """
        control = self.control
        if control.guard and layers.doubt is None:
            looked = fit(layers.looked, layers.pred.shape[:2])
            layers = replace(layers, doubt=StructureGuard().watch(looked, layers.pred))
        return compose(layers, control, self.camera)

    def layers(self, frames: Iterable[np.ndarray], recorded: Mapping[str, Iterable[np.ndarray]] | None = None,
               doubts: bool = False) -> Iterator[Layers]:
        """Predict, and give all that predictions are blended with, for :meth:`finish`.

        Args:
            frames: As for a call.
            recorded: As for a call.
            doubts: Ask the structure guard of every frame, even while it is off.

        Yields:
            One for each frame.

        Raises:
            DataError: A recorded modality is missing, ends early or does not fit the frames.
        """
        recorded = dict(recorded or {})
        modalities = {name: m for name, m in self.modalities.items() if m.folder is None or name in recorded}
        missing = [name for name in self.modalities
                   if name not in modalities and name not in self.preprocessor.layout.presence]
        if missing:
            raise DataError(f'the model needs the recorded modality {missing[0]!r}: give its maps, one a frame '
                            f'(--modality {missing[0]}=path)')
        self.preprocessor.check_given(modalities)
        frames = _with_cuts(frames) if self.reset_at_cuts else ((frame, False) for frame in frames)
        watching = _Watching(doubts)
        state, waiting = None, deque()
        with self._together.member() if self._together else nullcontext():
            for given in prefetch(self._compute(frames, modalities, recorded), depth=4):
                arriving, state = self._step(given.maps, None if given.starts_scene else state)
                waiting.append((arriving, given))
                if len(waiting) > self._behind:
                    # Outside of inference mode, which would be the caller's too.
                    yield watching.layers(*waiting.popleft(), self.guard)
            while waiting:
                yield watching.layers(*waiting.popleft(), self.guard)

    @torch.inference_mode()
    def _step(self, maps: dict[str, Tensor], state: Any) -> tuple[Arriving, Any]:
        """Predict one frame; no state: from a blank one."""
        condition = self.preprocessor.encode({name: one.to(self.device, non_blocking=True)[None]
                                              for name, one in maps.items()})  # (1, C, H, W)
        if self._together:
            return self._together.step(condition, state)
        [arriving], state = self.predict(condition, state)
        return arriving, state

    def predict(self, condition: Tensor, state: State | None) -> tuple[list[Arriving], State]:
        """Predict one frame of each of N streams, within ``torch.inference_mode()``.

        Args:
            condition: (N, C, H, W) on the device.
            state: What the step before gave; None: a blank one.

        Returns:
            N predictions, and the state of all.
        """
        with nullcontext() if self.dtype == torch.float32 else torch.autocast(self.device.type, self.dtype):
            pred, state = self.stepper.step(condition, self.stepper.init_state(condition) if state is None else state)
        return send_frames(pred), state

    def _compute(self, frames: Iterator[tuple[np.ndarray, bool]], modalities: Mapping[str, Modality],
                 recorded: Mapping[str, Iterable[np.ndarray]]) -> Iterator[_Given]:
        """Frames with the maps of each; runs in a thread of its own."""
        modalities = {**modalities, **{name: one for name, one in self.extras.items() if name in recorded}}
        streams = {name: iter(maps) for name, maps in recorded.items()
                   if name in self.extras or name in modalities and modalities[name].folder is not None}
        windows = {name: deque(maxlen=m.context + 1) for name, m in modalities.items()}
        kept = {name: deque(maxlen=MEMORY) for name in (self._labels, KEEP_MASK) if name in modalities}
        size: tuple[int, ...] | None = None
        for i, (frame, starts_scene) in enumerate(frames):
            size = size or frame.shape
            if frame.shape != size:
                raise DataError(f'frame {i} is {frame.shape[1]}x{frame.shape[0]}, those before it {size[1]}x{size[0]}: '
                                'all frames of a video must have one size')
            if starts_scene:
                for window in (*windows.values(), *kept.values()):
                    window.clear()
            looked = frame if self.look is None else self.look.apply(frame)
            maps = {}
            for name, modality in modalities.items():
                given = looked if name not in streams else next(streams[name], None)
                if given is None:
                    raise DataError(f"modality '{name}' ends after {i} maps, before the frames do")
                if given.shape[:2] != frame.shape[:2]:
                    raise DataError(f"modality '{name}', map {i}: {given.shape[1]}x{given.shape[0]}, expected the size "
                                    f'of the frames, {frame.shape[1]}x{frame.shape[0]}')
                windows[name].append(given)
                made = _map(name, modality, np.stack(windows[name]), self.params.get(name, {}), i)
                if name in kept:
                    kept[name].appendleft(made[0].numpy())
                if name not in self.extras:
                    maps[name] = made.pin_memory() if self.device.type == 'cuda' else made
            yield _Given(frame, looked, maps, starts_scene, tuple(kept.get(self._labels, ())),
                         tuple(mask.astype(bool) for mask in kept.get(KEEP_MASK, ())))


class _Watching:
    """Puts the layers of one video together, and has its predictions watched over.

    Args:
        always: Whether they are watched while the guard is off.
    """

    def __init__(self, always: bool) -> None:
        self._always, self._guard, self._index = always, StructureGuard(), -1
        self._before: np.ndarray | None = None

    def layers(self, arriving: Arriving, given: _Given, guard: float) -> Layers:
        """The next, once it has arrived."""
        pred, self._index = arriving.wait(), self._index + 1
        if given.starts_scene or not (guard or self._always):
            self._guard.reset()
        doubt = self._guard.watch(fit(given.looked, pred.shape[:2]), pred) if guard or self._always else None
        before, self._before = None if given.starts_scene else self._before, given.frame
        return Layers(given.frame, given.looked, pred, self._index, doubt, given.labels, given.masks, before)


def _map(name: str, modality: Modality, window: np.ndarray, params: dict[str, Any], i: int) -> Tensor:
    """The map (c, H, W) of the last frame of a window."""
    try:
        return to_tensor(modality.compute(window, **params)[-1])
    except ValueError as error:
        if modality.folder is None:
            raise
        raise DataError(f"modality '{name}', map {i}: {error}") from error


def _with_cuts(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Each frame and whether it starts a scene; runs a few frames ahead, because a cut shows only then."""
    detector, waiting = CutDetector(), deque()
    done = 0
    for frame in frames:
        detector.add(frame)
        waiting.append(frame)
        if len(waiting) > CutDetector.LOOK_AHEAD:
            yield waiting.popleft(), detector.starts_scene(done)
            done += 1
    for frame in waiting:
        yield frame, detector.starts_scene(done)
        done += 1
