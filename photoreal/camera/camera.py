"""What lens, sensor and codec do to a picture, applied last.

Simple models, each of one number or two. They follow Carlson et al., "Modeling Camera Effects to Improve Visual
Learning from Synthetic Data", ECCV Workshops 2018 (arXiv 1803.07721); noise is a line in brightness as in Foi et al.,
"Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data", IEEE TIP 2008. All is OpenCV on
8 bits, and on float32 where it has to be: a frame costs a fraction of what the smallest generator does.

Legend: H height, W width.
"""

from collections.abc import Callable

import cv2
import numpy as np

from photoreal.camera.motion import blur_along, shutter_motion
from photoreal.camera.settings import CameraSettings

SHARED = 0.75  # of the noise that the three channels have in common: demosaicking and codecs mix them
SPARE = 256  # by how many pixels the noise is larger than frames, of which each gets another part
COUNTS = 32  # of the stored noise to one standard deviation; 8 bits then reach to 4 of them
GLOWING = 0.8  # brightness from which a place counts as a highlight, wholly so at 1
STRIP = 32  # rows that are computed at a time
_GLOWS = np.rint(255 * np.clip((np.arange(256) / 255 - GLOWING) / (1 - GLOWING), 0, 1)).astype(np.uint8)
VEILS = (0.01, 0.04, 0.12)  # sigmas, shares of the height, of what glare scatters
LEAST_BLUR = 0.1  # pixels; what is less is none


