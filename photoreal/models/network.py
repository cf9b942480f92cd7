"""What generators and discriminators have in common."""

from abc import ABC
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from torch import nn


class Network(nn.Module, ABC):
    """A module whose weights a config may initialise, as MMEngine's BaseModule; prediction, which loads its weights,
    does without that one: with all that ``mmengine.model`` imports it takes nearly as long as torch itself.

    Args:
        init_cfg: One of MMEngine's initialisers, such as ``dict(type='Kaiming', layer='Conv2d')``, or several; None
            keeps the weights as they were made.
    """

    def __init__(self, init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self.init_cfg = deepcopy(init_cfg)
        self.is_init = False  # by this name MMEngine asks for it

    def init_weights(self) -> None:
        """Initialise the weights once, a pretrained file last; MMEngine's training calls it at its start."""
        if self.is_init:
            return
        from mmengine.model import initialize
        given = self.init_cfg or []
        configs = [given] if isinstance(given, Mapping) else list(given)
        initialize(self, [cfg for cfg in configs if cfg['type'] != 'Pretrained'])
        for child in self.children():
            if hasattr(child, 'init_weights'):
                child.init_weights()
        initialize(self, [cfg for cfg in configs if cfg['type'] == 'Pretrained'])
        self.is_init = True
