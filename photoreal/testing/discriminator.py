"""The contract of discriminators, as tests.

A discriminator's test inherits it::

    class TestMine(DiscriminatorContract):
        def make(self, in_channels, scale):
            return Mine(in_channels, scale)

Legend: N batch, T time, C condition channels, H height, W width, s scale.
"""

import inspect
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from photoreal.models.discriminators.base import Discriminator
from photoreal.registry import DISCRIMINATORS
from photoreal.structures import ClipContext, Score
from photoreal.testing.networks import check_gradients, moving_clip, randomize, same

CHANNELS = 5  # of the condition


class DiscriminatorContract:
    """What every discriminator must do. Inherit in a class whose name starts with ``Test``.

    Attributes:
        scales: Scales that it is tested at.
        crops: (H, W) of the conditions; one that was built for one size of crop names that alone.
        lengths: Frames of the clips that it is tested with.
    """

    scales: ClassVar[tuple[int, ...]] = (1, 2)
    crops: ClassVar[tuple[tuple[int, int], ...]] = ((32, 48), (40, 32))
    lengths: ClassVar[tuple[int, ...]] = (3, 7)

    def make(self, in_channels: int, scale: int) -> Discriminator:
        """The discriminator under test, a new one at each call: arguments as VideoGAN gives them."""
        raise NotImplementedError(f'{type(self).__name__} must override make()')

    def test_is_registered(self) -> None:
        kind = type(self.make(CHANNELS, self.scales[0]))
        assert issubclass(kind, Discriminator), f'{kind.__name__} is no Discriminator'
        assert kind in DISCRIMINATORS.module_dict.values(), f'{kind.__name__} lacks @DISCRIMINATORS.register_module()'

    def test_takes_what_follows_from_the_other_parts(self) -> None:
        kind = type(self.make(CHANNELS, self.scales[0]))
        lacking = {'in_channels', 'scale'} - set(inspect.signature(kind).parameters)
        assert not lacking, f'{kind.__name__}() does not take {sorted(lacking)}, which VideoGAN gives'

    def test_gives_scores(self) -> None:
        for net, clip, context in self._cases():
            scores = net(clip, context)
            assert isinstance(scores, list) and scores, f'forward gave {type(scores).__name__}, expected a list'
            for score in scores:
                assert isinstance(score, Score), f'forward gave a list of {type(score).__name__}, expected Score'
                assert score.logits.numel() and score.logits.isfinite().all(), 'logits are missing or not finite'
                assert all(feature.isfinite().all() for feature in score.features), 'features are not finite'

    def test_judges_what_it_sees(self) -> None:
        for net, clip, context in self._cases():
            for a, b in zip(net(clip, context), net(1 - clip, context), strict=True):
                assert a.logits.shape == b.logits.shape, 'the shape of the logits depends on what the clip shows'
                assert [f.shape for f in a.features] == [f.shape for f in b.features], 'so do those of the features'
                assert (a.logits - b.logits).abs().max() > 1e-4, 'two different clips get the same logits'

    def test_repeats_itself(self) -> None:
        for net, clip, context in self._cases():
            for a, b in zip(net.eval()(clip, context), net(clip, context), strict=True):
                same(a.logits, b.logits, 'the same clip twice', 0)

    def test_leaves_what_it_is_given(self) -> None:
        for net, clip, context in self._cases():
            given = {'clip': clip, **{k: v for k, v in vars(context).items() if isinstance(v, Tensor)}}
            before = {name: value.clone() for name, value in given.items()}
            net(clip, context)
            for name, value in given.items():
                assert torch.equal(value, before[name]), f'forward changed {name}'
            assert context.real_scores is None and context.fake_scores is None, 'forward wrote into the context'

    def test_gradients_reach_every_parameter(self) -> None:
        for net, clip, context in self._cases():
            _weighed(net(clip, context)).backward()
            check_gradients(net)

    def test_gradients_reach_the_clip_through_frozen_weights(self) -> None:
        """As in the generator's phase; a rim, and frames that fill no group, may stay unseen."""
        for net, clip, context in self._cases():
            clip.requires_grad_()
            _weighed(net.requires_grad_(False)(clip, context)).backward()
            assert clip.grad is not None, 'no gradient reaches the clip'
            assert clip.grad.isfinite().all(), "the clip's gradient is not finite"
            assert clip.grad.any(dim=2).float().mean() > 0.5, 'the gradient misses more than half of the clip'

    def test_double_precision(self) -> None:
        for net, clip, context in self._cases():
            single = net.eval()(clip, context)
            wide = ClipContext(**{k: v.double() if isinstance(v, Tensor) else v for k, v in vars(context).items()})
            for a, b in zip(net.double()(clip.double(), wide), single, strict=True):
                assert a.logits.dtype == torch.float64, f'float64 became {a.logits.dtype}'
                same(a.logits.float(), b.logits, 'float64 and float32', 1e-3)

    def test_mixed_precision(self) -> None:
        for net, clip, context in self._cases():
            with torch.autocast('cpu', torch.bfloat16):
                scores = net(clip, context)
            assert all(score.logits.isfinite().all() for score in scores), 'logits in bfloat16 are not finite'
            _weighed(scores).backward()
            check_gradients(net)

    def test_state_dict_holds_all_of_it(self) -> None:
        for net, clip, context in self._cases():
            net(clip, context)  # moves what a normalisation has seen so far
            other = self.make(CHANNELS, clip.shape[-1] // context.condition.shape[-1])
            other.load_state_dict(net.state_dict())
            for a, b in zip(other.eval()(clip, context), net.eval()(clip, context), strict=True):
                same(a.logits, b.logits, 'the discriminator and another with its state_dict')

    def test_stays_on_the_device(self) -> None:
        device = 'cuda' if torch.cuda.is_available() else 'meta'
        for net, clip, context in self._cases():
            moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(context).items()}
            scores = net.to(device)(clip.to(device), ClipContext(**moved))
            assert {score.logits.device.type for score in scores} == {device}

    def _cases(self) -> Iterator[tuple[Discriminator, Tensor, ClipContext]]:
        """Discriminators with random weights, a clip (N, T, 3, H*s, W*s) for each, and what the step knows of it."""
        for scale in self.scales:
            for (height, width), t in zip(self.crops, self.lengths):
                net = self.make(CHANNELS, scale).train()
                randomize(net)
                motion = torch.ones(2, t - 1, 2, height, width)  # of moving_clip
                context = ClipContext(moving_clip(2, t, CHANNELS, height, width), flow=-motion, flow_back=motion)
                context.target = moving_clip(2, t, 3, height * scale, width * scale, seed=1)
                yield net, context.target.clone(), context


def _weighed(scores: list[Score]) -> Tensor:
    """A scalar on which all logits bear, each differently."""
    return sum((score.logits.float() * torch.linspace(0.5, 1, score.logits.numel()).view_as(score.logits)).sum()
               for score in scores)
