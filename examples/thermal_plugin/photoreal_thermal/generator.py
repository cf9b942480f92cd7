"""HeatNet: about the smallest generator that remembers."""

import torch
from torch import Tensor, nn

from photoreal.models.generators import Generator
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput


@GENERATORS.register_module()
class HeatNet(Generator):
    """Three convolutions of the condition and the last prediction; it estimates no flow.

    Args:
        in_channels: Channels of the condition.
        width: Channels inside.
        skip: (first, last + 1) channels of the condition to which the network's output is added; None: to nothing.
    """

    def __init__(self, in_channels: int, width: int = 32, skip: tuple[int, int] | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.skip = skip
        self.body = nn.Sequential(
            nn.Conv2d(in_channels + 3, width, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, condition: Tensor) -> GeneratorOutput:
        state, preds = self.init_state(condition[:, 0]), []
        for frame in condition.unbind(1):
            pred, state = self.step(frame, state)
            preds.append(pred)
        return GeneratorOutput(torch.stack(preds, dim=1))

    def init_state(self, condition: Tensor) -> dict[str, Tensor]:
        return {'pred': torch.zeros_like(condition[:, :1]).expand(-1, 3, -1, -1)}

    def step(self, condition: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        pred = self.body(torch.cat([condition, state['pred']], dim=1))
        if self.skip is not None:
            pred = pred + condition[:, self.skip[0]:self.skip[1]]
        return pred, {'pred': pred}
