"""What a look does, in a colourist's words."""

from typing import NamedTuple

import torch

from photoreal.look.oklab import from_oklab, to_oklab
from photoreal.look.table import Look

_MIDDLE = 0.6  # lightness of a middle grey
_SPAN = 0.15  # lightness beside it within which contrast is measured
_CHROMA = 0.06  # of colours whose saturation is measured
_HUES = 24
_LEANING = 0.004  # a and b below which a grey looks neutral


class Setting(NamedTuple):
    """One line of a summary: its name, its value with its unit, and what that means."""

    name: str
    value: str
    meaning: str


def summarise(look: Look) -> list[Setting]:
    """Exposure, contrast, black, white, white balance and saturation of a look, measured on greys and pale colours."""
    greys = torch.tensor([0, _MIDDLE - _SPAN, _MIDDLE, _MIDDLE + _SPAN, 1])
    changed = to_oklab(_apply(look, torch.stack([greys, 0 * greys, 0 * greys], dim=1)))
    black, low, middle, high, white = changed[:, 0].tolist()
    stops = 3 * torch.log2(torch.tensor(middle / _MIDDLE).clamp(min=1e-3)).item()  # light is lightness cubed
    contrast = (high - low) / (2 * _SPAN)
    a, b = changed[2, 1:].tolist()
    saturation = _saturation(look)
    return [
        Setting('exposure', f'{round(stops, 2) + 0:+.2f} stops', 'of a middle grey'),
        Setting('contrast', f'x {contrast:.2f}', 'slope of lightness around it'),
        Setting('black', f'{black:.3f}', 'lightness of black, 0 without a look'),
        Setting('white', f'{white:.3f}', 'lightness of white, 1 without a look'),
        Setting('white balance', f'{round(100 * a, 1) + 0:+.1f} {round(100 * b, 1) + 0:+.1f}', _leaning(a, b)),
        Setting('saturation', f'x {saturation:.2f}', 'chroma of pale colours of every hue')]


def _saturation(look: Look) -> float:
    hue = torch.arange(_HUES) * (2 * torch.pi / _HUES)
    colours = torch.stack([torch.full_like(hue, _MIDDLE), _CHROMA * hue.cos(), _CHROMA * hue.sin()], dim=1)
    changed = to_oklab(_apply(look, colours))[:, 1:]
    return ((changed - changed.mean(0)).norm(dim=1).mean() / _CHROMA).item()


def _apply(look: Look, lab: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(look.apply(from_oklab(lab).clamp(0, 1).numpy()))


def _leaning(a: float, b: float) -> str:
    """Words for where greys go."""
    words = [more if value > 0 else less for value, more, less in ((b, 'warmer', 'cooler'), (a, 'redder', 'greener'))
             if abs(value) >= _LEANING]
    return f'middle grey in OKLab, 100 a and 100 b: {" and ".join(words) or "neutral"}'
