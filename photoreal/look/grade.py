"""What a colourist sets, as few smooth numbers: a curve of lightness, saturation, and a tint, each by lightness.

All bounds hold by construction, so that whatever is fitted leaves gradients whole and objects their hue.

Legend: n colours, K coefficients of a spline.
"""

import math

import torch
from torch import Tensor, nn

from photoreal.look.oklab import from_oklab, most_chroma, to_oklab

SLOPES = 0.4, 2.0  # least and greatest slope of the curve of lightness
SATURATIONS = 0.75, 1.5  # least and greatest factor of chroma
BLACKS, WHITES = (0.0, 0.05), (0.9, 1.0)  # where the curve may begin and end
MOST_TINT = 0.018  # of greys, in OKLab, where 0.02 is a cast that one notices
_FADE = 0.04  # chroma at which half of the tint is left
_HUE_WAVE = 0.1  # most by which each wave around the hue circle changes chroma
_NATURAL = 0.1  # added to lightness before chroma follows it, so that blacks stay free of colour
_ENDS = 0.15  # lightness beside black and white over which the tint comes in
_DEEP, _KEPT = 0.25, (0.9, 1.2)  # shadows below this lightness are to keep these parts of it
_COEFFICIENTS = 10, 5  # of the curve's slope; of saturation and tint
_STEPS = 512  # of the curve's integral
_KNEE = 6  # how sharply chroma turns before it would leave sRGB


class Grade(nn.Module):
    """A change of colours in OKLab by few numbers, which begins as the identity.

    The curve of lightness rises with slopes within :data:`SLOPES`. Chroma follows lightness, as it does when a scene
    is lit more or less, times a saturation that depends on lightness and, a little, on hue. The tint is a shift of a
    and b that depends on lightness and fades with chroma: it moves greys, a white balance, and hardly the hue of what
    has one.

    Args:
        most_tint: Bound of the tint of greys, in OKLab.
    """

    def __init__(self, most_tint: float = MOST_TINT) -> None:
        super().__init__()
        self.most_tint = most_tint
        slopes, others = _COEFFICIENTS
        self.slopes = nn.Parameter(torch.full((slopes,), _unbounded(1.0, SLOPES)))
        self.black = nn.Parameter(torch.tensor(_unbounded(0.002, BLACKS)))
        self.white = nn.Parameter(torch.tensor(_unbounded(0.998, WHITES)))
        self.saturation = nn.Parameter(torch.full((others,), _unbounded(1.0, SATURATIONS)))
        self.hues = nn.Parameter(torch.zeros(4))
        self.tint = nn.Parameter(torch.zeros(others, 2))
        self.register_buffer('_even', torch.linspace(0, 1, _STEPS + 1))

    def forward(self, lab: Tensor) -> Tensor:
        """Colours (n, 3) in OKLab -> the same, which may lie beyond sRGB."""
        lightness, colour = lab[:, 0], lab[:, 1:]
        raised = self.curve(lightness)
        chroma = colour.square().sum(1).clamp(min=1e-12).sqrt()
        natural = (raised + _NATURAL) / (lightness + _NATURAL)
        gain = natural * self.saturation_at(lightness) * self._hue_gain(colour, chroma)
        return torch.cat([raised[:, None], colour * gain[:, None] + self.tint_at(lightness, chroma)], dim=1)

    def curve(self, lightness: Tensor) -> Tensor:
        """The curve of lightness, (n,) -> (n,)."""
        black, white = _bounded(self.black, BLACKS), _bounded(self.white, WHITES)
        slope = _spline(self._slopes(white - black), self._even)
        rise = torch.cat([slope.new_zeros(1), (slope[1:] + slope[:-1]).cumsum(0) / (2 * _STEPS)])
        rise = black + (white - black) * rise / rise[-1]
        place = (lightness.clamp(0, 1) * _STEPS).clamp(max=_STEPS - 1e-3)
        below = place.detach().long()
        return torch.lerp(rise[below], rise[below + 1], place - below)

    def saturation_at(self, lightness: Tensor) -> Tensor:
        """The factor of chroma, (n,) -> (n,)."""
        return _spline(_bounded(self.saturation, SATURATIONS), lightness)

    def tint_at(self, lightness: Tensor, chroma: Tensor) -> Tensor:
        """The shift of a and b of colours of a lightness and a chroma, (n,) -> (n, 2)."""
        size = self.tint.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        tint = self.tint / size * self.most_tint * torch.tanh(size / self.most_tint)
        ends = _smooth((lightness / _ENDS).clamp(0, 1)) * _smooth(((1 - lightness) / _ENDS).clamp(0, 1))
        return (ends / (1 + (chroma / _FADE) ** 2))[:, None] * _spline(tint, lightness)

    def roughness(self) -> Tensor:
        """How far from plain the change is: bent curves, crushed or hazy shadows, uneven saturation and tint."""
        bent = _bounded(self.slopes, SLOPES).log().diff().square().sum()
        deep = _DEEP * self._even
        raised = self.curve(deep)
        crushed = (_KEPT[0] * deep - raised).clamp(min=0).square().mean() / 1e-4
        hazy = (raised - _KEPT[1] * deep - 0.02).clamp(min=0).square().mean() / 1e-4
        uneven = _bounded(self.saturation, SATURATIONS).log().diff().square().sum()
        uneven = uneven + 0.2 * (self.tint / self.most_tint).diff(dim=0).square().sum()
        return bent + 3 * (crushed + hazy) + uneven + 0.2 * (self.hues / _HUE_WAVE).square().sum()

    def extent(self) -> Tensor:
        """How much is changed: about 1 for lightness by 0.1, chroma by two fifths, or the most tint."""
        moved = (self.curve(self._even) - self._even) / 0.1
        saturation = _bounded(self.saturation, SATURATIONS).log() / 0.4
        tint = self.tint.square().sum(1) / self.most_tint ** 2
        return moved.square().mean() + saturation.square().mean() + 0.1 * tint.mean()

    def _hue_gain(self, colour: Tensor, chroma: Tensor) -> Tensor:
        cos, sin = (colour / chroma[:, None]).unbind(1)
        waves = torch.stack([cos, sin, cos * cos - sin * sin, 2 * cos * sin], dim=1)
        fade = chroma / (chroma + _FADE)  # greys have no hue
        return 1 + fade * (waves @ (_HUE_WAVE * torch.tanh(self.hues / _HUE_WAVE)))

    def _slopes(self, mean: Tensor) -> Tensor:
        """The coefficients of the slope, within the bounds once the whole rise is ``mean``."""
        weights = _spline(torch.eye(len(self.slopes)), self._even).mean(0)
        shift = torch.zeros(())
        for _ in range(12):  # Newton: a common shift before the bounds, by which the mean comes right
            inner = torch.sigmoid(self.slopes + shift)
            off = SLOPES[0] + (SLOPES[1] - SLOPES[0]) * (weights @ inner) - mean
            steep = (SLOPES[1] - SLOPES[0]) * (weights @ (inner * (1 - inner)))
            shift = shift - (off / steep.clamp(min=0.05)).clamp(-2, 2)
        return _bounded(self.slopes + shift, SLOPES)


