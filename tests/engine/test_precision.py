"""Half precision teaches what float32 does, to its rounding."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from photoreal.engine.optim import AutocastOptimWrapper
from tests.models.helpers import ADVERSARIAL, PIXEL, Watched, build, clips, wrappers

LOSSES = dict(pixel=PIXEL, adversarial=ADVERSARIAL | dict(weight=1.0), warping=dict(type='WarpingLoss'),
              ping_pong=dict(type='PingPongLoss', weight=0.5))
PLAYERS = {'generator': 'discriminator', 'discriminator': 'generator'}


class WatchedHalf(Watched, AutocastOptimWrapper):
    """Keeps gradients, which are scaled."""


def learn(wrapper: Callable[..., Watched]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What a model logs in its first step, and each player's gradient as one vector."""
    model = build(LOSSES, 'SpatioTemporalDiscriminator', update_threshold=None)
    optimizers = wrappers(model, wrapper)
    scales = {}
    for player, other in PLAYERS.items():
        optimizers[player].other = getattr(model, other)
        scaler = getattr(optimizers[player], 'loss_scaler', None)
        scales[player] = scaler.get_scale() if scaler else 1.0
    logs = model.train_step(clips(2, t=3, size=32), optimizers)
    return logs, {player: torch.cat([g.flatten() for g in optimizers[player].own]) / scales[player]
                  for player in PLAYERS}


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_step_in_half_precision_is_that_in_float32(dtype: str) -> None:
    expected, gradients = learn(Watched)
    found, half_gradients = learn(partial(WatchedHalf, dtype=dtype))
    # What comes before the discriminator's update; Adam's first step makes whole steps of gradients near zero.
    for name in ('d_total', 'd_real', 'd_fake', 'd_lead', 'g_pixel', 'g_warping', 'g_ping_pong'):
        torch.testing.assert_close(found[name], expected[name], rtol=0.02, atol=0.005, check_dtype=False, msg=name)
    for player, gradient in gradients.items():
        half = half_gradients[player]
        assert half.dtype == torch.float32
        assert torch.cosine_similarity(half, gradient, dim=0) > 0.99, player
        assert 0.95 < half.norm() / gradient.norm() < 1.05, player
