"""Fit a camera to footage: each effect where it shows, with its error.

Blur and shutter are in the edges, noise and grain in what differs between frames, vignette and bloom in what places
gain and lose on their way, aberration between the channels, the roll-off in the histogram. Errors are those of a
jackknife over parts of the footage and, for what a lens does, over parts of the frame as well: a scene that looks
like a vignette does not do so on all four sides. An effect that is not known to half of itself is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from photoreal.camera import aberration, edges, highlights, noise, tracks
from photoreal.camera.settings import CameraSettings
from photoreal.camera.shots import SECTORS, Shot
from photoreal.errors import DataError

PARTS = 8  # of the footage, each of which is left out once
LEVELS = (0.1, 0.5, 0.9)  # shadows, midtones and highlights
SURE = 1.96  # standard errors to each side of a 95 % interval
ALWAYS = ('blur', 'noise', 'grain')  # in all footage, more or less
# Standard errors however much footage there is: what is left on footage of known cameras (tests/camera/test_fit.py).
LEAST = {'shutter': 0.03, 'vignette': 0.008, 'bloom': 0.008, 'rolloff': 1.5 / 255}
LEAST_SHARE = {'vignette': 0.03, 'bloom': 0.15}  # of the value: light and motion are only nearly as the model has them
LEAST_PIXELS = {'blur': 0.06, 'grain': 0.1, 'aberration': 0.02}  # aberration: at the upper edge
LEAST_NOISE = 0.06  # of the deviation


@dataclass(frozen=True)
class CameraFit:
    """What was fitted.

    Attributes:
        settings: The camera; what the footage does not tell is 0.
        values: Name of a setting -> what was found, whether it is used or not.
        errors: Name of a setting -> half of its 95 % interval; infinite where the footage does not tell. Of
            ``noise``, of the deviation in midtones.
        shots: To how many moments of footage it was fitted.
        size: (height, width) of them.
        noise: (brightness, deviation, half of its 95 % interval) each, where it was measured.
    """

    settings: CameraSettings
    values: dict[str, float]
    errors: dict[str, float]
    shots: int
    size: tuple[int, int]
    noise: list[tuple[float, float, float]] = field(default_factory=list)

    def used(self, name: str) -> bool:
        """Whether the footage tells a setting: to half of itself, or of what all footage has, from 0."""
        return abs(self.values[name]) > self.errors[name] * (1 if name in ALWAYS else 2)


def fit_camera(shots: Iterable[Sequence[np.ndarray]]) -> CameraFit:
    """Fit a camera to footage.

    Args:
        shots: Frames of one moment each, (H, W, 3) uint8 RGB, all of one size: a frame, the one after it, and one
            some frames later. Some dozens, spread over the footage. Of single frames only what needs no motion is told.

    Raises:
        DataError: There are fewer than two shots, or frames are smaller than 32 pixels a side or differ in size.
    """
    seen, sizes = [], set()
    for frames in shots:
        shot = Shot(frames)
        sizes.add(shot.size)
        seen.append([module.observe(shot) for module in (edges, noise, highlights, tracks, aberration)])
    if len(seen) < 2:
        raise DataError(f'a camera is fitted to two moments of footage or more; found {len(seen)}')
    if len(sizes) > 1:
        raise DataError('a camera is fitted to frames of one size; found '
                        + ', '.join(f'{width}x{height}' for height, width in sorted(sizes)))
    [size] = sizes
    height = size[0]
    at_edges, blocks, histograms, tracked, channels = zip(*seen, strict=True)
    found = _edges(at_edges, height) | _highlights(histograms)
    found |= _tracks(tracked, found['rolloff'][0]) | _aberration(np.array(channels), height)
    curve, noisy, points = _noise(blocks, height, 1 - 2 * found['rolloff'][0])
    found |= noisy
    values, errors = ({name: pair[i] for name, pair in found.items()} for i in (0, 1))
    found_fit = CameraFit(CameraSettings(), values, errors, len(seen), size, points)
    kept = {name: value if found_fit.used(name) else 0.0 for name, value in values.items()}
    if kept['noise']:
        black, gain = curve.line
        kept['noise'], kept['shot'] = black**0.5, max(gain, -black)
    else:
        kept['grain'], errors['grain'] = 0.0, np.inf  # of no noise
    return replace(found_fit, settings=CameraSettings(**kept))


def _parts(count: int) -> list[np.ndarray]:
    """Which shots are left after each part was left out."""
    everything = np.arange(count)
    return [np.setdiff1d(everything, part) for part in np.array_split(everything, min(PARTS, count))]


def _jackknife(estimates: Sequence[np.ndarray]) -> np.ndarray:
    """Standard error by estimates without each part."""
    estimates, count = np.array(estimates), len(estimates)
    return np.sqrt((count - 1) / count * np.square(estimates - estimates.mean(0)).sum(0))


def _bar(*errors: float) -> float:
    """Half of the 95 % interval of independent errors."""
    return float(SURE * np.sqrt(np.square(errors).sum()))


def _edges(seen: Sequence[edges.Edges], height: int) -> dict[str, tuple[float, float]]:
    whole = edges.solve(list(seen))
    without = [edges.solve([seen[i] for i in left]) for left in _parts(len(seen))]
    found = {}
    for name, (value, error) in whole.items():
        least, unit = (LEAST_PIXELS[name], height) if name == 'blur' else (LEAST[name], 1)
        varies = _jackknife([one[name][0] for one in without])
        found[name] = value / unit, _bar(varies, error, least) / unit
    return found


def _highlights(seen: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
    histograms = np.array(seen)
    value, error = highlights.solve(histograms)
    varies = _jackknife([highlights.solve(histograms[left])[0] for left in _parts(len(seen))])
    return {'rolloff': (value, _bar(error, varies, LEAST['rolloff']))}


def _tracks(seen: Sequence[tracks.Points | None], rolloff: float) -> dict[str, tuple[float, float]]:
    names = ('vignette', 'bloom')
    light = tracks.join(seen, rolloff)
    if light is None:
        return dict.fromkeys(names, (0.0, np.inf))
    light = tracks.join(seen, rolloff, tracks.solve(light)[0][0])
    value, error = tracks.solve(light)
    start = tuple(value)
    by_time = _jackknife([tracks.solve(light.where(np.isin(light.shot, left)), start)[0] for left in _parts(len(seen))])
    by_place = _jackknife([tracks.solve(light.where(light.sector != s), start)[0] for s in range(SECTORS)])
    return {name: (float(value[i]), _bar(error[i], by_time[i], by_place[i], LEAST[name], LEAST_SHARE[name] * value[i]))
            for i, name in enumerate(names)}


def _aberration(seen: np.ndarray, height: int) -> dict[str, tuple[float, float]]:
    """Of (F, S, 2, 4, 5) sums."""
    value, error = aberration.solve(seen.sum((0, 1)))
    by_time = _jackknife([aberration.solve(seen[left].sum((0, 1)))[0] for left in _parts(len(seen))])
    by_place = _jackknife([aberration.solve(np.delete(seen, s, axis=1).sum((0, 1)))[0] for s in range(SECTORS)])
    return {'aberration': (value, _bar(error, by_time, by_place, LEAST_PIXELS['aberration'] / (height / 2)))}


def _noise(seen: Sequence[noise.Blocks], height: int, brightest: float,
           ) -> tuple[noise.Curve, dict[str, tuple[float, float]], list[tuple[float, float, float]]]:
    """Noise by brightness; the deviation in midtones and the grain; and deviations where they were measured."""
    curve = noise.solve(list(seen), brightest)
    if not len(curve.level):
        return curve, dict.fromkeys(('noise', 'grain'), (0.0, np.inf)), []
    parts = [noise.solve([seen[i] for i in left], brightest) for left in _parts(len(seen))]
    parts = [one for one in parts if len(one.level)]
    middle = deviation_at(*curve.line)
    found = {'noise': (middle, _bar(_jackknife([deviation_at(*one.line) for one in parts]), LEAST_NOISE * middle)),
             'grain': (curve.grain / height,
                       _bar(_jackknife([one.grain for one in parts]), LEAST_PIXELS['grain']) / height)}
    varies = _jackknife([np.interp(curve.level, one.level, one.deviation) for one in parts])
    errors = SURE * np.hypot(varies, LEAST_NOISE * curve.deviation)
    return curve, found, list(zip(curve.level.tolist(), curve.deviation.tolist(), errors.tolist(), strict=True))


def deviation_at(black: float, gain: float, level: float = LEVELS[1]) -> float:
    """Deviation of noise at a brightness, by its variance in black and what it gains to white."""
    return max(0.0, black + gain * level)**0.5
