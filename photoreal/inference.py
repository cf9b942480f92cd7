"""Use a trained model on any video: an iterator of frames in, an iterator of frames out.

Legend: C condition channels, H height, W width, s scale.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from photoreal.bundle import TrainedModel
from photoreal.datasets.scenes import CutDetector
from photoreal.datasets.sources import VIDEO_SUFFIXES, FolderSource, FrameSource, VideoSource
from photoreal.datasets.transforms import to_tensor
from photoreal.datasets.writers import VideoWriter, write_image
from photoreal.errors import ConfigError, DataError
from photoreal.modalities import Modality
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import Generator, State

T = TypeVar('T')
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


class VideoEnhancer:
    """Make a video photoreal, frame by frame, in memory that does not grow with its length.

    Reading, modalities and generator overlap: what the caller does with a frame runs while the next is made.

    Args:
        model: What :func:`photoreal.bundle.load_model` gave.
        device: 'cpu', 'cuda', 'cuda:1' ...; None: the GPU where there is one.
        dtype: 'fp32', 'bf16', 'fp16', or 'auto': half precision where the device computes it quickly.
        tile: Side of square tiles, in pixels of the condition, for frames too large for memory; None: whole frames.
        overlap: Pixels by which tiles overlap; there they are blended.
        reset_at_cuts: Whether the state starts anew at scene cuts, which are detected.
        compiled: Compile the network: the first frame takes a minute or so, all others less time.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, model: TrainedModel, device: str | None = None, dtype: str = 'auto', tile: int | None = None,
                 overlap: int = 32, reset_at_cuts: bool = True, compiled: bool = False) -> None:
        self.device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        self.dtype = choose_dtype(dtype, self.device)
        self.modalities = model.preprocessor.modalities
        generator = model.generator.to(self.device).eval()
        if compiled:
            generator = CompiledGenerator(generator)
        self.stepper = Whole(generator) if tile is None else Tiled(generator, tile, overlap)
        self.reset_at_cuts = reset_at_cuts

    def __call__(self, frames: Iterable[np.ndarray],
                 recorded: Mapping[str, Iterable[np.ndarray]] | None = None) -> Iterator[np.ndarray]:
        """Predict.

        Args:
            frames: (H, W, 3) uint8 RGB each.
            recorded: Modality -> its recorded maps (H, W, c), one a frame, for those that are not computed.

        Yields:
            (H*s, W*s, 3) uint8 RGB, one for each frame.

        Raises:
            DataError: A recorded modality is missing, ends early or does not fit the frames.
        """
        recorded = dict(recorded or {})
        missing = [name for name, m in self.modalities.items() if m.folder is not None and name not in recorded]
        if missing:
            raise DataError(f'the model needs the recorded modality {missing[0]!r}: give its maps, one a frame '
                            f'(--modality {missing[0]}=path)')
        frames = _with_cuts(frames) if self.reset_at_cuts else ((frame, False) for frame in frames)
        state = None
        for maps, starts_scene in prefetch(self._compute(frames, recorded), depth=4):
            pred, state = self._step(maps, None if starts_scene else state)
            yield pred  # outside of inference mode, which would be the caller's too

    @torch.inference_mode()
    def _step(self, maps: dict[str, Tensor], state: Any) -> tuple[np.ndarray, Any]:
        """Predict one frame; no state: from a blank one."""
        condition = torch.cat([m.encode(maps[name].to(self.device, non_blocking=True)[None])
                               for name, m in self.modalities.items()], dim=-3)  # (1, C, H, W)
        with nullcontext() if self.dtype == torch.float32 else torch.autocast(self.device.type, self.dtype):
            pred, state = self.stepper.step(condition, self.stepper.init_state(condition) if state is None else state)
        return to_frame(pred), state

    def _compute(self, frames: Iterator[tuple[np.ndarray, bool]],
                 recorded: Mapping[str, Iterable[np.ndarray]]) -> Iterator[tuple[dict[str, Tensor], bool]]:
        """Maps of each frame, and whether it starts a scene; runs in a thread of its own."""
        streams = {name: iter(maps) for name, maps in recorded.items() if name in self.modalities}
        windows = {name: deque(maxlen=m.context + 1) for name, m in self.modalities.items()}
        params = {name: m.sample(None) for name, m in self.modalities.items()}
        size: tuple[int, ...] | None = None
        for i, (frame, starts_scene) in enumerate(frames):
            size = size or frame.shape
            if frame.shape != size:
                raise DataError(f'frame {i} is {frame.shape[1]}x{frame.shape[0]}, those before it {size[1]}x{size[0]}: '
                                'all frames of a video must have one size')
            maps = {}
            for name, modality in self.modalities.items():
                given = frame if modality.folder is None else next(streams[name], None)
                if given is None:
                    raise DataError(f"modality '{name}' ends after {i} maps, before the frames do")
                if given.shape[:2] != frame.shape[:2]:
                    raise DataError(f"modality '{name}', map {i}: {given.shape[1]}x{given.shape[0]}, expected the size "
                                    f'of the frames, {frame.shape[1]}x{frame.shape[0]}')
                if starts_scene:
                    windows[name].clear()
                windows[name].append(given)
                maps[name] = _map(name, modality, np.stack(windows[name]), params[name], i)
            yield maps, starts_scene


