"""Fit a look: the colours of virtual frames are to be spread as those of real ones, class by class where there are any.

The distance is a sliced Wasserstein distance in OKLab: on each of some rays the colours of both sides, sorted, are
compared (N. Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures", JMIV 51, 2015). Only few numbers
are fitted to it, because two scenes never hold the same things: first how a camera would have exposed and developed the
render (:class:`~photoreal.look.develop.Development`), then what a colourist would mend of that
(:class:`~photoreal.look.grade.Grade`).

Legend: n colours, G groups, R rays.
"""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from photoreal.errors import DataError
from photoreal.look.develop import Development
from photoreal.look.grade import MOST_TINT, Grade, change_rgb
from photoreal.look.oklab import from_oklab, to_oklab
from photoreal.look.table import Look

NO_CLASS = 255
_READ = 1 << 22  # pixels of a side that are looked at
_SMALLEST = 0.003  # share of a class on both sides from which on it counts
_ORDERED = 1 << 15  # colours of each group that are drawn
_MOVED, _AIMED = 512, 4096  # of those that are fitted, and that tell where to
_RAYS = 16
_COLOUR = 2.5  # how much more a difference of a and b counts than one of lightness
_PENALTY = 1.5e-3  # weight of what is not plain
# What cannot be matched shows other things, and holds back what can: with labels and without. Exposure and saturation
# leave all edges where they are; a bent curve does not.
_DEVELOP_CAUTION, _GRADE_CAUTION = (0.05, 0.3), (1.5, 2.0)
_STEPS, _RATE = 120, 0.1
_USUAL = {'exposure': 1.5, 'contrast': 0.25, 'saturation': 0.5}  # stops, and as Development's; of saturation the log
_GRID = {'exposure': np.linspace(-1.5, 1.5, 7), 'contrast': np.linspace(-0.2, 0.4, 4),
         'saturation': np.linspace(0.6, 1.4, 5)}
_HALVINGS = 5  # of the grid's steps, around its best place
_UNSURE_TINT = 0.01  # most tint without labels: scenes that hold other things differ in colour, and no camera does


def fit_look(virtual_frames: Iterable[np.ndarray], real_frames: Iterable[np.ndarray],
             virtual_labels: Iterable[np.ndarray] | None = None, real_labels: Iterable[np.ndarray] | None = None,
             seed: int = 0, title: str = 'fitted by photoreal') -> Look:
    """Fit the look that brings virtual frames to real ones, in some seconds.

    The frames need not show the same. With labels, the classes that both sides have are compared, each with the same
    weight whatever its area, and all else is left out. Without, all colours are compared as one, so that the frames of
    both sides should show the like, as much sky for instance; tints are held to half then.

    Args:
        virtual_frames: (H, W, 3) uint8 RGB each; some dozens, spread over the videos, are enough.
        real_frames: The same; sizes may differ.
        virtual_labels: (H, W) class numbers for each virtual frame, 255 for none.
        real_labels: The same for each real frame.
        seed: Which pixels are drawn.
        title: Of the look.

    Raises:
        DataError: There are no frames, labels do not fit them, or both sides have no class in common.
    """
    if (virtual_labels is None) != (real_labels is None):
        raise DataError('a look is fitted with labels of both sides, or of neither; found those of one')
    rng = np.random.default_rng(seed)
    virtual, real = _groups('virtual', virtual_frames, virtual_labels), _groups('real', real_frames, real_labels)
    common = sorted(set(virtual) & set(real))
    if not common:
        raise DataError(f'the labels of virtual frames hold the classes {sorted(virtual)}, those of real ones '
                        f'{sorted(real)}; expected some in common; give no labels where they mean different things')
    source, target = (torch.stack([_draw(side[group], rng, count) for group in common])
                      for side, count in ((virtual, _MOVED), (real, _AIMED)))
    sure = virtual_labels is not None
    developed = _develop(source, target, _DEVELOP_CAUTION[0 if sure else 1])
    source = _developed(developed, source)
    grade = _fit(source, target, Grade(MOST_TINT if sure else _UNSURE_TINT), _GRADE_CAUTION[0 if sure else 1])
    with torch.no_grad():
        return Look.from_function(lambda rgb: change_rgb(grade, torch.from_numpy(developed.apply(rgb))).numpy(),
                                  title=title)


