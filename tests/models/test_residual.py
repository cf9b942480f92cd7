"""What a generator may add."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.residual import BoundedResidual


def plane(luma: float, size: int = 32) -> torch.Tensor:
    """(1, 3, size, size): the same everywhere, brightness alone."""
    return torch.tensor([luma, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, size, size)


def test_nothing_stays_nothing():
    assert not BoundedResidual()(torch.zeros(1, 3, 19, 27)).any()


def test_brightness_is_bounded():
    torch.testing.assert_close(BoundedResidual(luma=0.3)(plane(99.0)), torch.full((1, 3, 32, 32), 0.3))


def test_what_alternates_from_pixel_to_pixel_goes():
    checks = (torch.arange(32) + torch.arange(32).view(-1, 1)) % 2 * 2 - 1.0
    change = BoundedResidual()(plane(9.0) * checks)
    assert change[..., 1:-1, 1:-1].abs().max() < 1e-6


def test_colour_differences_leave_brightness():
    x = torch.zeros(1, 3, 32, 32)
    x[:, 1:] = torch.randn(1, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    change = BoundedResidual(chroma=0.1)(x)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    assert (change * luma).sum(1).abs().max() < 1e-5 and 0.02 < change.abs().max() < 0.1772


@pytest.mark.parametrize('kwargs', [dict(luma=0), dict(chroma=-1)])
def test_wrong_arguments(kwargs):
    with pytest.raises(ConfigError, match='bounds: .*expected both above 0'):
        BoundedResidual(**kwargs)
