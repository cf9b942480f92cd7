"""FrameResNet: the contract, of which it keeps what a baseline without a state can keep."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.generators import FrameResNet
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip


class TestFrameResNet(GeneratorContract):
    recurrent = False

    def make(self, in_channels, skip):
        return FrameResNet(in_channels, width=4, halvings=2, blocks=1, skip=skip)


def test_training_starts_at_the_degraded_frame():
    condition = moving_clip(1, 2, 5, 19, 27)
    net = FrameResNet(5, width=4, blocks=1, skip=(1, 4))
    torch.testing.assert_close(net(condition).pred, condition[:, :, 1:4])


def test_wrong_skip():
    with pytest.raises(ConfigError, match=r'skip=\(0, 4\) takes 4 channels of the condition, but the prediction has 3'):
        FrameResNet(5, skip=(0, 4))
