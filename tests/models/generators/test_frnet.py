"""FRNet: the contract at each scale, and what its arguments do."""

import pytest
import torch

from photoreal.errors import ConfigError, DataError
from photoreal.models.generators import FRNet
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip, randomize


def small(in_channels: int = 5, **kwargs) -> FRNet:
    return FRNet(in_channels, mid_channels=4, num_blocks=1, flow_channels=4, **kwargs)


class TestFRNet(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip)


class TestFRNetWithTail(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, tail=2)


class TestFRNetTwofold(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, scale=2, upsample='bicubic')


class TestFRNetFourfold(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, scale=4)


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_training_starts_at_the_degraded_frame(scale):
    net, condition = small(skip=(1, 4), scale=scale), moving_clip(1, 3, 5, 16, 24)
    image = condition[:, :, 1:4]
    expected = net.upsample(image.flatten(0, 1)).unflatten(0, image.shape[:2])
    torch.testing.assert_close(net(condition).pred, expected)


def test_without_a_degraded_frame_the_prediction_is_the_networks_own():
    torch.manual_seed(0)
    assert small()(moving_clip(1, 1, 5, 16, 16)).pred.abs().max() > 1e-3


def test_flow_is_what_moves_the_last_prediction():
    """With a flow of known whole pixels, and a network that hands the warped prediction through, a picture travels."""
    net = small(3, skip=None)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.flow_net.flow[-1].bias.copy_(torch.atanh(torch.tensor([2.0, -3.0]) / 24))  # 2 to the right, 3 up
        net.conv_in[0].weight[:3, 3:, 1, 1] = torch.eye(3)
        net.conv_out.weight[:, :3, 1, 1] = torch.eye(3)
        before = moving_clip(1, 1, 3, 16, 24)[:, 0]
        pred, _ = net.step(torch.zeros(1, 3, 16, 24), {'condition': torch.zeros(1, 3, 16, 24), 'pred': before})
    torch.testing.assert_close(pred[..., 3:, :-2], before[..., :-3, 2:], rtol=0, atol=1e-4)


def test_flow_stays_within_the_published_bound():
    net = small()
    randomize(net)
    with torch.no_grad():
        for parameter in net.flow_net.parameters():
            parameter.mul_(100)
        flow = net.estimate_flow(moving_clip(1, 2, 5, 16, 16))
    assert 20 < flow.abs().max() <= 24


def test_one_frame_has_no_flow():
    output = small()(moving_clip(2, 1, 5, 16, 24))
    assert output.flow.shape == (2, 0, 2, 16, 24)


@pytest.mark.parametrize('size', [(7, 16), (16, 7)])
def test_frames_too_small_for_the_flow(size):
    with pytest.raises(DataError, match=f'{size[1]}x{size[0]} are too small .* at least 8 pixels'):
        small()(moving_clip(1, 2, 5, *size))


@pytest.mark.parametrize('size', [(8, 15), (15, 8)])
def test_smallest_frames(size):
    assert small()(moving_clip(1, 2, 5, *size)).pred.shape[-2:] == size


@pytest.mark.parametrize('kwargs, message', [
    (dict(scale=3), 'scale=3: expected 1, 2 or 4'),
    (dict(scale=2, upsample='nearest'), "upsample='nearest': expected 'bilinear' or 'bicubic'"),
    (dict(scale=2, tail=1), 'tail=1 at scale=2: expected 0, or more at scale 1'),
    (dict(skip=(0, 4)), r'skip=\(0, 4\) takes 4 channels of the condition, but the prediction has 3')])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ConfigError, match=message):
        small(**kwargs)
