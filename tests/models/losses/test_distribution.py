"""Sliced losses: the contract, and that they compare distributions, class by class."""

import pytest
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.losses import SlicedFeatureLoss, SlicedPatchLoss
from photoreal.models.pairs import Pairs
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract


class TestSlicedFeatures(LossContract):
    takes = ('pred', 'pairs')
    size = 40

    def make(self, weight):
        return SlicedFeatureLoss(layers=('conv1', 'fire3'), directions=8, places=64, weight=weight)

    def perfect(self):
        """Of a group the same places are drawn on neither side: what is spread alike still costs a little."""


class TestSlicedPatches(LossContract):
    takes = ('pred', 'pairs')
    size = 40

    def make(self, weight):
        return SlicedPatchLoss(size=3, scales=(1, 2), directions=8, places=64, weight=weight)

    def perfect(self):
        """See above."""


def context(fake: Tensor, real: Tensor, fake_groups: Tensor | None = None,
            real_groups: Tensor | None = None) -> ClipContext:
    """Crops (n, t, 3, p, p) beside their partners; one group unless some are given."""
    n, t, _, side, _ = fake.shape
    none = torch.zeros(n, t, side, side, dtype=torch.int16)
    pairs = Pairs(torch.arange(t), side, torch.arange(n), real, torch.ones(()),
                  none if fake_groups is None else fake_groups, none if real_groups is None else real_groups)
    return ClipContext(fake, pred=fake, pairs=pairs)


def noise(strength: float, seed: int) -> Tensor:
    return 0.5 + strength * torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('loss', [SlicedPatchLoss(), SlicedFeatureLoss(layers=('conv1', 'fire3'))],
                         ids=['patches', 'features'])
def test_what_is_spread_alike_costs_least_wherever_it_lies(loss):
    real = noise(0.1, 0)
    alike, moved, flat = (float(loss.eval()(context(fake, real)))
                          for fake in (noise(0.1, 1), real.roll(20, -1), noise(0.02, 1)))
    assert max(alike, moved) < 0.4 * flat, 'a texture of the same kind costs as much as none'


def test_each_group_is_compared_with_its_own():
    left = torch.zeros(2, 1, 64, 64, dtype=torch.int16)
    left[..., 32:] = 1
    dark_left = 0.2 + 0.6 * left.float().unsqueeze(2).expand(2, 1, 3, 64, 64) + 0.1 * (noise(1, 0) - 0.5)
    dark_right = dark_left.flip(-1)
    loss = SlicedPatchLoss(scales=(1,)).eval()
    right_class = float(loss(context(dark_right, dark_left, left.flip(-1), left)))
    wrong_class = float(loss(context(dark_right, dark_left, left, left)))
    assert right_class < 0.2 * wrong_class


def test_groups_that_only_one_side_has_cost_nothing():
    ours, theirs, nothing = (torch.full((2, 1, 64, 64), group, dtype=torch.int16) for group in (0, 1, -1))
    for groups in ((ours, theirs), (nothing, nothing)):
        assert SlicedPatchLoss()(context(noise(0.1, 0), noise(0.3, 1), *groups)) == 0


def test_directions_follow_from_the_steps():
    one, other = SlicedPatchLoss(), SlicedPatchLoss()
    ours = context(noise(0.1, 0), noise(0.2, 1))
    first, second = one(ours), one(ours)
    assert first != second, 'each step has the same directions'
    other.load_state_dict({'steps': torch.tensor(1)})
    torch.manual_seed(7)  # nothing depends on it
    assert other(ours) == second


def test_patches_that_do_not_fit():
    with pytest.raises(ConfigError, match='patches of 5 pixels do not fit into crops of 4x4: .*crop_size'):
        SlicedPatchLoss(scales=(4,))(context(torch.rand(1, 1, 3, 16, 16), torch.rand(1, 1, 3, 16, 16)))


@pytest.mark.parametrize('make', [lambda: SlicedPatchLoss(size=0), lambda: SlicedPatchLoss(places=3),
                                  lambda: SlicedFeatureLoss(directions=0)])
def test_wrong_arguments(make):
    with pytest.raises(ConfigError, match='expected 1 or more'):
        make()