def change_rgb(grade: Grade, rgb: Tensor) -> Tensor:
    """A grade's change of sRGB (n, 3) in [0, 1] to the same; chroma that sRGB lacks is held back, its hue kept."""
    lab = to_oklab(rgb)
    changed = grade(lab)
    chroma, hue = _polar(lab)
    wanted, new_hue = _polar(changed)
    before = (chroma / most_chroma(lab[:, 0], hue).clamp(min=1e-6)).clamp(max=1)
    room = most_chroma(changed[:, 0], new_hue)
    share = wanted / room.clamp(min=1e-6)
    # What fills sRGB before may fill it after; all between comes in a soft knee.
    held = share / (1 + (share ** _KNEE - before ** _KNEE).clamp(min=0)) ** (1 / _KNEE)
    chroma = torch.minimum(held, share) * room
    lab = torch.stack([changed[:, 0], chroma * new_hue.cos(), chroma * new_hue.sin()], dim=1)
    return from_oklab(lab).clamp(0, 1)


def _polar(lab: Tensor) -> tuple[Tensor, Tensor]:
    return lab[:, 1:].square().sum(1).sqrt(), torch.atan2(lab[:, 2], lab[:, 1])


def _spline(coefficients: Tensor, at: Tensor) -> Tensor:
    """A uniform cubic B-spline over [0, 1] of coefficients (K,) or (K, c), at (n,): (n,) or (n, c).

    Its values are means of the coefficients, and so within their bounds.
    """
    spans = len(coefficients) - 3
    place = (at.clamp(0, 1) * spans).clamp(max=spans - 1e-4)
    first = place.detach().long()
    t = place - first
    shares = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], dim=1) / 6
    chosen = coefficients[first[:, None] + torch.arange(4)]  # (n, 4) or (n, 4, c)
    return (shares.view(*shares.shape, *[1] * (coefficients.ndim - 1)) * chosen).sum(1)


def _smooth(x: Tensor) -> Tensor:
    return x * x * (3 - 2 * x)


def _bounded(x: Tensor, bounds: tuple[float, float]) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * torch.sigmoid(x)


def _unbounded(value: float, bounds: tuple[float, float]) -> float:
    share = (value - bounds[0]) / (bounds[1] - bounds[0])
    return math.log(share / (1 - share))
