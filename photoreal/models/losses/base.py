"""What every loss is: a small callable on what a training step has computed."""

from abc import abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.registry import suggest
from photoreal.structures import ClipContext


class Loss(nn.Module):
    """Base of all losses; register subclasses with ``@LOSSES.register_module()``.

    Args:
        weight: Factor of the result.

    Attributes:
        needs_ping_pong: Whether the clip must run forward and back again; VideoGAN then arranges that.
        trains_discriminator: Whether :meth:`discriminator_loss` is what the discriminator is trained with.
        penalises_discriminator: Whether the loss is the discriminator's alone: it is added to what that is trained
            with, and the generator is not trained with it.
        needs_teacher: Whether it learns from what a teacher made of virtual clips; data sets then bring it along.
        compares_pairs: Whether it takes ``pairs``, which the unpaired branch then makes.
    """

    needs_ping_pong: bool = False
    trains_discriminator: bool = False
    penalises_discriminator: bool = False
    needs_teacher: bool = False
    compares_pairs: bool = False

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    @abstractmethod
    def forward(self, context: ClipContext) -> Tensor:
        """The generator's loss, or the discriminator's penalty: a scalar, weight applied.

        Raises:
            ConfigError: The step has not computed what this loss needs.
        """

    def discriminator_loss(self, context: ClipContext) -> Tensor:
        """The discriminator's loss from real and fake scores: a scalar; only where ``trains_discriminator``."""
        raise ConfigError(f'{type(self).__name__} does not train a discriminator')


def charbonnier(x: Tensor, y: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + 1e-6), a smooth L1 (Charbonnier et al., ICIP 1994)."""
    return torch.sqrt((x - y) ** 2 + 1e-6).mean()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'l1': F.l1_loss,
    'mse': F.mse_loss,
    'charbonnier': charbonnier,
}


def distance(kind: str, who: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The distance called ``kind``.

    Raises:
        ConfigError: There is none of that name.
    """
    if kind not in DISTANCES:
        raise ConfigError(f"{who}: kind='{kind}' is unknown{suggest(kind, DISTANCES)}")
    return DISTANCES[kind]
