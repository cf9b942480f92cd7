"""Memory and speed of a run, told before it starts.

Speed is measured, on a small frame where a whole one would take long or might not fit. Memory is what lives at the
worst moment of a step, added up. Where a whole frame can be tried, its step is weighed; else the step is traced with
tensors that have shapes but no data, for which torch imports its compiler: that takes seconds.

Legend: N streams, C condition channels, H height, W width, s scale.
"""

import time
import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.tiles import Tiled, count_tiles
from photoreal.precision import DTYPES

_TRIAL_PIXELS = 320 * 180  # frames up to this size are timed whatever the device
_TRIAL_SECONDS = 0.5  # a larger frame is timed itself where it takes no longer
_WAITING = 10  # frames, and their maps, that wait between the threads, and until scene cuts are known
_PREDICTED = 8  # predictions that wait for the writer
_ENCODING = 60  # frames that an H.264 encoder looks ahead and holds for reference, 1.5 bytes a pixel, twice
_ROOM = 0.9  # of the memory that is free may be used
_SPARE = 2  # times what a small frame lets expect must be free for a whole one to be tried
_SIDES = (2048, 1536, 1024, 768, 512, 384, 256, 192, 128, 96, 64)


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
        dtype: 'fp32', 'bf16' or 'fp16'.
        device: 'cpu', 'cuda' ...
        memory: Bytes at the worst moment: of the whole process on a CPU, of tensors on a GPU.
        more: How many of them are not in use yet.
        free: Bytes that are free now.
        rate: Frames a second of modalities and generator, all streams together; reading and writing come on top.
        tile: Largest side of tiles with which it would fit; None: it fits as it is, or not at all.
    """

    height: int
    width: int
    dtype: str
    device: str
    memory: int
    more: int
    free: int
    rate: float
    tile: int | None = None

    @property
    def fits(self) -> bool:
        """Whether there is enough memory."""
        return self.more <= _ROOM * self.free

    def __str__(self) -> str:
        text = (f'{self.width}x{self.height}, {self.dtype}: about {self.memory / 1e9:.1f} GB, {self.rate:.3g} frames/s '
                f'on this device ({self.device})')
        if self.fits:
            return text
        advice = f'--tile {self.tile} fits' if self.tile else 'no tile would fit either; make the frames smaller'
        return f'{text}; that is more than there is ({self.free / 1e9:.1f} GB are free): {advice}'


def forecast(enhancer: VideoEnhancer, height: int, width: int) -> Forecast:
    """Predict memory and speed of a run.

    Args:
        enhancer: The model at work.
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
    """
    # Trials come first, so that what they set up counts as in use.
    shrunk = min(1.0, (_TRIAL_PIXELS / (height * width))**0.5)
    small = max(16, round(height * shrunk)), max(16, round(width * shrunk))
    larger = height * width / (small[0] * small[1])
    seconds = _trial(enhancer, *small) * larger
    tried = larger <= 1
    if not tried and seconds < _TRIAL_SECONDS and \
            _SPARE * larger * _needed(enhancer, *small, traced=False) <= _ROOM * _memory(enhancer.device)[1]:
        seconds, tried = _trial(enhancer, height, width), True
    more = _needed(enhancer, height, width, traced=not tried)
    used, free = _memory(enhancer.device)
    tile = None
    if more > _ROOM * free:
        tile = next((side for side in _SIDES if side < max(height, width) and side > enhancer.overlap
                     and _needed(enhancer, height, width, side) <= _ROOM * free), None)
    dtype = next(name for name, kind in DTYPES.items() if kind == enhancer.dtype)
    return Forecast(height, width, dtype, str(enhancer.device), used + more, more, free, 1 / seconds, tile)


def _needed(enhancer: VideoEnhancer, height: int, width: int, tile: int | None = None, traced: bool = True) -> int:
    """Bytes that a run takes beyond those in use: with tiles of this side, or as the enhancer is set."""
    stepper = enhancer.stepper
    if tile is None and isinstance(stepper, Tiled):
        tile = stepper.side
    count, sides = 1, (height, width)
    if tile is not None:
        count = count_tiles(height, width, tile, enhancer.overlap)
        sides = min(tile, height), min(tile, width)
    step, state = step_bytes(enhancer, *sides, traced)
    scale = stepper.generator.scale
    pixels, predicted = height * width, 3 * height * width * scale**2
    channels = enhancer.preprocessor.layout.channels
    # Beside the step: the states of the other tiles before and after it, the condition, the prediction as float32 once
    # with and once without rounding, and as bytes.
    needed = step + 2 * (count - 1) * state + enhancer.streams * (4 * channels * pixels + (2 * 4 + 1) * predicted)
    if enhancer.device.type == 'cpu':
        maps = sum(_map_bytes(enhancer).values())
        needed += enhancer.streams * (_WAITING * pixels * (3 + maps) + _PREDICTED * predicted + _ENCODING * predicted)
    return needed


class _Meter(TorchDispatchMode):
    """Adds up what is alive of the tensors that are made while it is entered; ``peak``: the most there was."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._alive = 0
        self._holders: dict[int, int] = {}  # storage -> tensors that show it

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes a second, to keep it from what is never compiled

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for tensor in tree_leaves(made):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self._holders:
                if key in given:
                    continue  # it was there before
                self._alive += size
            self._holders[key] = self._holders.get(key, 0) + 1
            weakref.finalize(tensor, self._let_go, key, size)
        self.peak = max(self.peak, self._alive)
        return made

    def _let_go(self, key: int, size: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self._alive -= size


def step_bytes(enhancer: VideoEnhancer, height: int, width: int, traced: bool = True) -> tuple[int, int]:
    """Bytes of a step over whole frames at its worst moment, with those of the state before it; those of a state.

    Args:
        enhancer: The model at work.
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
        traced: Without data, so that frames of any size fit; else such a step is made.
    """
    generator = getattr(enhancer.stepper.generator, 'generator', enhancer.stepper.generator)
    half = enhancer.dtype != torch.float32
    with ExitStack() as stack:
        if traced:
            from torch._subclasses import FakeTensorMode
            stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(enhancer.device.type, enhancer.dtype, enabled=half))
        condition = torch.zeros(enhancer.streams, enhancer.preprocessor.layout.channels, height, width,
                                device=enhancer.device)
        state = generator.init_state(condition)
        size = sum(value.nbytes for value in state.values())
        with _Meter() as meter:
            generator.step(condition, state)
    return meter.peak + size, size


