"""The gap meter: how well a linear probe tells real from virtual patches of a modality.

photoreal works as far as f(real) and f(virtual) look alike. If a probe as weak as a linear one tells them apart, a
network does so all the more, and what it learned on real video does not hold for virtual video. The idea is the proxy
A-distance: Ben-David et al., "Analysis of Representations for Domain Adaptation", NIPS 2006.

Patches are described by means, deviations, gradients at three sizes, histograms and correlations of their channels;
the probe is ridge regression on these. It is judged on patches that it was not fitted to: of other videos where both
domains have at least four, else of other parts of the same videos, with a stretch left out between the parts. In the
latter case it may know a video by its content; how much that gives away shows where the same is asked of real videos
alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.transforms import Window, to_tensor
from photoreal.errors import DataError
from photoreal.inspect.maps import read_maps, shrinkage
from photoreal.look import Look
from photoreal.modalities import Modality

FOLDS = 4
PATCH = 64  # pixels a side, or less where frames are smaller
_PATCHES = 8  # a frame
_FRAMES = 96  # a domain
_BY_VIDEO = 4  # videos that both domains must have for folds of whole videos
_RIDGE = 0.03  # penalty, a part of the number of patches
_BINS = 8
SMALL = 0.6  # accuracy up to which the probe does little better than a guess
WIDE = 0.9  # accuracy from which on a modality hides little of the domain
_LIKE = 0.05  # difference of two accuracies that means little
VERDICTS = {
    'small': f'up to {SMALL:.0%}, what is learnt from real video holds for virtual video',
    'as in real': 'no wider than among the real videos, so different content explains it',
    'some': f'above {SMALL:.0%}, and wider than among the real videos as far as is known',
    'wide': f'{WIDE:.0%} or more, likewise: take a look that fits, or a coarser modality',
}


@dataclass(frozen=True)
class GapReading:
    """How well patches of one kind of map give their domain away.

    Attributes:
        name: Name of the modality; ``frames`` for the raw frames.
        accuracy: Part of the held-out patches that is told right, the mean of both domains: 0.5 is ideal, 1 the worst.
        within_real: The same for telling one half of the real videos from the other half, which content alone does;
            None where there is one real video.
        patches: Patches a domain, (real, virtual).
        by_video: Whether held-out patches are of videos that the probe has not seen, else of unseen parts of them.
    """

    name: str
    accuracy: float
    within_real: float | None
    patches: tuple[int, int]
    by_video: bool

    @property
    def like_real(self) -> bool:
        """Whether real videos are told from each other about as well."""
        return self.within_real is not None and self.within_real >= self.accuracy - _LIKE

    @property
    def verdict(self) -> str:
        """The accuracy in a word, one of :data:`VERDICTS`."""
        if self.accuracy <= SMALL:
            return 'small'
        if self.like_real:
            return 'as in real'
        return 'wide' if self.accuracy >= WIDE else 'some'


@dataclass
class _Pile:
    """Descriptors of patches, and where each comes from."""

    descriptors: list[np.ndarray] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)  # domain (1: virtual), video, part of the video

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, D) descriptors and (n, 3) places."""
        return np.concatenate(self.descriptors), np.array(self.places)


