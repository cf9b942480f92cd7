"""Adversarial and feature matching losses: the contract for each kind, and numbers worked out by hand."""

import math

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import AdversarialLoss, FeatureMatchingLoss
from photoreal.structures import ClipContext, Score
from photoreal.testing.loss import LossContract


class AdversarialContract(LossContract):
    takes = ('fake_scores',)
    learns = ('fake_scores.logits',)
    kind: str
    convincing: float | None  # the logit that the generator would like to get

    def make(self, weight):
        return AdversarialLoss(self.kind, weight)

    def perfect(self):
        if self.convincing is None:
            return None
        context = self.context()
        context.fake_scores[0].logits.fill_(self.convincing)
        return context


class TestVanilla(AdversarialContract):
    kind, convincing = 'vanilla', 40.0


class TestLeastSquares(AdversarialContract):
    kind, convincing = 'lsgan', 1.0


class TestHinge(AdversarialContract):
    kind, convincing = 'hinge', None  # more is always better


class TestFeatureMatching(LossContract):
    takes = ('real_scores', 'fake_scores')
    learns = ('fake_scores.features',)

    def make(self, weight):
        return FeatureMatchingLoss(weight=weight)

    def perfect(self):
        context = self.context()
        context.fake_scores = [Score(s.logits.clone(), [f.clone() for f in s.features]) for s in context.real_scores]
        return context


class TestFeatureMatchingSquared(TestFeatureMatching):
    def make(self, weight):
        return FeatureMatchingLoss(kind='mse', weight=weight)


def scores(*heads: list[float]) -> list[Score]:
    return [Score(torch.tensor(logits, dtype=torch.float64)) for logits in heads]


def judged(real: list[Score], fake: list[Score]) -> ClipContext:
    return ClipContext(torch.zeros(1), real_scores=real, fake_scores=fake)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize('kind, wish, judgement', [
    # The generator wants high fake logits (here -0.5 and 2), the discriminator high real (0.25 and 3), low fake ones.
    ('vanilla', (softplus(0.5) + softplus(-2)) / 2,
     (softplus(-0.25) + softplus(-3)) / 2 + (softplus(-0.5) + softplus(2)) / 2),
    ('lsgan', (1.5**2 + 1**2) / 2, (0.75**2 + 2**2) / 2 + (0.5**2 + 2**2) / 2),
    ('hinge', -(-0.5 + 2) / 2, (0.75 + 0) / 2 + (0.5 + 3) / 2)])
def test_numbers(kind, wish, judgement):
    context = judged(scores([0.25, 3.0]), scores([-0.5, 2.0]))
    loss = AdversarialLoss(kind, weight=0.1)
    assert float(loss(context)) == pytest.approx(0.1 * wish, rel=1e-9)
    assert float(loss.discriminator_loss(context)) == pytest.approx(judgement, rel=1e-9)


@pytest.mark.parametrize('kind', ['vanilla', 'lsgan', 'hinge'])
def test_heads_count_alike_whatever_their_size(kind):
    loss, first, second = AdversarialLoss(kind, 1.0), scores([0.5, 1.5, -2.0, 0.1]), scores([-1.0])
    both = judged(first + second, first + second)
    for value in (loss, loss.discriminator_loss):
        apart = [value(judged(head, head)) for head in (first, second)]
        assert float(value(both)) == pytest.approx(float(sum(apart) / 2), rel=1e-9)


def features(*values: float) -> list[Score]:
    return [Score(torch.zeros(1), [torch.full((1, 2, 2, 2), value, dtype=torch.float64) for value in values])]


def test_feature_distances_are_divided_by_the_norms():
    context = judged(features(1.0, 5.0), features(1.5, 3.0))
    loss = FeatureMatchingLoss(norms=(2.0, 10.0), weight=0.5)
    assert float(loss(context)) == pytest.approx(0.5 * (0.5 / 2 + 2.0 / 10), rel=1e-9)


def test_features_of_the_real_clip_do_not_learn():
    context = judged(features(1.0), features(2.0))
    for score in (*context.real_scores, *context.fake_scores):
        score.features[0].requires_grad_()
    FeatureMatchingLoss(norms=(1.0,))(context).backward()
    assert context.fake_scores[0].features[0].grad.any() and context.real_scores[0].features[0].grad is None


def test_number_of_norms():
    with pytest.raises(ConfigError, match=r'has 4 entries, but the discriminator gives 2 feature maps'):
        FeatureMatchingLoss()(judged(features(1.0, 5.0), features(1.5, 3.0)))


@pytest.mark.parametrize('loss, kind, near', [(AdversarialLoss, 'lsgen', 'lsgan'), (FeatureMatchingLoss, 'L1', 'l1')])
def test_unknown_kind(loss, kind, near):
    with pytest.raises(ConfigError, match=f"{loss.__name__}: kind='{kind}' is unknown; did you mean '{near}'"):
        loss(kind=kind)