def _map(name: str, modality: Modality, window: np.ndarray, params: dict[str, Any], i: int) -> Tensor:
    """The map (c, H, W) of the last frame of a window."""
    try:
        return to_tensor(modality.compute(window, **params)[-1])
    except ValueError as error:
        if modality.folder is None:
            raise
        raise DataError(f"modality '{name}', map {i}: {error}") from error


def enhance_file(enhancer: VideoEnhancer, source: str | Path, out: str | Path, modalities: Sequence[str] = (),
                 start: int = 0, end: int | None = None, crf: int = 18) -> tuple[int, float]:
    """Predict a video file or a folder of pictures.

    Args:
        enhancer: The model at work.
        source: What to predict.
        out: A video file (the suffix says so), else a folder for PNGs with the frames' names.
        modalities: ``name=path`` of recorded modalities: folders or video files with as many maps as frames.
        start: First frame.
        end: Frame after the last; None: to the end.
        crf: Quality of an H.264 file.

    Returns:
        Frames written, and the seconds that took.

    Raises:
        DataError: Nothing to read there, or frames and maps that do not fit.
    """
    for path in (source, *(text.partition('=')[2] for text in modalities)):
        if Path(out).resolve() == Path(path).resolve():
            raise DataError(f'--out {out} is where the input lies, which would be overwritten: choose another name')
    frames = _open(Path(source))
    chosen = range(len(frames))[start:end]
    if not chosen:
        raise DataError(f'{source} has {len(frames)} frames: there is none from {start} to {end or len(frames)}')
    recorded = {}
    for text in modalities:
        name, equals, path = text.partition('=')
        modality = enhancer.modalities.get(name)
        if not equals or modality is None:
            raise DataError(f"--modality '{text}': expected name=path with one of {', '.join(enhancer.modalities)}")
        maps = _open(Path(path))
        if len(maps) != len(frames):
            raise DataError(f'{path} has {len(maps)} maps of {name!r} for {len(frames)} frames: expected one each')
        recorded[name] = _read(maps, chosen, modality.raw)
    began, out = time.monotonic(), Path(out)
    predictions = prefetch(enhancer(_read(frames, chosen, raw=False), recorded), depth=4)
    if out.suffix.lower() in VIDEO_SUFFIXES:
        with VideoWriter(out, frames.fps, crf=crf) as writer:
            for pred in predictions:
                writer.write(pred)
    else:
        for i, pred in zip(chosen, predictions, strict=True):
            write_image(out / f'{frames.names[i]}.png', pred)
    return len(chosen), time.monotonic() - began


def _open(path: Path) -> FrameSource:
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise DataError(f'there is no file or folder {path}')
    return VideoSource(path)


def _read(source: FrameSource, chosen: range, raw: bool) -> Iterator[np.ndarray]:
    for i in chosen:
        yield source.read([i], raw=raw)[0]