class GapMeter:
    """Measures the gap between the domains, raw and for every modality that both have.

    Args:
        modalities: Name -> modality; their parameters are the fixed ones.
        scale: Real frames are shrunk by it first, as for training.
        look: What virtual frames go through first; None: nothing.
    """

    def __init__(self, modalities: Mapping[str, Modality], scale: int = 1, look: Look | None = None) -> None:
        self.modalities = modalities
        self.scale = scale
        self.look = look

    def measure(self, videos: Sequence[VideoRecord]) -> list[GapReading]:
        """Readings of the raw frames and of every modality, in this order.

        Frames that cannot be read are left out. About 96 frames of each domain are read, one at a time, and 8
        patches taken of each, whatever the number of frames.

        Returns:
            No readings where a domain has no videos.
        """
        domains = [[v for v in videos if v.domain == domain] for domain in ('real', 'virtual')]
        if not all(domains):
            return []
        side = min(PATCH, *(min(v.size) // shrinkage(v, self.scale) for v in videos))
        piles: dict[str, _Pile] = {name: _Pile() for name in ('', *self.modalities)}
        for domain, members in enumerate(domains):
            for number, video in enumerate(members):
                rng = np.random.default_rng([domain, number])
                for part, index in _choose_frames(len(video), -(-_FRAMES // len(members))):
                    for name, maps in self._maps(video, index, side, rng).items():
                        piles[name].descriptors.append(describe(maps))
                        piles[name].places.extend([(domain, number, part)] * len(maps))
        readings = [_read(name or 'frames', *pile.arrays()) for name, pile in piles.items() if pile.places]
        return [reading for reading in readings if reading is not None]

    def _maps(self, video: VideoRecord, index: int, side: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Name -> patches (n, C, side, side) of what the network sees; '' for the frame itself."""
        height, width = (s // shrinkage(video, self.scale) for s in video.size)
        corners = (rng.random((_PATCHES, 2)) * (height - side + 1, width - side + 1)).astype(int)
        windows = [Window(*corner, side, side) for corner in corners.tolist()]
        there = {name: m for name, m in self.modalities.items() if m.folder is None or name in video.recorded}
        try:
            maps = read_maps(video, {'': None, **there}, index, self.scale, self.look)
        except DataError:
            return {}  # the check has told it already
        found = {name: to_tensor(_cut(whole, windows)) for name, whole in maps.items()}
        return {name: modality.encode(found[name]) for name, modality in there.items()} | {'': found[''].float() / 255}


def describe(patches: Tensor) -> np.ndarray:
    """What the probe sees of patches (n, C, P, P): (n, D) float64."""
    parts = [patches.mean((-2, -1)), patches.std((-2, -1), correction=0)]
    level = patches
    for _ in range(3):
        if min(level.shape[-2:]) < 2:
            break
        parts += [(step.abs().mean((-2, -1)) + 1e-4).log() for step in (level.diff(dim=-1), level.diff(dim=-2))]
        level = F.avg_pool2d(level, 2)
    channels = patches.shape[1]
    if channels <= 3:
        place = (patches[..., ::2, ::2] * _BINS).clamp(0, _BINS - 1).byte()
        parts += [(place == i).float().mean((-2, -1)) for i in range(_BINS)]
    if channels == 3:
        parts += [(patches[:, a] - patches[:, b]).abs().mean((-2, -1))[:, None] for a, b in ((0, 1), (1, 2), (0, 2))]
    return torch.cat(parts, dim=1).double().numpy()


def probe_accuracy(descriptors: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float | None:
    """Cross-validated accuracy of a linear probe, the mean of both classes.

    Args:
        descriptors: (n, D).
        labels: (n,) bool.
        folds: (n,) whole numbers; patches of one fold are judged by a probe that was fitted to the others.

    Returns:
        0 to 1; None where no fold can be judged because the others lack one of the classes.
    """
    right: list[np.ndarray] = []
    judged: list[np.ndarray] = []
    for fold in np.unique(folds):
        test = folds == fold
        if len(np.unique(labels[~test])) < 2:
            continue
        right.append(_fit(descriptors[~test], labels[~test])(descriptors[test]) == labels[test])
        judged.append(labels[test])
    if not judged:
        return None
    hits, kinds = np.concatenate(right), np.concatenate(judged)
    return None if kinds.all() or not kinds.any() else float(hits[kinds].mean() + hits[~kinds].mean()) / 2


def _fit(x: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression towards +1 and -1, both classes weighing the same; returns the rule."""
    centre, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 1e-9, spread, np.inf)  # what never varied must not decide
    weight = np.where(labels, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))[:, None]
    z = np.append((x - centre) / spread, np.ones((len(x), 1)), axis=1)
    penalty = np.full(z.shape[1], _RIDGE * len(x))
    penalty[-1] = 1e-9
    solution = np.linalg.solve(z.T @ (weight * z) + np.diag(penalty), z.T @ (weight[:, 0] * np.where(labels, 1, -1)))

    def rule(new: np.ndarray) -> np.ndarray:
        # Descriptors far beyond those fitted would let one of them decide alone.
        return np.clip((new - centre) / spread, -5, 5) @ solution[:-1] + solution[-1] > 0

    return rule


def _read(name: str, descriptors: np.ndarray, places: np.ndarray) -> GapReading | None:
    domain, video, part = places.T
    real = domain == 0
    by_video = min(len(np.unique(video[domain == d])) for d in (0, 1)) >= _BY_VIDEO
    accuracy = probe_accuracy(descriptors, domain == 1, video % FOLDS if by_video else part)
    if accuracy is None:
        return None
    within = None
    if len(np.unique(video[real])) > 1:
        folds = video // 2 % FOLDS if by_video else part  # each fold holds videos of both halves
        within = probe_accuracy(descriptors[real], video[real] % 2 == 1, folds[real])
    return GapReading(name, accuracy, within, (int(real.sum()), int((~real).sum())), by_video)


def _choose_frames(length: int, count: int) -> list[tuple[int, int]]:
    """Pairs (part of the video, frame): frames of different parts are never neighbours where the video is long."""
    each = max(1, -(-count // FOLDS))
    chosen = {(part, int((part + 0.1 + 0.8 * (i + 0.5) / each) * length / FOLDS))
              for part in range(FOLDS) for i in range(each)}
    return sorted({index: (part, index) for part, index in sorted(chosen, reverse=True)}.values())


def _cut(picture: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """(H, W, c) -> (n, h, w, c)."""
    return np.stack([window.cut(picture) for window in windows])
