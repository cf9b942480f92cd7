"""Hands frames and their recorded maps to an enhancer in step, and knows what became of each."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from photoreal.datasets.sources import size_text
from photoreal.errors import DataError
from photoreal.inference.inputs import Read


class Outcome(NamedTuple):
    """What became of a frame.

    Attributes:
        index: Its number in the input.
        time: When it appears, in units of the input's presentation.
        pred: (H*s, W*s, 3) uint8 RGB.
        fault: Why ``pred`` repeats the prediction before it; None: it does not.
        duration: How long it is shown if nothing follows, in the same units as the time.
    """

    index: int
    time: int
    pred: np.ndarray
    fault: DataError | None
    duration: int


class Feed:
    """Frames for one call of an enhancer, with what is recorded of them.

    Frames are read as the enhancer asks for them, which it does in a thread of its own. The first one that cannot be
    used ends them, so that everything before it is predicted; :meth:`outcomes` raises its fault after that.

    Args:
        frames: The frames.
        recorded: Modality -> its maps, one a frame.
        skip_bad: Repeat the prediction before a frame that cannot be used instead.
    """

    def __init__(self, frames: Generator[Read, None, None], recorded: Mapping[str, Generator[Read, None, None]],
                 skip_bad: bool) -> None:
        self._frames, self._recorded, self._skip_bad = frames, dict(recorded), skip_bad
        self._noted: deque[tuple[Read, DataError | None]] = deque()  # whose outcome is still to come
        self._maps: dict[str, deque[np.ndarray]] = {name: deque() for name in recorded}
        self._fault: Exception | None = None

    def frames(self) -> Iterator[np.ndarray]:
        """The frames, (H, W, 3) uint8 RGB, all of one size."""
        size = None
        try:
            for read in self._frames:
                maps = {name: self._map(name, reads, read.index) for name, reads in self._recorded.items()}
                fault = _fault(read, maps, size)
                if fault is not None:
                    if not self._skip_bad or size is None:
                        raise fault
                    self._noted.append((read._replace(pixels=fault), fault))
                    continue
                size = read.pixels.shape[:2]
                for name, one in maps.items():
                    self._maps[name].append(one.pixels)
                self._noted.append((read._replace(pixels=None), None))
                yield read.pixels
        except DataError as error:
            self._fault = error
        finally:  # whatever is left of them, so that pipes are closed
            for reads in (self._frames, *self._recorded.values()):
                reads.close()

    def maps(self) -> dict[str, Iterator[np.ndarray]]:
        """Modality -> its maps (H, W, c), of the frames that were given so far."""
        return {name: _drain(waiting) for name, waiting in self._maps.items()}

    def outcomes(self, preds: Iterable[np.ndarray]) -> Iterator[Outcome]:
        """What became of each frame, in order.

        Args:
            preds: Those of :meth:`frames`.

        Raises:
            DataError: What ended the frames before their end.
        """
        last = None
        for pred in preds:
            yield from self._repeats(last)
            read, _ = self._noted.popleft()
            yield Outcome(read.index, read.time, pred, None, read.duration)
            last = pred
        yield from self._repeats(last)
        if self._fault is not None:
            raise self._fault

    def _repeats(self, last: np.ndarray | None) -> Iterator[Outcome]:
        while self._noted and self._noted[0][1] is not None:
            read, fault = self._noted.popleft()
            yield Outcome(read.index, read.time, last, fault, read.duration)

    def _map(self, name: str, reads: Iterator[Read], index: int) -> Read:
        read = next(reads, None)
        if read is None:
            raise DataError(f"modality '{name}' ends before frame {index} does")
        return read


def _fault(read: Read, maps: Mapping[str, Read], size: tuple[int, int] | None) -> DataError | None:
    """What is wrong with a frame or its maps."""
    if isinstance(read.pixels, DataError):
        return read.pixels
    found = read.pixels.shape[:2]
    if size is not None and found != size:
        return DataError(f'frame {read.index} is {size_text(found)}, those before it {size_text(size)}: all frames of '
                         'a video must have one size')
    for name, one in maps.items():
        if isinstance(one.pixels, DataError):
            return one.pixels
        if one.pixels.shape[:2] != found:
            return DataError(f"modality '{name}', map {one.index}: {size_text(one.pixels.shape)}, expected the size of "
                             f'the frames, {size_text(found)}')
    return None


def _drain(waiting: deque[np.ndarray]) -> Iterator[np.ndarray]:
    while waiting:
        yield waiting.popleft()