def _develop(source: Tensor, target: Tensor, caution: float) -> Development:
    """The development that brings colours (G, n, 3) in OKLab nearest to others (G, m, 3).

    What it cannot match makes it careful, as in :func:`_fit`: contrast above all, which scales whatever flickers.
    """
    rays, wanted = _aim(source, target)

    def cost(numbers: dict[str, float]) -> float:
        changed = _developed(Development(**numbers), source)
        distance = ((changed @ rays).mT.sort(dim=-1).values - wanted).abs().mean()
        extent = sum((size / usual) ** 2 for size, usual in zip(
            (numbers['exposure'], numbers['contrast'], math.log(numbers['saturation'])), _USUAL.values(), strict=True))
        return float(distance) * (1 + caution * extent)

    places = (dict(zip(_GRID, place, strict=True)) for place in itertools.product(*_GRID.values()))
    best = min(places, key=cost)
    steps = {name: float(values[1] - values[0]) for name, values in _GRID.items()}
    for _ in range(_HALVINGS):
        steps = {name: step / 2 for name, step in steps.items()}
        around = (dict(zip(_GRID, place, strict=True)) for place in itertools.product(
            *[np.clip([best[name] - step, best[name], best[name] + step], _GRID[name][0], _GRID[name][-1])
              for name, step in steps.items()]))
        best = min(around, key=cost)
    return Development(**{name: float(value) for name, value in best.items()})


def _developed(development: Development, lab: Tensor) -> Tensor:
    """Colours (G, n, 3) in OKLab -> the same, developed."""
    rgb = from_oklab(lab.flatten(0, 1).double()).clamp(0, 1).numpy()
    return to_oklab(torch.from_numpy(development.apply(rgb)).to(lab)).view_as(lab)


def _aim(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Rays (3, R), and where along each of them colours (G, n, 3) should lie, in order: (G, R, n)."""
    rays = _rays() * torch.tensor([1, _COLOUR, _COLOUR])[:, None]
    wanted = (target @ rays).mT.sort(dim=-1).values  # (G, R, m)
    return rays, wanted.unflatten(-1, (source.shape[1], -1)).mean(-1)


def _fit(source: Tensor, target: Tensor, grade: Grade, caution: float) -> Grade:
    """Have a grade bring colours (G, n, 3) in OKLab to others (G, m, 3), m a multiple of n, the groups apart."""
    rays, wanted = _aim(source, target)
    optimizer = torch.optim.Adam(grade.parameters(), _RATE, betas=(0.9, 0.99))
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group['lr'] = _RATE * (0.5 + 0.5 * math.cos(math.pi * step / _STEPS)) + 1e-4
        changed = grade(source.flatten(0, 1)).view_as(source)
        found = (changed @ rays).mT.sort(dim=-1).values
        distance = (found - wanted).abs().mean()
        loss = distance + _PENALTY * grade.roughness() + caution * distance.detach() * grade.extent()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return grade.double()


def _groups(side: str, frames: Iterable[np.ndarray], labels: Iterable[np.ndarray] | None) -> dict[int, np.ndarray]:
    """Class -> its colours (n, 3) uint8; one class where there are no labels."""
    frames = list(frames)
    if not frames:
        raise DataError(f'a look is fitted to frames of both sides; found no {side} ones')
    step = max(1, math.ceil(math.sqrt(sum(f.shape[0] * f.shape[1] for f in frames) / _READ)))
    colours = np.concatenate([f[::step, ::step].reshape(-1, 3) for f in frames])
    if labels is None:
        return {0: colours}
    labels = list(labels)
    if [f.shape[:2] for f in frames] != [m.shape for m in labels]:
        raise DataError(f'{side} labels: found {len(labels)} maps for {len(frames)} frames, or of other sizes; '
                        'expected (H, W) class numbers for each frame')
    classes = np.concatenate([m[::step, ::step].ravel() for m in labels])
    counts = np.bincount(classes)
    known = [c for c in np.flatnonzero(counts >= _SMALLEST * len(classes)).tolist() if c != NO_CLASS]
    return {c: colours[classes == c] for c in known}


def _draw(colours: np.ndarray, rng: np.random.Generator, count: int) -> Tensor:
    """Some of many colours (n, 3) uint8, in OKLab: evenly from dark to bright, so that chance changes no curve."""
    some = colours[rng.integers(len(colours), size=_ORDERED)]
    lab = to_oklab(torch.from_numpy(some).float() / 255)
    return lab[lab[:, 0].argsort()][_ORDERED // count // 2::_ORDERED // count]


def _rays() -> Tensor:
    """Directions (3, R), the axes first and others spread evenly over half a sphere."""
    turn = torch.arange(_RAYS - 3) * math.pi * (3 - math.sqrt(5))
    height = 1 - (torch.arange(_RAYS - 3) + 0.5) / (_RAYS - 3)
    width = (1 - height**2).sqrt()
    others = torch.stack([height, width * turn.cos(), width * turn.sin()])
    return F.normalize(torch.cat([torch.eye(3), others], dim=1), dim=0)
