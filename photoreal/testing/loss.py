"""The contract of losses, as tests.

A loss's test inherits it and names what the loss takes::

    class TestMine(LossContract):
        takes = ('pred', 'target')

        def make(self, weight):
            return Mine(strength=2, weight=weight)

Legend: N batch, T time, H height, W width.
"""

import inspect
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.losses.base import Loss
from photoreal.models.pairs import Pairs
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext, Score
from photoreal.testing.networks import moving_clip, same


class LossContract:
    """What every loss must do. Inherit in a class whose name starts with ``Test``.

    Attributes:
        takes: Names of what the loss takes from the context.
        learns: Names of those that a gradient must reach; () for a penalty of the discriminator's weights.
        least: What the perfect prediction of :meth:`perfect` costs at weight 1.
        size: Side of the frames in pixels.
    """

    takes: ClassVar[tuple[str, ...]] = ('pred', 'target')
    learns: ClassVar[tuple[str, ...]] = ('pred',)
    least: ClassVar[float] = 0.0
    size: ClassVar[int] = 16

    def make(self, weight: float) -> Loss:
        """The loss under test, a new one at each call."""
        raise NotImplementedError(f'{type(self).__name__} must override make()')

    def context(self) -> ClipContext:
        """What a training step has computed: everything, of 3 frames, and back again where wanted."""
        size = self.size
        ping_pong = self.make(1.0).needs_ping_pong
        condition, target = moving_clip(2, 3, 5, size, size), moving_clip(2, 3, 3, size, size, seed=1)
        if ping_pong:
            condition, target = (torch.cat([clip, clip[:, :-1].flip(1)], dim=1) for clip in (condition, target))
        rng = torch.Generator().manual_seed(2)
        flow = torch.randn(2, condition.shape[1] - 1, 2, size, size, generator=rng)
        real, fake = ([Score(torch.randn(2, 1, 2, 2, generator=rng), list(torch.rand(4, 2, 3, 4, 4, generator=rng)))]
                      for _ in range(2))
        pred, labels = torch.rand(target.shape, generator=rng), (4 * condition[:, :, 3]).to(torch.uint8)
        return ClipContext(condition, target, condition[:, :, :3], pred, flow, -flow, real, fake, ping_pong,
                           target.clone(), _judge, labels, 0.1 + 0.7 * target, torch.ones(2, dtype=torch.long),
                           self.pairs(target, labels))

    def pairs(self, target: Tensor, labels: Tensor) -> Pairs:
        """Whole frames as crops, whose partners are the target."""
        steps, chosen = torch.arange(target.shape[1]), torch.arange(len(target))
        groups = labels.to(torch.int16)
        return Pairs(steps, self.size, chosen, target.clone(), torch.ones(()), groups, groups, 4)

    def perfect(self) -> ClipContext | None:
        """A context whose loss is the least there is; None where there is no least."""
        context = self.context()
        context.pred = context.target.clone()
        return context

    def test_is_registered(self) -> None:
        kind = type(self.make(1.0))
        assert issubclass(kind, Loss), f'{kind.__name__} is no Loss'
        assert kind in LOSSES.module_dict.values(), f'{kind.__name__} lacks @LOSSES.register_module()'
        assert 'weight' in inspect.signature(kind).parameters, f'{kind.__name__}() takes no weight'

    def test_is_a_finite_number(self) -> None:
        value = self.make(1.0)(self.context())
        assert isinstance(value, Tensor) and value.shape == (), f'the loss is {value}, expected a scalar tensor'
        assert value.isfinite(), f'the loss is {value}'
        same(self.make(1.0)(self.context()), value, 'the same loss twice', 0)

    def test_weight_is_applied(self) -> None:
        once = self.make(1.0)(self.context())
        assert once != 0, 'the loss of an imperfect prediction is 0'
        for weight in (0.0, 0.5, 2.0):
            same(self.make(weight)(self.context()), weight * once, f'the loss at weight {weight}')

    def test_perfect_prediction_costs_least(self) -> None:
        context = self.perfect()
        if context is None:
            return
        value = self.make(1.0)(context)
        assert float(value) == pytest.approx(self.least, rel=1e-4, abs=1e-6), 'the loss of a perfect prediction'
        assert value < self.make(1.0)(self.context()), 'an imperfect prediction costs no more than a perfect one'

    def test_missing_ingredient_is_named(self) -> None:
        who = type(self.make(1.0)).__name__
        for name in set(self.takes) - {'condition'}:  # which is always there
            context = self.context()
            setattr(context, name, None)
            with pytest.raises(ConfigError, match=f"{who} needs '{name}'"):
                self.make(1.0)(context)

    def test_other_ingredients_are_not_needed(self) -> None:
        context, bare = self.context(), self.context()
        for name in {'target', 'frames', 'image', 'pred', 'flow', 'flow_back', 'real_scores',
                     'fake_scores', 'judge', 'labels', 'teacher', 'taught', 'pairs'} - set(self.takes):
            setattr(bare, name, None)
        same(self.make(1.0)(bare), self.make(1.0)(context), f'the loss of {self.takes} alone and of all there is')

    def test_gradients_reach_what_learns(self) -> None:
        if not self.learns:
            return
        for context in filter(None, (self.context(), self.perfect())):
            wanted = self.require_gradients(context)
            self.make(1.0)(context).backward()
            for name, tensor in wanted:
                assert tensor.grad is not None, f'no gradient reaches {name}'
                assert tensor.grad.isfinite().all(), f'the gradient of {name} is not finite'
        context = self.context()
        wanted = self.require_gradients(context)
        self.make(1.0)(context).backward()
        assert all(tensor.grad.any() for _, tensor in wanted), 'a gradient is zero everywhere'

    def test_gradients_are_right(self) -> None:
        """Against differences, in float64; a loss that follows the training stands still meanwhile."""
        context, loss = _double(self.context()), self.make(1.0).double().eval()
        for name, tensor in self.require_gradients(context):
            shown = tensor.detach().clone().requires_grad_()

            def cost(x: Tensor, tensor: Tensor = tensor) -> Tensor:
                return loss(_with(context, tensor, x))

            assert torch.autograd.gradcheck(cost, (shown,), eps=1e-7, atol=1e-4, rtol=1e-3, fast_mode=True), name

    def test_double_precision(self) -> None:
        value = self.make(1.0).double()(_double(self.context()))
        assert value.dtype == torch.float64, f'float64 became {value.dtype}'
        same(value.float(), self.make(1.0)(self.context()), 'float64 and float32', 1e-4)

    def test_leaves_the_context(self) -> None:
        context, before = self.context(), self.context()
        self.make(1.0)(context)
        for name, value in vars(before).items():
            if isinstance(value, Tensor):
                assert torch.equal(getattr(context, name), value), f'the loss changed {name}'

    def test_trains_the_discriminator_where_it_says_so(self) -> None:
        loss, context = self.make(0.5), self.context()
        if not loss.trains_discriminator:
            with pytest.raises(ConfigError, match=f'{type(loss).__name__} does not train a discriminator'):
                loss.discriminator_loss(context)
            return
        wrong = {'real_scores': -0.5, 'fake_scores': 0.5}  # logits of a discriminator that takes one for the other
        logits = {name: [score.logits.fill_(value).requires_grad_() for score in getattr(context, name)]
                  for name, value in wrong.items()}
        value = loss.discriminator_loss(context)
        assert value.shape == () and value.isfinite(), f'the loss of the discriminator is {value}'
        same(self.make(0.0).discriminator_loss(context), value, "the discriminator's loss at another weight")
        value.backward()
        assert all((x.grad < 0).all() for x in logits['real_scores']), 'it does not raise the logits of real clips'
        assert all((x.grad > 0).all() for x in logits['fake_scores']), 'it does not lower the logits of fake clips'
        for name in ('real_scores', 'fake_scores'):
            context = self.context()
            setattr(context, name, None)
            with pytest.raises(ConfigError, match=f"{type(loss).__name__} needs '{name}'"):
                loss.discriminator_loss(context)

    def require_gradients(self, context: ClipContext) -> list[tuple[str, Tensor]]:
        """Make leaves of what learns; of scores: the logits and features."""
        found = []
        for name in self.learns:
            part, _, field = name.partition('.')
            value = getattr(context, part)
            if not field:
                tensors = [value]
            elif field == 'logits':
                tensors = [score.logits for score in value]
            else:
                tensors = [feature for score in value for feature in score.features]
            found += [(name, tensor.requires_grad_()) for tensor in tensors]
        return found


def _judge(clip: Tensor) -> list[Score]:
    """A discriminator for those that ask it of clips (N, T, 3, H, W): the gradient of its logit is twice the clip."""
    return [Score(clip.square().flatten(1).sum(1, keepdim=True))]


def _map(context: ClipContext, change) -> ClipContext:
    """The same context with every tensor changed."""
    def walk(value):
        if isinstance(value, Tensor):
            return change(value)
        if isinstance(value, list):
            return [Score(change(score.logits), [change(f) for f in score.features]) for score in value]
        return value
    return ClipContext(**{name: walk(value) for name, value in vars(context).items()})


def _double(context: ClipContext) -> ClipContext:
    return _map(context, lambda tensor: tensor.detach().double())


def _with(context: ClipContext, old: Tensor, new: Tensor) -> ClipContext:
    return _map(context, lambda tensor: new if tensor is old else tensor.detach())
