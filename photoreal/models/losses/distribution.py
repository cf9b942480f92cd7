"""Learning by distribution: what virtual crops become must be spread as real crops of the same class are.

Nothing is paired pixel by pixel. Features of a network trained on photographs, or small patches of pixels, are
projected on random directions, and along each of them the sorted values of both sides are compared: the sliced
Wasserstein distance (Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021, arXiv
2006.07229; of patches: Elnekave and Weiss, "Generating Natural Images with Direct Patch Distributions Matching", ECCV
2022, arXiv 2203.11862). It is taken class by class, since the whole of two scenes is never alike: one has more sky.

Legend: n crops, t frames of a crop, p its side, c channels, h and w size of a feature map, L places, D directions.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss
from photoreal.models.pairs import NO_GROUP, Pairs, shrink_groups
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext

FEWEST = 24  # places of a group below which its distribution says nothing
SCALED_BY = 1024  # places whose spread along a direction is the unit of the distance


class SlicedLoss(Loss):
    """Sliced Wasserstein distance between virtual crops and their real partners, group by group.

    Each group counts by the square root of its places, so that neither the road nor a sign rules. Distances are in
    standard deviations of the real values, hence alike for all layers. What is random follows from the count of steps,
    which is part of the checkpoint.

    Args:
        directions: Random directions a step, D.
        places: At most so many places of each group are compared, drawn at random.
        weight: Factor of the result.

    Raises:
        ConfigError: An argument is out of range.
    """

    compares_pairs = True

    def __init__(self, directions: int = 48, places: int = 384, weight: float = 1.0) -> None:
        super().__init__(weight)
        if directions < 1 or places < FEWEST:
            raise ConfigError(f'{type(self).__name__}: directions={directions}, places={places}: expected 1 or more '
                              f'directions and {FEWEST} or more places')
        self.directions, self.places = directions, places
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))

    def forward(self, context: ClipContext) -> Tensor:
        who = type(self).__name__
        pred, pairs = context.need('pred', who), context.need('pairs', who)
        # Drawn on the CPU, so that a device gives the numbers that any other gives.
        rng = torch.Generator().manual_seed(int(self.steps))
        if self.training:
            self.steps += 1
        fake, real = pairs.compare(pred)
        terms = [self._distance(*maps, pairs, rng) for maps in self._views(fake.flatten(0, 1), real.flatten(0, 1))]
        return self.weight * torch.stack(terms).mean()

    @abstractmethod
    def _views(self, fake: Tensor, real: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Maps (n*t, c, h, w) of crops (n*t, 3, p, p) and of their partners, which are compared."""

    @torch.autocast('cpu', enabled=False)
    @torch.autocast('cuda', enabled=False)
    def _distance(self, fake: Tensor, real: Tensor, pairs: Pairs, rng: torch.Generator) -> Tensor:
        rays = F.normalize(torch.randn(fake.shape[1], self.directions, generator=rng), dim=0).to(fake)  # (c, D)
        groups = [shrink_groups(of, fake.shape[-2:]).flatten() for of in (pairs.groups, pairs.partner_groups)]
        fake, real = (maps.permute(0, 2, 3, 1).flatten(0, 2) for maps in (fake, real))  # (L, c)
        some = torch.randint(len(real), (SCALED_BY,), generator=rng).to(real.device)
        unit = (real[some] @ rays).std(dim=0) + 1e-4  # (D,)
        total, weights = fake.new_zeros(()), 0.0
        for group in groups[0].unique().tolist():
            at = [(of == group).nonzero().squeeze(1) for of in groups]
            if group == NO_GROUP or min(map(len, at)) < FEWEST:
                continue
            share = len(at[0]) ** 0.5
            count = min(self.places, len(at[0]))
            ours, theirs = (_draw(places, count, rng) for places in at)
            spread = [((of[places] @ rays) / unit).sort(dim=0).values for of, places in ((fake, ours), (real, theirs))]
            total = total + share * (spread[0] - spread[1]).abs().mean()
            weights += share
        return total / max(weights, 1.0)


def _draw(places: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """``count`` of the places, each once where there are enough."""
    if len(places) < count:
        return places[torch.randint(len(places), (count,), generator=rng).to(places.device)]
    return places[torch.randperm(len(places), generator=rng)[:count].to(places.device)]


@LOSSES.register_module()
class SlicedFeatureLoss(SlicedLoss):
    """Features of a frozen network are spread as in real crops: material, as far as the network tells it apart.

    One network alone is played by patterns that please it: take two, and judge by a third.

    Args:
        backbone: Network of :mod:`photoreal.models.features`; 'squeezenet1_1' comes with the package.
        layers: Names of its layers, the mean over which is taken; None: its usual ones.
        weights: Path of the backbone's weights, where it does not come with the package.
        directions: See :class:`SlicedLoss`.
        places: Likewise.
        weight: Factor of the result.

    Raises:
        ConfigError: An argument is out of range, or unknown.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, backbone: str = 'squeezenet1_1', layers: Sequence[str] | None = None, weights: str | None = None,
                 directions: int = 48, places: int = 384, weight: float = 1.0) -> None:
        super().__init__(directions, places, weight)
        self.features = build_features(backbone, layers, weights)

    def _views(self, fake: Tensor, real: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        with torch.no_grad():
            wanted = self.features(real)
        yield from zip(map(wide, self.features(fake)), map(wide, wanted), strict=True)


@LOSSES.register_module()
class SlicedPatchLoss(SlicedLoss):
    """Small patches of pixels are spread as in real crops, at several scales: grain, contrast, colour.

    Args:
        size: Side of a patch in pixels.
        stride: Pixels from one patch to the next.
        scales: Factors by which the crops are shrunk before.
        directions: See :class:`SlicedLoss`.
        places: Likewise.
        weight: Factor of the result.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, size: int = 5, stride: int = 3, scales: Sequence[int] = (1, 2, 4), directions: int = 48,
                 places: int = 384, weight: float = 1.0) -> None:
        super().__init__(directions, places, weight)
        if min(size, stride, *scales) < 1:
            raise ConfigError(f'SlicedPatchLoss: size={size}, stride={stride}, scales={tuple(scales)}: expected 1 or '
                              'more')
        self.size, self.stride, self.scales = size, stride, tuple(scales)

    def _views(self, fake: Tensor, real: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for scale in self.scales:
            yield tuple(self._patches(F.avg_pool2d(crops, scale)) for crops in (fake, real))

    def _patches(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 3*size*size, h, w)."""
        if min(x.shape[-2:]) < self.size:
            raise ConfigError(f'SlicedPatchLoss: patches of {self.size} pixels do not fit into crops of '
                              f'{x.shape[-1]}x{x.shape[-2]}: raise model.unpaired.crop_size, or leave out scales')
        rows, columns = ((side - self.size) // self.stride + 1 for side in x.shape[-2:])
        return F.unfold(x, self.size, stride=self.stride).unflatten(2, (rows, columns))
