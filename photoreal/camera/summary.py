"""A fitted camera, for people to read."""

import math
from dataclasses import dataclass

from photoreal.camera.fit import LEVELS, CameraFit


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        name: Of the effect.
        found: What was fitted, with half of its 95 % interval.
        used: What the camera does, ``off`` or a value.
        meaning: In which unit, and of what.
    """

    name: str
    found: str
    used: str
    meaning: str


def summarise(fit: CameraFit, height: int) -> list[Line]:
    """What was fitted, and what of it is used, in pixels of frames this high and in levels of 255."""
    s = fit.settings
    levels = ' / '.join(f'{255 * max(0.0, s.noise**2 + s.shot * at)**0.5:.1f}' for at in LEVELS)
    entries = [
        ('motion', 'shutter', s.shutter, 100, 0, '%, of the time between frames that the shutter is open'),
        ('aberration', 'aberration', s.aberration, height / 2, 2, 'pixels between red and green at the top edge'),
        ('blur', 'blur', s.blur, height, 2, 'pixels, sigma of the lens'),
        ('glare', 'glare', s.glare, 100, 0, '%, of all light that is scattered widely'),
        ('bloom', 'bloom', s.bloom, 100, 0, '%, of the light of highlights that is scattered'),
        ('vignette', 'vignette', s.vignette, 100, 0, '%, of the light that the corners lack'),
        ('noise', 'noise', levels if s.noise or s.shot else 0.0, 255, 1,
         'levels of 255; used in shadows / midtones / highlights'),
        ('grain', 'grain', s.grain, height, 2, 'pixels, sigma of the noise'),
        ('roll-off', 'rolloff', s.rolloff, 255, 0, 'levels of 255 that white falls short of')]
    return [Line(name, _with_error(fit.values[key] * unit, fit.errors[key] * unit, digits) if key in fit.values
                 else 'by hand',
                 value if isinstance(value, str) else f'{value * unit:.{digits}f}' if value else 'off', meaning)
            for name, key, value, unit, digits, meaning in entries]


def _with_error(value: float, error: float, digits: int) -> str:
    return 'not told' if math.isinf(error) else f'{value:.{digits}f} ± {error:.{digits}f}'
