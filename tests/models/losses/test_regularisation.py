"""Penalties of the discriminator: the contract, the formulas, and that they reach the discriminator alone."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.losses import LeCamLoss, R1Loss
from photoreal.structures import ClipContext, Score
from photoreal.testing.loss import LossContract
from tests.models.helpers import ADVERSARIAL, PIXEL, Watched, build, clips, wrappers


def squares(clip: torch.Tensor) -> list[Score]:
    """A discriminator whose gradient is known: twice the clip."""
    return [Score(clip.square().flatten(1).sum(1, keepdim=True))]


class TestR1(LossContract):
    takes = ('target', 'judge')
    learns = ()

    def make(self, weight):
        return R1Loss(weight)

    def perfect(self):
        """A discriminator that says the same of every clip."""
        context = self.context()
        context.judge = lambda clip: [Score(0 * clip.flatten(1).sum(1, keepdim=True))]
        return context


class TestLeCam(LossContract):
    takes = ('real_scores', 'fake_scores')
    learns = ('real_scores.logits', 'fake_scores.logits')

    def make(self, weight):
        """One that has seen others before, and follows no more: what it costs does not depend on how often it is asked.
        """
        loss = LeCamLoss(weight).eval()
        loss.means.copy_(torch.tensor([0.7, -0.4]))
        return loss

    def perfect(self):
        context = self.context()
        context.real_scores[0].logits.fill_(-0.4)
        context.fake_scores[0].logits.fill_(0.7)
        return context


def test_r1_is_the_squared_gradient():
    target = torch.rand(2, 3, 3, 4, 4)
    context = ClipContext(target, target, judge=squares)
    expected = (2 * target).square().flatten(1).sum(1).mean()
    torch.testing.assert_close(R1Loss(weight=5.0, every=1)(context), 5 * expected)
    torch.testing.assert_close(R1Loss(weight=5.0, every=16)(context), 80 * expected)


def test_lecam_compares_with_the_running_means_of_the_others():
    loss = LeCamLoss(weight=1.0, momentum=0.25)
    def context(real: float, fake: float) -> ClipContext:
        return ClipContext(torch.zeros(1), real_scores=[Score(torch.tensor([real]))],
                           fake_scores=[Score(torch.tensor([fake]))])
    assert float(loss(context(2.0, -1.0))) == pytest.approx(3**2 + 3**2)
    assert loss.means.tolist() == [2, -1]
    means = [0.75 * 2 + 0.25 * 4, 0.75 * -1 + 0.25 * 1]
    assert float(loss(context(4.0, 1.0))) == pytest.approx((4 - means[1])**2 + (1 - means[0])**2)
    twin = LeCamLoss()
    twin.load_state_dict(loss.state_dict())
    assert twin.means.tolist() == pytest.approx(means) and int(twin.seen) == 2


@pytest.mark.parametrize('discriminator', ['SpatialDiscriminator', 'SpatioTemporalDiscriminator'])
@pytest.mark.parametrize('penalty', ['R1Loss', 'LeCamLoss'])
def test_penalty_teaches_the_discriminator_alone(penalty, discriminator):
    losses = dict(pixel=PIXEL, adversarial=ADVERSARIAL)
    plain, penalised = (build(own, discriminator, update_threshold=None)
                        for own in (losses, losses | dict(penalty=dict(type=penalty, weight=100.0))))
    found = []
    for model in (plain, penalised):
        optimizers = wrappers(model, Watched)
        optimizers['discriminator'].other, optimizers['generator'].other = model.generator, model.discriminator
        logs = model.train_step(clips(), optimizers)
        assert not optimizers['discriminator'].crossed and 'g_penalty' not in logs
        found.append((logs['d_total'], optimizers['discriminator'].own))
    assert found[1][0] > found[0][0]
    assert any(not torch.equal(a, b) for a, b in zip(found[0][1], found[1][1]))


def test_lazy_penalty_comes_at_every_so_many_steps():
    model = build(dict(adversarial=ADVERSARIAL, r1=dict(type='R1Loss', weight=1e4, every=3)), 'SpatialDiscriminator',
                  update_threshold=None)
    optimizers = wrappers(model, lr=0.0)
    totals = [float(model.train_step(clips(), optimizers)['d_total']) for _ in range(6)]
    assert [total > 10 for total in totals] == [True, False, False] * 2, totals


@pytest.mark.parametrize('discriminator, message', [
    (None, 'model.losses.r1 needs a discriminator'), ('SpatialDiscriminator', 'none of model.losses trains it')])
def test_penalty_without_a_game(discriminator, message):
    with pytest.raises(ConfigError, match=message):
        build(dict(pixel=PIXEL, r1=dict(type='R1Loss')), discriminator)
    with pytest.raises(ConfigError, match='penalise a critic, but none of them trains it'):
        build(unpaired=dict(losses=dict(r1=dict(type='R1Loss'))))


@pytest.mark.parametrize('make, message', [
    (lambda: R1Loss(every=0), 'every=0: expected 1 or more'),
    (lambda: LeCamLoss(momentum=0), r'momentum=0: expected a share in \(0, 1\]')])
def test_wrong_arguments(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
