"""Half precision teaches what float32 does, to its rounding."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from photoreal.engine.optim import AutocastOptimWrapper
from photoreal.models.generators.frnet import FlowNet
from photoreal.models.losses.base import DISTANCES, charbonnier
from photoreal.models.video_gan import VideoGAN
from photoreal.testing.networks import moving_clip, randomize
from tests.models.helpers import ADVERSARIAL, PIXEL, Watched, build, wrappers

CONTENT = dict(pixel=PIXEL, warping=dict(type='WarpingLoss'), ping_pong=dict(type='PingPongLoss', weight=0.5))
GAME = dict(adversarial=ADVERSARIAL | dict(weight=1.0))
PLAYERS = {'generator': 'discriminator', 'discriminator': 'generator'}
SEEDS = 3
# Of the error in half precision over the error that rounding alone makes in float32. It is a ratio of two random
# errors: 0.6 to 1.8 under the instruction sets of test_instruction_sets.py. A flow in bfloat16 makes it 9.
BOUND = 2.5
FLOAT32_ROUNDING = 1e-6


class WatchedHalf(Watched, AutocastOptimWrapper):
    """Keeps gradients, which are scaled."""


class RoundedConvolutions(TorchFunctionMode):
    """The reference: float32, but what convolutions take and give is rounded, in the backward pass too.

    Half precision may do this and no more; the flow's last convolution is spared.
    """

    def __init__(self, dtype: torch.dtype, model: VideoGAN) -> None:
        super().__init__()
        self.dtype, self.spared = dtype, model.generator.flow_net.flow[2].weight

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is not F.conv2d or args[1] is self.spared:
            return func(*args, **(kwargs or {}))
        x, weight, bias, *rest = args
        rounded = (None if tensor is None else _Round.apply(tensor, self.dtype) for tensor in (x, weight, bias))
        return _Round.apply(func(*rounded, *rest, **(kwargs or {})), self.dtype)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.dtype = dtype
        return x.to(dtype).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.to(ctx.dtype).to(gradient.dtype), None


def learn(losses: dict[str, dict], blank: bool, seed: int, wrapper: Callable[..., Watched] = Watched,
          rounded_to: torch.dtype | None = None) -> dict[str, Tensor]:
    """The generator's losses in one step, and the gradients of flow net, refinement and discriminator.

    The learning rate is 0, so that the discriminator that judges is the same: Adam's first step moves every weight by
    the whole rate, in a direction that is up to rounding where the gradient is near zero.

    Args:
        losses: Their configs.
        blank: Whether the generator is as training starts, its last layers zero; otherwise all weights are random.
        seed: Of weights and clips.
        wrapper: The optimizers.
        rounded_to: See RoundedConvolutions; None: no rounding.
    """
    model = build(losses, 'SpatioTemporalDiscriminator' if 'adversarial' in losses else None, update_threshold=None)
    if not blank:
        randomize(model.generator, seed)
    optimizers = wrappers(model, wrapper, lr=0)
    scales = {player: _follow(optimizers, player, model) for player in optimizers.optim_wrappers}
    maps = (moving_clip(2, 3, 4, 32, 32, seed=2 * seed) * 255).to(torch.uint8)
    target = (moving_clip(2, 3, 3, 32, 32, seed=2 * seed + 1) * 255).to(torch.uint8)
    batch = dict(maps=dict(gray=maps[:, :, :1], picture=maps[:, :, 1:]), target=target, seed=torch.arange(2))
    with RoundedConvolutions(rounded_to, model) if rounded_to else nullcontext():
        logs = model.train_step(batch, optimizers)
    found = {name: logs[f'g_{name}'] for name in losses if name != 'adversarial'}
    own = {name: gradient / scales['generator'] for (name, _), gradient
           in zip(model.generator.named_parameters(), optimizers['generator'].own, strict=True)}
    found['flow net'] = torch.cat([gradient.flatten() for name, gradient in own.items() if 'flow_net' in name])
    found['refinement'] = torch.cat([gradient.flatten() for name, gradient in own.items() if 'flow_net' not in name])
    if model.discriminator is not None:
        own = optimizers['discriminator'].own
        found['discriminator'] = torch.cat([gradient.flatten() for gradient in own]) / scales['discriminator']
    return found


def _follow(optimizers: OptimWrapperDict, player: str, model: VideoGAN) -> float:
    """Have an optimizer watch the other player; the factor by which its loss is scaled."""
    optimizer = optimizers[player]
    optimizer.other = getattr(model, PLAYERS[player]) or nn.Module()
    scaler = getattr(optimizer, 'loss_scaler', None)
    if scaler is None or not scaler.is_enabled():
        return 1.0
    scaler.load_state_dict(scaler.state_dict() | {'scale': 256.0})  # a random network's gradients overflow sooner
    return scaler.get_scale()


@cache
def expected(content: bool, blank: bool, seed: int) -> dict[str, Tensor]:
    """:func:`learn` in float32."""
    return learn(CONTENT if content else GAME, blank, seed)


def excess(dtype: str, content: bool, blank: bool) -> dict[str, float]:
    """What learn() finds -> its error in half precision over the reference's, both root mean squares over seeds."""
    losses = CONTENT if content else GAME
    errors: dict[str, list[tuple[float, float]]] = {}
    for seed in range(SEEDS):
        true = expected(content, blank, seed)
        half = learn(losses, blank, seed, partial(WatchedHalf, dtype=dtype))
        rounded = learn(losses, blank, seed, rounded_to=getattr(torch, dtype))
        for name, value in true.items():
            assert half[name].dtype == torch.float32, name
            if value.any():
                errors.setdefault(name, []).append(
                    tuple(float((found[name] - value).norm() / value.norm()) for found in (half, rounded)))
    squares = {name: torch.tensor(of).square().mean(0).sqrt().tolist() for name, of in errors.items()}
    return {name: of_half / (of_rounding + FLOAT32_ROUNDING) for name, (of_half, of_rounding) in squares.items()}


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('content', [True, False], ids=['content', 'game'])
@pytest.mark.parametrize('blank', [True, False], ids=['blank', 'random'])
def test_half_precision_errs_as_rounded_convolutions_do(dtype: str, content: bool, blank: bool) -> None:
    found = excess(dtype, content, blank)
    assert found.keys() >= {'refinement', 'warping' if content else 'discriminator'}
    assert all(error < BOUND for error in found.values()), found


@pytest.mark.parametrize('what', ['flow', 'loss'])
def test_bound_catches_what_must_stay_in_float32(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == 'flow':
        monkeypatch.setattr(FlowNet, '_flow', lambda self, x: self.flow(x))
    else:
        monkeypatch.setitem(DISTANCES, 'charbonnier', lambda x, y: charbonnier(_lowered(x), _lowered(y)).to(x.dtype))
    assert max(excess('bfloat16', content=True, blank=True).values()) > 2 * BOUND


def _lowered(x: Tensor) -> Tensor:
    return x.bfloat16() if torch.is_autocast_enabled('cpu') else x