def _trial(enhancer: VideoEnhancer, height: int, width: int) -> float:
    """The same for frames of noise."""
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    computing = min(_computing_seconds(enhancer, frame) for _ in range(2))  # the first may set up what others have
    with torch.inference_mode():
        condition = torch.rand(enhancer.streams, enhancer.preprocessor.layout.channels, height, width,
                               device=enhancer.device)
        times, state = [], None
        while len(times) < 2 or len(times) < 4 and sum(times) < _TRIAL_SECONDS:
            began = time.perf_counter()
            arriving, state = enhancer.predict(condition, state)
            for one in arriving:
                one.wait()
            times.append(time.perf_counter() - began)
    return max(min(times[1:]) / enhancer.streams, computing)


def _computing_seconds(enhancer: VideoEnhancer, frame: np.ndarray) -> float:
    """Seconds that the look and the modalities of a frame take."""
    began = time.perf_counter()
    frame = frame if enhancer.look is None else enhancer.look.apply(frame)
    for modality in enhancer.modalities.values():
        if modality.folder is None:
            modality.compute(np.stack([frame] * (modality.context + 1)), **modality.sample(None))
    return time.perf_counter() - began


def _map_bytes(enhancer: VideoEnhancer) -> dict[str, float]:
    """Modality -> bytes a pixel of its map as it waits, at least one."""
    found = {}
    for name, modality in enhancer.modalities.items():
        if modality.folder is None:
            frames = np.zeros((modality.context + 1, 16, 16, 3), np.uint8)
            found[name] = modality.compute(frames, **modality.sample(None))[-1].nbytes / 256
        else:
            found[name] = 4.0  # uint8 RGB, uint16 or float32
    return found


def _memory(device: torch.device) -> tuple[int, int]:
    """Bytes in use (by this process, or by tensors on a GPU) and bytes that are free."""
    if device.type == 'cuda':
        reserved, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        return used, torch.cuda.mem_get_info(device)[0] + reserved - used
    free = psutil.virtual_memory().available
    limit = Path('/sys/fs/cgroup/memory.max')  # of a container
    if limit.is_file() and (most := limit.read_text().strip()).isdecimal():
        free = min(free, max(0, int(most) - int(limit.with_name('memory.current').read_text())))
    return psutil.Process().memory_info().rss, free
