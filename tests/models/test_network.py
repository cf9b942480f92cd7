"""A network's weights, made as its config says."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel, BaseModule
from torch import nn

from photoreal.models.generators import FRNet
from photoreal.models.network import Network


class Two(Network):
    """A convolution, and another one in a module of MMEngine's with an initialiser of its own."""

    def __init__(self, init_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(1, 1, 1)
        self.inner = BaseModule(constant(5))
        self.inner.conv = nn.Conv2d(1, 1, 1)


class Model(BaseModel):
    """What a training holds a network in."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: Any) -> None:
        """MMEngine wants one."""


def constant(value: float) -> dict[str, Any]:
    return dict(type='Constant', layer='Conv2d', val=value)


def weights(net: Two) -> tuple[float, float]:
    return net.conv.weight.item(), net.inner.conv.weight.item()


@pytest.mark.parametrize('init_cfg', [constant(3), [constant(2), constant(3)]])
def test_weights_are_made_as_the_config_says_those_of_parts_by_their_own(init_cfg: Any) -> None:
    net = Two(init_cfg)
    Model(net).init_weights()
    assert weights(net) == (3, 5) and net.is_init


def test_weights_stay_without_an_initialiser_and_once_they_are_made() -> None:
    net = Two()
    before = net.conv.weight.item()
    net.init_weights()
    assert weights(net) == (before, 5)
    net.init_cfg = constant(7)
    net.init_weights()
    assert weights(net) == (before, 5)


def test_a_pretrained_file_comes_last(tmp_path: Path) -> None:
    source = Two(constant(9))
    source.init_weights()
    source.inner.conv.weight.data.fill_(8)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    net = Two([dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth')), constant(1)])
    net.init_weights()
    assert weights(net) == (9, 8)


def test_the_packages_networks_take_it() -> None:
    net = FRNet(in_channels=3, mid_channels=4, num_blocks=1, flow_channels=2, init_cfg=constant(0.5))
    net.init_weights()
    assert all((m.weight == 0.5).all() for m in net.modules() if isinstance(m, nn.Conv2d))
