"""What virtual clips keep: the contracts, and what is free."""

import pytest
import torch
import torch.nn.functional as F

from photoreal.errors import ConfigError
from photoreal.models.losses import ColourTieLoss, SelfSimilarityLoss, UnchangedLoss
from photoreal.models.pairs import NO_GROUP
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip


class TestSelfSimilarity(LossContract):
    takes = ('pred', 'frames')
    size = 64

    def make(self, weight):
        return SelfSimilarityLoss(layers=('conv1', 'fire3'), weight=weight)


class TestColourTie(LossContract):
    takes = ('pred', 'image')

    def make(self, weight):
        return ColourTieLoss(size=4, weight=weight)

    def perfect(self):
        context = self.context()
        context.pred = context.image.clone()
        return context


class TestUnchanged(LossContract):
    takes = ('pred', 'image', 'pairs')

    def make(self, weight):
        return UnchangedLoss(weight=weight)

    def pairs(self, target, labels):
        pairs = super().pairs(target, labels)
        pairs.groups = torch.where(pairs.groups == 1, NO_GROUP, pairs.groups)
        return pairs

    def perfect(self):
        context = self.context()
        context.pred = context.image.clone()
        return context


def test_only_what_belongs_to_no_group_must_stay():
    context = TestUnchanged().context()
    context.pred, left = context.image.clone(), context.pairs.groups == NO_GROUP
    context.pred[:, :, :, :, :] += 0.5 * (~left).unsqueeze(2)
    loss = UnchangedLoss(weight=2.0)
    assert float(loss(context)) == pytest.approx(0, abs=1e-6)
    context.pred += 0.1 * left.unsqueeze(2)
    assert float(loss(context)) == pytest.approx(0.2, rel=1e-4)
    context.pairs.groups = torch.zeros_like(context.pairs.groups)
    assert float(loss(context)) == 0


def test_how_a_frame_is_like_itself_is_kept_and_its_look_is_free():
    frames = moving_clip(1, 2, 3, 96, 96)
    loss = SelfSimilarityLoss(weight=1.0)
    darker, elsewhere = (float(loss(ClipContext(frames, pred=pred, frames=frames)))
                         for pred in (0.1 + 0.6 * frames, frames.roll(24, -1)))
    assert darker < 0.3 * elsewhere


def test_layers_that_are_too_small():
    frames = torch.rand(1, 1, 3, 64, 64)
    with pytest.raises(ConfigError, match='a layer has 7x7 places.*raise crop_size, or name shallower layers'):
        SelfSimilarityLoss(layers=('fire5',))(ClipContext(frames, pred=frames, frames=frames))


def test_light_counts_less_than_colour():
    image = 0.2 + 0.4 * torch.rand(1, 2, 3, 32, 32)
    brighter, redder = image + 0.2, image + 0.2 * torch.tensor([1.0, 0, 0]).view(3, 1, 1)
    loss = ColourTieLoss(light=0.1, weight=1.0)
    assert float(loss(ClipContext(image, image=image, pred=brighter))) == pytest.approx(0.1 * 0.2, rel=1e-3)
    expected = 0.2 * 4 / 9 + 0.1 * 0.2 / 3  # of the chroma (2, -1, -1) / 3, and of the mean 1 / 3
    assert float(loss(ClipContext(image, image=image, pred=redder))) == pytest.approx(expected, rel=1e-3)


def test_texture_finer_than_the_squares_is_free():
    image, checks = torch.full((1, 1, 3, 32, 32), 0.5), (torch.arange(32) % 2).float() - 0.5
    pred = image + 0.2 * checks * torch.tensor([1.0, -1, 0]).view(3, 1, 1)
    assert float(ColourTieLoss(weight=1.0)(ClipContext(image, image=image, pred=pred))) == pytest.approx(0, abs=1e-6)


def test_larger_predictions_are_tied_too():
    image = moving_clip(1, 1, 3, 16, 16)
    pred = F.interpolate(image[0], scale_factor=2, mode='bilinear', align_corners=False).unsqueeze(0)
    assert float(ColourTieLoss()(ClipContext(image, image=image, pred=pred))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('kwargs', [dict(size=0), dict(light=2), dict(against='target')])
def test_wrong_arguments(kwargs):
    with pytest.raises(ConfigError, match="expected a size of 1 or more, a share, and 'image' or 'frames'"):
        ColourTieLoss(**kwargs)
