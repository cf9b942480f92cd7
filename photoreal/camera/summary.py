"""A fitted camera, for people to read."""

from dataclasses import dataclass

from photoreal.camera.fit import CameraFit


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    name: str
    value: str
    meaning: str


def summarise(fit: CameraFit, height: int) -> list[Line]:
    """What was fitted, with standard errors, in pixels of frames this high and in levels of 255."""
    settings, errors = fit.settings, fit.errors
    level = [255 * (settings.noise**2 + settings.shot * at) ** 0.5 for at in (0.1, 0.5, 0.9)]
    return [
        Line('blur', _with_error(settings.blur * height, errors['blur'] * height), 'pixels, sigma of the lens'),
        Line('noise', ' / '.join(f'{value:.1f}' for value in level),
             'levels of 255 in shadows, midtones and highlights'),
        Line('grain', _with_error(settings.grain * height, errors['grain'] * height), 'pixels, sigma of the noise'),
        Line('vignette', f'{settings.vignette:.0%}', 'of the light that the corners lack'),
        Line('bloom', f'{settings.bloom:.0%}', 'of the light of highlights that is scattered'),
        Line('aberration', f'{settings.aberration * height / 2:.2f}', 'pixels between red and green at the top edge')]


def _with_error(value: float, error: float) -> str:
    return f'{value:.2f} ± {error:.2f}'