class Camera:
    """Apply a camera's effects to frames, in the order in which light meets them: shutter, lens, sensor, tone curve.

    Args:
        settings: How strong each is.
        seed: Of the noise, which is the same in each run, and another one in each frame.
    """

    def __init__(self, settings: CameraSettings, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed
        self._fields: dict[tuple[int, int], np.ndarray] = {}
        self._gains: dict[tuple[tuple[int, int], float], np.ndarray] = {}

    def take(self) -> Callable[[np.ndarray], np.ndarray]:
        """Start a video: what is returned films its frames (H, W, 3) uint8 RGB one after the other."""
        index, before = 0, None

        def film(frame: np.ndarray) -> np.ndarray:
            nonlocal index, before
            filmed = self.film(frame, index, moving=None if before is None else (frame, before))
            index += 1
            before = frame if self.settings.shutter else None
            return filmed

        return film

    def film(self, frame: np.ndarray, index: int, strength: float = 1.0,
             moving: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
        """Film one frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            index: Its number, which decides on its noise.
            strength: Of all effects, 0 to 1.
            moving: This moment and the one before it, (h, w, 3) uint8 each, by which motion is found: frames of this
                video, or of the render that it was made of; None: the frame is not blurred by motion.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        s, height = self.settings.blend(strength), frame.shape[0]
        x = frame
        if s.shutter and moving is not None:
            x = blur_along(x, shutter_motion(*moving, s.shutter, x.shape[:2]))
        if s.aberration:
            x = _spread_colours(x, s.aberration)
        veil = veil_of(x, s.glare)
        glow = bloom_of(x, s.bloom)  # of light that is not blurred yet, a small matter beside its width
        if s.blur * height >= LEAST_BLUR:
            x = cv2.GaussianBlur(x, (0, 0), s.blur * height, borderType=cv2.BORDER_REPLICATE)
        if veil is not None or glow is not None or s.vignette or s.noise or s.shot:
            x = self._expose(x, s, veil, glow, index)
        if s.rolloff:
            x = cv2.LUT(x, np.rint(255 * shoulder(np.arange(256) / 255, s.rolloff)).astype(np.uint8))
        return frame.copy() if x is frame else x

    def _expose(self, x: np.ndarray, s: CameraSettings, veil: np.ndarray | None, glow: np.ndarray | None,
                index: int) -> np.ndarray:
        """Veil, glow, vignette and noise of a frame (H, W, 3) uint8, strip by strip in float32, which stays in the
        cache."""
        size = x.shape[:2]
        gain = self._gain(size, s.vignette) if s.vignette else None
        noise, sign = None, 1
        if s.noise or s.shot:
            rng = np.random.default_rng((self.seed, index))
            top, left, coin = map(int, rng.integers(0, (SPARE, SPARE, 2)))
            noise, sign = self._field(size)[top:top + size[0], left:left + size[1]], 1 - 2 * coin
        out = np.empty_like(x)
        for start in range(0, size[0], STRIP):
            rows = slice(start, start + STRIP)
            y = x[rows].astype(np.float32)
            if veil is not None:  # light is about the square of the level
                light = cv2.multiply(y, y, y, scale=1 - s.glare)
                y = cv2.sqrt(cv2.add(light, veil[rows], light), light)
            if glow is not None:  # as a second exposure on top: 1 - (1 - x) (1 - glow)
                rest = cv2.addWeighted(y, -1, y, 0, 255)
                y = cv2.add(y, cv2.multiply(rest, glow[rows], rest), y)
            if gain is not None:
                y = cv2.multiply(y, gain[rows], y)
            grain = np.zeros_like(y) if noise is None else _noise(y, noise[rows], s, sign)
            cv2.add(y, grain, out[rows], dtype=cv2.CV_8U)
        return out

    def _gain(self, size: tuple[int, int], vignette: float) -> np.ndarray:
        """(H, W, 3) float32: the share of the light that arrives."""
        if (size, vignette) not in self._gains:
            gain = 1 - vignette * off_axis(size)
            self._gains = {(size, vignette): np.repeat(gain[..., None], 3, axis=2).astype(np.float32)}
        return self._gains[size, vignette]

    def _field(self, size: tuple[int, int]) -> np.ndarray:
        """(H + SPARE, W + SPARE, 3) int8: noise with its grain, of variance COUNTS^2."""
        if size not in self._fields:
            height, width = size
            rng = np.random.default_rng(self.seed)
            sigma, shape = self.settings.grain * height, (height + SPARE, width + SPARE)
            layers = []
            for _ in range(4):  # one that the channels share, and three of their own
                layer = rng.standard_normal(shape, np.float32)
                if sigma >= LEAST_BLUR:
                    layer = cv2.GaussianBlur(layer, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
                layers.append(layer / layer.std())
            field = np.stack([SHARED**0.5 * layers[0] + (1 - SHARED)**0.5 * own for own in layers[1:]], axis=2)
            self._fields[size] = np.clip(np.rint(COUNTS * field), -127, 127).astype(np.int8)
        return self._fields[size]


def _noise(y: np.ndarray, field: np.ndarray, s: CameraSettings, sign: int) -> np.ndarray:
    """(h, w, 3) float32, the noise at places this bright; both in levels of 255."""
    scale = sign / COUNTS
    if not s.shot:
        return cv2.addWeighted(field, 255 * s.noise * scale, field, 0, 0, dtype=cv2.CV_32F)
    deviation = cv2.addWeighted(y, 255 * s.shot, y, 0, (255 * s.noise)**2 + 1e-3)  # above 0 whatever the rounding
    return cv2.multiply(field, cv2.sqrt(deviation, deviation), scale=scale, dtype=cv2.CV_32F)


def _spread_colours(x: np.ndarray, aberration: float) -> np.ndarray:
    """Red looked up nearer to the middle, so that it comes out larger, and blue farther from it."""
    height, width = x.shape[:2]
    x = x.copy()
    for channel, sign in ((0, -1), (2, 1)):
        shift = sign * aberration
        matrix = np.array([[1 + shift, 0, -shift * (width - 1) / 2], [0, 1 + shift, -shift * (height - 1) / 2]])
        moved = cv2.warpAffine(cv2.extractChannel(x, channel), matrix, (width, height),
                               flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        cv2.insertChannel(moved, x, channel)
    return x


def off_axis(size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32: the square of the distance from the middle, 1 in the corners; light falls off with it."""
    height, width = size
    y = np.linspace(-height, height, height, dtype=np.float32)[:, None]
    x = np.linspace(-width, width, width, dtype=np.float32)
    return (y**2 + x**2) / (height**2 + width**2)


def shoulder(x: np.ndarray, rolloff: float) -> np.ndarray:
    """The tone curve in [0, 1]: a line to ``1 - 2 rolloff``, then a parabola that ends level at ``1 - rolloff``."""
    if not rolloff:
        return x
    return x - np.maximum(x - (1 - 2 * rolloff), 0) ** 2 / (4 * rolloff)


def unshoulder(y: np.ndarray, rolloff: float) -> np.ndarray:
    """The reverse of :func:`shoulder`; what is brighter than its white is white."""
    if not rolloff:
        return y
    inside = np.clip((1 - rolloff - y) / rolloff, 0, None)
    return np.where(y > 1 - 2 * rolloff, 1 - 2 * rolloff * np.sqrt(inside), y)


def halve(x: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 at half the size."""
    return cv2.resize(x, (max(1, x.shape[1] // 2), max(1, x.shape[0] // 2)), interpolation=cv2.INTER_AREA)


def scatter(half: np.ndarray, height: int) -> np.ndarray:
    """The light of highlights as it would be scattered, had they nothing else to do.

    Args:
        half: (H/2, W/2, 3) uint8, of :func:`halve`.
        height: Of the frame.

    Returns:
        (h, w, 3) float32 in [0, 1], at about an eighth of the frame's size, where a wide blur costs little.
    """
    weight = cv2.LUT(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY), _GLOWS)
    light = cv2.multiply(half, cv2.merge([weight] * 3), scale=1 / 255)
    small = max(1, half.shape[1] // 4), max(1, half.shape[0] // 4)
    light = cv2.resize(light, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    near, far = (cv2.GaussianBlur(light, (0, 0), height / share, borderType=cv2.BORDER_REPLICATE)
                 for share in (320, 90))
    return (near + far) / 2


def bloom_of(x: np.ndarray, bloom: float) -> np.ndarray | None:
    """(H, W, 3) float32, what a bloom adds to a frame (H, W, 3) uint8; None where nothing would be seen."""
    if not bloom:
        return None
    glow = bloom * scatter(halve(x), x.shape[0])
    if glow.max() < 0.5 / 255:
        return None
    return cv2.resize(glow, x.shape[1::-1])


def veil_of(x: np.ndarray, glare: float) -> np.ndarray | None:
    """(H, W, 3) float32, the light that is scattered over a frame (H, W, 3) uint8, in squared levels; None: none."""
    if not glare:
        return None
    height, width = x.shape[:2]
    small = cv2.resize(x, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.multiply(small, small, small, scale=glare / len(VEILS))
    light = sum(cv2.GaussianBlur(light, (0, 0), share * len(light), borderType=cv2.BORDER_REPLICATE) for share in VEILS)
    return cv2.resize(light, (width, height))
