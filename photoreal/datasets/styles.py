"""Input styles: what a clip goes through before modalities are computed from it, while its target stays as it is.

The generator then meets the colours of virtual video in training, and learns to give them those of real video.

Legend: T time, H height, W width, h and w the sides of a crop.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import cv2
import numpy as np

from photoreal.colour import apply_tables, lab_histogram, matching_tables, reinhard_tables
from photoreal.datasets.layout import VideoRecord, scan
from photoreal.datasets.transforms import Window
from photoreal.errors import ConfigError, DataError
from photoreal.look import Look
from photoreal.modalities.arguments import Range, check_number
from photoreal.registry import INPUT_STYLES

_SAMPLED = 256  # rows of a frame that are enough to tell its colours


class Reference:
    """Whole frames that a style may look at; they are only read when it does.

    Args:
        source: Reads the first frame of the clip.
        donor: Reads a frame of the virtual videos; None: there are no donors.
        scale: How much larger the clip's frames are than the donor's pixels would be.
    """

    def __init__(self, source: Callable[[], np.ndarray], donor: Callable[[], np.ndarray] | None = None,
                 scale: int = 1) -> None:
        self._source, self._donor, self.scale = source, donor, scale

    @cached_property
    def frame(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, the clip's first frame."""
        return self._source()

    @cached_property
    def donor(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, a virtual frame."""
        if self._donor is None:
            raise ConfigError('there is no donor: set needs_donor in the input style that asks for one')
        return self._donor()


class InputStyle(ABC):
    """Base of all input styles; register subclasses with ``@INPUT_STYLES.register_module()``.

    Args:
        prob: How often a clip gets this style.

    Attributes:
        needs_donor: Whether :meth:`apply` looks at a virtual frame.
    """

    needs_donor: ClassVar[bool] = False

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = check_number('prob', prob, 0, 1)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Parameters of :meth:`apply`, drawn once a clip."""
        return {}

    @abstractmethod
    def apply(self, frames: np.ndarray, reference: Reference, **params: Any) -> np.ndarray:
        """Restyle the frames of a clip, all alike.

        Args:
            frames: (T, h, w, 3) uint8 RGB, a window of the frames with what modalities need around it.
            reference: Whole frames.
            **params: What :meth:`sample` gave.

        Returns:
            (T, h, w, 3) uint8 RGB; the input is left as it is.
        """


class _LabTransfer(InputStyle):
    """Brings the clip's colours toward those of a donor, by a table for each channel of Lab.

    Args:
        prob: How often a clip gets this style.
        strength: How far, a pair (low, high) or a constant: 1 is all the way, 0 not at all.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    needs_donor = True
    make_tables: ClassVar[Callable[[np.ndarray, np.ndarray], np.ndarray]]

    def __init__(self, prob: float = 0.5, strength: float | tuple[float, float] = (0.5, 1.0)) -> None:
        super().__init__(prob)
        self.strength = Range.parse('strength', strength, maximum=1.0)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """``strength`` (float)."""
        return {'strength': self.strength.draw(rng)}

    def apply(self, frames: np.ndarray, reference: Reference, strength: float) -> np.ndarray:
        """(T, h, w, 3) uint8 RGB -> the same."""
        own, wanted = (lab_histogram(_sampled(frame)) for frame in (reference.frame, reference.donor))
        tables = type(self).make_tables(own, wanted)
        tables = np.rint(strength * tables + (1 - strength) * np.arange(256)).astype(np.uint8)
        return np.stack([apply_tables(frame, tables) for frame in frames])


@INPUT_STYLES.register_module()
class Reinhard(_LabTransfer):
    """Toward a donor's colours by their mean and standard deviation in Lab (Reinhard et al., IEEE CG&A 2001).

    Args:
        prob: How often a clip gets this style.
        strength: How far, a pair (low, high) or a constant: 1 is all the way, 0 not at all.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    make_tables = staticmethod(reinhard_tables)


@INPUT_STYLES.register_module()
class HistogramMatch(_LabTransfer):
    """Toward a donor's colours by the whole histograms of Lab, which goes further than their mean and deviation.

    Args:
        prob: How often a clip gets this style.
        strength: How far, a pair (low, high) or a constant: 1 is all the way, 0 not at all.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    make_tables = staticmethod(matching_tables)


@INPUT_STYLES.register_module()
class FDA(InputStyle):
    """The amplitudes of a donor's lowest frequencies, with the frames' own phases: its light, contrast and cast.

    Y. Yang and S. Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020 (arXiv 2004.05498).
    Every frame gets the same amplitudes, those of a window of the donor that has the size of the crop.

    Args:
        prob: How often a clip gets this style.
        beta: Up to which frequency, in shares of the crop's shorter side, a pair (low, high) or a constant.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    needs_donor = True

    def __init__(self, prob: float = 0.5, beta: float | tuple[float, float] = (0.01, 0.09)) -> None:
        super().__init__(prob)
        self.beta = Range.parse('beta', beta, maximum=0.5)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """``beta`` (float), and ``corner``, where in its free room the window of the donor lies (two of 0 to 1)."""
        return {'beta': self.beta.draw(rng), 'corner': rng.random(2).tolist()}

    def apply(self, frames: np.ndarray, reference: Reference, beta: float, corner: list[float]) -> np.ndarray:
        """(T, h, w, 3) uint8 RGB -> the same."""
        height, width = frames.shape[1:3]
        donor = _window(reference.donor, height, width, corner, reference.scale)
        reach = min(int(beta * min(height, width)), (height - 1) // 2, (width - 1) // 2)
        rows, columns = _waves(height, reach), _waves(width, reach).T  # (b, h), (w, b) with b = 2 * reach + 1
        planes = frames.transpose(0, 3, 1, 2).astype(np.float32)  # (T, 3, h, w)
        found = rows @ planes @ columns  # (T, 3, b, b)
        wanted = np.abs(rows @ donor.transpose(2, 0, 1).astype(np.float32) @ columns)  # (3, b, b)
        change = wanted * np.exp(1j * np.angle(found)) - found
        # Both signs of every frequency are among them, so that their sum is real.
        planes += (rows.conj().T @ change.astype(np.complex64) @ columns.conj().T).real / (height * width)
        return np.rint(np.clip(planes, 0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)


@INPUT_STYLES.register_module()
class Jitter(InputStyle):
    """Brightness, contrast, cast and noise, constant over a clip but for a small change from frame to frame.

    Each parameter is a pair (low, high), of which a value is drawn for a clip, or a constant.

    Args:
        prob: How often a clip gets this style.
        gain: Factor of all values.
        offset: What is added to them, of 255.
        cast: Standard deviation of the channels' own gains.
        noise: Standard deviation of the noise of every pixel of every frame, of 255.
        flicker: Standard deviation by which a frame's gain differs from the clip's.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    def __init__(self, prob: float = 0.5, gain: float | tuple[float, float] = (0.85, 1.15),
                 offset: float | tuple[float, float] = (-12, 12), cast: float | tuple[float, float] = (0.0, 0.06),
                 noise: float | tuple[float, float] = (0.0, 3.0),
                 flicker: float | tuple[float, float] = (0.0, 0.01)) -> None:
        super().__init__(prob)
        self.gain, self.noise = Range.parse('gain', gain), Range.parse('noise', noise)
        self.offset = Range.parse('offset', offset, minimum=-255, maximum=255)
        self.cast, self.flicker = Range.parse('cast', cast), Range.parse('flicker', flicker)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """``gain`` (three floats), ``offset``, ``noise``, ``flicker`` (floats), and ``seed`` (int) of what varies."""
        gain = self.gain.draw(rng) * (1 + self.cast.draw(rng) * rng.standard_normal(3))
        return {'gain': gain.tolist(), 'offset': self.offset.draw(rng), 'noise': self.noise.draw(rng),
                'flicker': self.flicker.draw(rng), 'seed': int(rng.integers(1 << 32))}

    def apply(self, frames: np.ndarray, reference: Reference, gain: list[float], offset: float, noise: float,
              flicker: float, seed: int) -> np.ndarray:
        """(T, h, w, 3) uint8 RGB -> the same."""
        rng = np.random.default_rng(seed)
        gains = np.array(gain) * (1 + flicker * rng.standard_normal((len(frames), 1)))  # (T, 3)
        tables = np.arange(256)[:, None, None] * gains + offset  # (256, T, 3)
        out = np.empty(frames.shape, np.uint8)
        for i, frame in enumerate(frames):
            bright = cv2.LUT(frame, tables[None, :, i].astype(np.float32))
            if noise:
                bright += np.float32(noise) * rng.standard_normal(frame.shape, np.float32)
            out[i] = np.rint(np.clip(bright, 0, 255))
        return out


@INPUT_STYLES.register_module()
class RandomConv(InputStyle):
    """Other textures and colours on the same shapes: the frames mixed with themselves after a random convolution.

    Z. Xu et al., "Robust and Generalizable Visual Representation Learning via Random Convolutions", ICLR 2021 (arXiv
    2007.13003). The convolution is drawn once a clip.

    Args:
        prob: How often a clip gets this style.
        sides: Sides of the kernel, odd, of which one is drawn.
        mix: Share of the convolved frame, a pair (low, high) or a constant.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    def __init__(self, prob: float = 0.5, sides: Sequence[int] = (1, 3, 5),
                 mix: float | tuple[float, float] = (0.2, 0.8)) -> None:
        super().__init__(prob)
        self.sides = [check_number(f'sides[{i}]', side, 1, integer=True) for i, side in enumerate(sides)]
        if not self.sides or any(side % 2 == 0 for side in self.sides):
            raise ConfigError(f'sides={list(sides)}: expected odd numbers, one at least')
        self.mix = Range.parse('mix', mix, maximum=1.0)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """``kernel``, for each pair of an output's and an input's channel the rows of weights, and ``mix`` (float)."""
        side = int(rng.choice(self.sides))
        kernel = rng.standard_normal((3, 3, side, side)) / np.sqrt(3 * side**2)  # keeps the contrast about as it was
        return {'kernel': kernel.tolist(), 'mix': self.mix.draw(rng)}

    def apply(self, frames: np.ndarray, reference: Reference, kernel: list, mix: float) -> np.ndarray:
        """(T, h, w, 3) uint8 RGB -> the same."""
        weights, out = np.array(kernel, np.float32), np.empty(frames.shape, np.uint8)
        for i, frame in enumerate(frames.astype(np.float32) - 128):
            planes = cv2.split(frame)
            found = [sum(cv2.filter2D(plane, -1, one) for plane, one in zip(planes, row)) for row in weights]
            out[i] = np.rint(np.clip((1 - mix) * frame + mix * np.stack(found, axis=-1) + 128, 0, 255))
        return out


class InputStyles:
    """The styles of a training data set, and the virtual videos whose frames are their donors.

    Args:
        styles: Name -> input style or its config, applied in this order; None in place of one leaves it out.
        data_root: The data set's folder; donors are the frames of ``train/virtual``, never those of ``val``.
        look: What donors go through, as all virtual frames do; None: nothing.

    Raises:
        ConfigError: A style cannot be built.
        DataError: A style needs donors and there are none, or they have faults.
    """

    def __init__(self, styles: Mapping[str, dict | InputStyle | None] | None, data_root: str | os.PathLike,
                 look: Look | None = None) -> None:
        self.look = look
        self.styles = build_styles(styles)
        self.donors: list[VideoRecord] = []
        self._ends = np.zeros(0, int)  # of each donor, the number of frames to its end
        if needy := styles_with_donors(self.styles):
            try:
                self.donors = scan(data_root, 'train', ['virtual'], {})
            except DataError as error:
                raise DataError(f"{error}\nThe input style '{needy[0]}' takes its donors from there; if you have none, "
                                f'leave it out: input_styles.{needy[0]}=None') from error
            self._ends = np.cumsum([len(video) for video in self.donors])

    def draw(self, rng: np.random.Generator) -> tuple[dict[str, dict[str, Any]], tuple[VideoRecord, int] | None]:
        """What happens to one clip: name -> parameters of each style that it gets, and the donor's video and frame."""
        chances = rng.random(len(self.styles))
        params = {name: style.sample(rng) for name, style in self.styles.items()}
        given = {name: params[name] for chance, (name, style) in zip(chances, self.styles.items())
                 if chance < style.prob}
        if not self.donors:
            return given, None
        k = int(rng.integers(self._ends[-1]))
        number = int(np.searchsorted(self._ends, k, side='right'))
        return given, (self.donors[number], k - int(self._ends[number]) + len(self.donors[number]))

    def apply(self, frames: np.ndarray, rng: np.random.Generator, video: VideoRecord, index: int,
              scale: int) -> np.ndarray:
        """Restyle a window of the frames of a clip.

        Args:
            frames: (T, h, w, 3) uint8 RGB.
            rng: Of this clip.
            video: Where they come from.
            index: Which of its frames is the clip's first.
            scale: How much larger real frames are than the condition, and so than donors.
        """
        given, donor = self.draw(rng)
        reference = Reference(lambda: video.frames.read([index])[0],
                              donor and (lambda: self._read_donor(*donor)), scale)
        for name, params in given.items():
            frames = self.styles[name].apply(frames, reference, **params)
        return frames

    def _read_donor(self, video: VideoRecord, index: int) -> np.ndarray:
        frame = video.frames.read([index])[0]
        return frame if self.look is None else self.look.apply(frame)


def build_styles(styles: Mapping[str, dict | InputStyle | None] | None) -> dict[str, InputStyle]:
    """Input styles by their names, from their configs; None in place of one leaves it out.

    Raises:
        ConfigError: A style cannot be built.
    """
    return {name: _build(name, style) for name, style in (styles or {}).items() if style is not None}


def styles_with_donors(styles: Mapping[str, InputStyle]) -> list[str]:
    """Names of the styles that look at frames of ``train/virtual``."""
    return [name for name, style in styles.items() if style.needs_donor and style.prob > 0]


def _build(name: str, style: dict | InputStyle) -> InputStyle:
    if isinstance(style, InputStyle):
        return style
    try:
        built = INPUT_STYLES.build(style)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ConfigError(f"input style '{name}': {reason}") from error
    if not isinstance(built, InputStyle):
        raise ConfigError(f"input style '{name}' makes a {type(built).__name__}; expected an InputStyle")
    return built


def _sampled(frame: np.ndarray) -> np.ndarray:
    step = max(1, min(frame.shape[:2]) // _SAMPLED)
    return np.ascontiguousarray(frame[::step, ::step])


def _window(frame: np.ndarray, height: int, width: int, corner: list[float], scale: int) -> np.ndarray:
    """(height, width, 3) of a frame (H, W, 3) that is enlarged by ``scale``; of all of it where it is smaller."""
    size = [min(have, -(-want // scale)) for have, want in zip(frame.shape, (height, width))]
    top, left = (int(place * (have - take + 1)) for place, have, take in zip(corner, frame.shape, size))
    part = Window(top, left, *size).cut(frame)
    return part if part.shape[:2] == (height, width) else cv2.resize(part, (width, height))


def _waves(length: int, reach: int) -> np.ndarray:
    """The frequencies -reach .. reach of the discrete Fourier transform: (2 * reach + 1, length) complex64."""
    steps = np.outer(np.arange(-reach, reach + 1), np.arange(length)) % length
    return np.exp(-2j * np.pi / length * steps).astype(np.complex64)