class Whole:
    """Frames as they are."""

    def __init__(self, generator: Generator | CompiledGenerator) -> None:
        self.generator = generator

    def init_state(self, condition: Tensor) -> Any:
        """Blank state for frames like ``condition`` (1, C, H, W)."""
        return self.generator.init_state(condition)

    def step(self, condition: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One frame (1, C, H, W) -> (1, 3, H*s, W*s) and the next state."""
        return self.generator.step(condition, state)


@dataclass(frozen=True)
class _Tile:
    rows: slice
    columns: slice
    weight: Tensor  # (h*s, w*s)

    def scaled(self, scale: int) -> tuple[slice, slice]:
        return tuple(slice(part.start * scale, part.stop * scale) for part in (self.rows, self.columns))


class Tiled:
    """Frames in overlapping tiles, each with its own state; where they overlap they fade into each other.

    Args:
        generator: The generator.
        side: Side of a tile in pixels of the condition.
        overlap: Pixels by which neighbours overlap.
    """

    def __init__(self, generator: Generator | CompiledGenerator, side: int, overlap: int) -> None:
        if not 0 <= overlap < side:
            raise ConfigError(f'tiles of {side} pixels that overlap by {overlap}: expected 0 <= overlap < tile')
        self.generator, self.side, self.overlap = generator, side, overlap

    def init_state(self, condition: Tensor) -> list[tuple[_Tile, State]]:
        """Tiles with their blank states."""
        height, width = condition.shape[-2:]
        tiles = [_Tile(rows, columns, self._weight(rows, columns, height, width).to(condition.device))
                 for rows in _spans(height, self.side, self.overlap)
                 for columns in _spans(width, self.side, self.overlap)]
        return [(tile, self.generator.init_state(condition[..., tile.rows, tile.columns])) for tile in tiles]

    def step(self, condition: Tensor, state: list[tuple[_Tile, State]]) -> tuple[Tensor, list[tuple[_Tile, State]]]:
        """One frame (1, C, H, W) -> (1, 3, H*s, W*s) and the next states."""
        scale = self.generator.scale
        height, width = (side * scale for side in condition.shape[-2:])
        total = condition.new_zeros(1, 3, height, width)
        weights = condition.new_zeros(height, width)
        states = []
        for tile, before in state:
            pred, after = self.generator.step(condition[..., tile.rows, tile.columns], before)
            rows, columns = tile.scaled(scale)
            total[..., rows, columns] += pred * tile.weight
            weights[rows, columns] += tile.weight
            states.append((tile, after))
        return total / weights, states

    def _weight(self, rows: slice, columns: slice, height: int, width: int) -> Tensor:
        """(h*s, w*s): 1 inside, falling towards sides that have a neighbour."""
        sides = []
        for part, whole in ((rows, height), (columns, width)):
            count, fade = (part.stop - part.start) * self.generator.scale, self.overlap * self.generator.scale
            ramp = (torch.arange(count) + 1) / (fade + 1)
            ones = torch.ones(count)
            sides.append(torch.minimum(ramp.clamp(max=1) if part.start > 0 else ones,
                                       ramp.flip(0).clamp(max=1) if part.stop < whole else ones))
        return sides[0][:, None] * sides[1]


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    """Spans of ``side`` pixels that cover ``length``; the last one ends with it."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, side - overlap), length - side]
    return [slice(start, start + side) for start in starts]


def to_frame(pred: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [0, 1] -> (H, W, 3) uint8."""
    return (pred[0].float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype to compute in: 'fp32', 'bf16', 'fp16', or for 'auto' what the device computes quickly."""
    if name in DTYPES:
        return DTYPES[name]
    if name != 'auto':
        raise ConfigError(f"dtype='{name}': expected auto, {', '.join(DTYPES)}")
    if device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # Without these instructions a CPU emulates bfloat16, slower than float32.
    return torch.bfloat16 if torch.cpu.get_capabilities().get('amx_bf16') else torch.float32


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


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, made up to ``depth`` ahead in a thread, which ends when the iterator is closed."""
    ready: queue.Queue = queue.Queue(depth)
    abandoned = threading.Event()
    end = object()

    def put(item: Any) -> bool:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((end, None))
        except BaseException as error:  # handed over to the consumer, who raises it
            put((end, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        abandoned.set()
