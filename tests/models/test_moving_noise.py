"""Noise that moves with the scene."""

import pytest
import torch

from photoreal.models.moving_noise import LONGEST, PERIOD, TILE, MovingNoise


def run(frames: int, flow: tuple[float, float] | None = None, trust: float = 1.0) -> list[torch.Tensor]:
    """Noise (B, 64, 96) of successive frames."""
    net, like = MovingNoise(), torch.zeros(1, 1, 64, 96)
    state, found = net.init_state(like), []
    motion = None if flow is None else torch.tensor(flow).view(1, 2, 1, 1).expand(1, 2, 64, 96)
    for _ in range(frames):
        noise, state = net(state, motion, torch.full_like(like, trust))
        found.append(noise[0])
    return found


def alike(a: torch.Tensor, b: torch.Tensor) -> list[float]:
    """Correlation of each band."""
    return [float(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1]) for x, y in zip(a, b)]


def test_bands_are_of_variance_1_at_any_age():
    """Nearly: what lies between two places of the finest is their mean."""
    for noise in run(PERIOD)[::5]:
        assert noise.std((1, 2)).tolist() == pytest.approx([1, 1], abs=0.3)


def test_noise_moves_with_the_scene():
    *_, before, after = run(6, (-2.0, 1.0))  # right and up
    assert min(alike(after[:, :-1, 2:], before[:, 1:, :-2])) > 0.98
    assert max(alike(after[:2, :-1, 2:], before[:2, :-1, 2:])) < 0.7


def test_half_pixels_do_not_blur_it():
    noise = run(PERIOD, (0.5, 0.3))
    assert noise[-1].std((1, 2)).min() > 0.8 * noise[0].std((1, 2)).min()


def test_what_was_not_seen_starts_anew():
    first, second = run(2, trust=0.0)
    assert max(map(abs, alike(first, second))) < 0.3


def test_it_does_not_stay_the_same_for_ever():
    noise = run(PERIOD + 2)
    assert min(alike(noise[0], noise[1])) > 0.95 and max(alike(noise[0], noise[PERIOD // 2])) < 0.3


def test_the_edge_of_the_tile_is_not_seen():
    net = MovingNoise()
    ramp = torch.arange(-2, 3, 0.5).view(1, 1, 1, -1)
    across = torch.cat([ramp, torch.full_like(ramp, 7.0)], dim=1)
    torch.testing.assert_close(net._look_up(across), net._look_up(across + TILE), rtol=0, atol=1e-4)


def test_the_count_starts_over_without_a_jump():
    net = MovingNoise()
    state = net.init_state(torch.zeros(1, 1, 8, 8))
    state['age'].fill_(LONGEST - 1)
    _, after = net(state, None, torch.ones(1, 1, 8, 8))
    assert float(after['age']) == PERIOD
