"""RecurrentUNet: the contract, and what its arguments do."""

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict

from photoreal.bundle import load_untrained
from photoreal.errors import ConfigError
from photoreal.models import VideoGAN
from photoreal.models.generators import RecurrentUNet
from photoreal.models.generators.recurrent_unet import MAX_FLOW
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip, randomize
from tests.tiny import ROOT


def small(in_channels: int = 5, **kwargs) -> RecurrentUNet:
    return RecurrentUNet(in_channels, **{'width': 4, 'fold': 2, 'blocks': (1, 1), **kwargs})


def set_flow(net: RecurrentUNet, x: float, y: float) -> None:
    """Let a network whose weights are 0 find the same flow everywhere, in pixels of the condition."""
    net.flow_net.flow.bias.copy_(torch.atanh(torch.tensor([x, y]) / MAX_FLOW) * MAX_FLOW / net.flow_net.unit)


class TestRecurrentUNet(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip)


class TestRecurrentUNetTwofold(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, scale=2)


class TestRecurrentUNetFoldedByFour(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, fold=4, blocks=(0, 1))


def test_mixed_styles_cost_nothing_at_prediction():
    plain, mixed, condition = small(), small(mix_style=1.0), moving_clip(2, 3, 5, 19, 27)
    randomize(plain)
    mixed.load_state_dict(plain.state_dict())
    expected = plain.eval()(condition).pred
    torch.testing.assert_close(mixed.eval()(condition).pred, expected, rtol=0, atol=0)
    torch.manual_seed(0)
    assert not torch.allclose(mixed.train()(condition).pred, expected, atol=1e-3)


@pytest.mark.parametrize('scale', [1, 2])
def test_training_starts_at_the_degraded_frame(scale):
    net, condition = small(skip=(1, 4), scale=scale), moving_clip(1, 3, 5, 19, 27)
    image = condition[:, :, 1:4]
    expected = net.upsample(image.flatten(0, 1)).unflatten(0, image.shape[:2])
    torch.testing.assert_close(net(condition).pred, expected)


@pytest.mark.parametrize('fold, scale', [(2, 1), (4, 1), (2, 2)])
def test_flow_is_what_moves_the_last_prediction(fold, scale):
    """With a flow of known whole pixels, and a network that hands the warped prediction through, a picture travels."""
    net = small(3, fold=fold, scale=scale, width=3 * (fold * scale)**2, blocks=(0, 0))
    channels = net.pred_channels
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        set_flow(net, 2.0, -3.0)  # 2 to the right, 3 up
        net.conv_in[0].weight[:, -channels:, 0, 0] = torch.eye(channels)
        net.conv_out.weight[:channels, :, 1, 1] = torch.eye(channels)
        condition = torch.zeros(1, 3, 19, 27)
        state = net.init_state(condition)
        before = moving_clip(1, 1, *state['pred'].shape[1:])[:, 0]
        pred, _ = net.step(condition, {**state, 'pred': before})
        before = before[..., :19 * scale, :27 * scale]
    expected = before[..., :-3 * scale, 2 * scale:]
    torch.testing.assert_close(pred[..., 3 * scale:, :-2 * scale], expected, rtol=0, atol=1e-4)
    flow = net.estimate_flow(condition.expand(2, 1, 3, 19, 27).transpose(0, 1))
    torch.testing.assert_close(flow, torch.tensor([2.0, -3.0]).view(1, 1, 2, 1, 1).expand_as(flow))


def test_carried_features_move_with_the_flow():
    net = small(3, fold=2, width=4, blocks=(0, 0))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        set_flow(net, 2.0, -4.0)  # one and two folded pixels
        net.conv_in[0].weight[:, 4:8, 0, 0] = torch.eye(4)
        net.conv_out.weight[net.pred_channels:, :, 1, 1] = torch.eye(4)
        condition = torch.zeros(1, 3, 16, 24)
        before = moving_clip(1, 1, 4, 8, 12)[:, 0]
        _, state = net.step(condition, {**net.init_state(condition), 'hidden': before})
    torch.testing.assert_close(state['hidden'][..., 2:, :-1], before[..., :-2, 1:].tanh(), rtol=0, atol=1e-4)


def test_carried_features_stay_bounded_whatever_the_weights():
    net, condition = small(), moving_clip(1, 8, 5, 16, 16)
    randomize(net)
    state = net.init_state(condition[:, 0])
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
        for frame in condition.unbind(1):
            _, state = net.step(frame, state)
            assert state['hidden'].abs().max() <= 1


def test_one_frame_has_no_flow():
    assert small()(moving_clip(2, 1, 5, 16, 24)).flow.shape == (2, 0, 2, 16, 24)


@pytest.mark.parametrize('size', [(1, 1), (3, 40)])
def test_frames_smaller_than_the_grid(size):
    assert small(fold=4)(moving_clip(1, 2, 5, *size)).pred.shape[-2:] == size


@pytest.mark.parametrize('kwargs, message', [
    (dict(width=0), 'width=0: expected 1 or more'),
    (dict(fold=3), 'fold=3: expected 1, 2, 4 or 8'),
    (dict(blocks=(1,)), r'blocks=\(1,\): expected two counts'),
    (dict(scale=4), 'scale=4: expected 1 or 2'),
    (dict(skip=(0, 4)), r'skip=\(0, 4\) takes 4 channels of the condition, expected 3')])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ConfigError, match=f'RecurrentUNet: {message}'):
        small(**kwargs)


def test_learns_to_see_motion_and_to_restore():
    """A few steps of a VideoGAN's own training find a motion that is known, and better pictures than it was given."""
    torch.manual_seed(0)
    model = VideoGAN(
        modalities=dict(picture=dict(type='ImageFolder', folder='picture')), image='picture', ema_momentum=None,
        generator=dict(type='RecurrentUNet', width=16, fold=2, blocks=(1, 1)),
        losses=dict(pixel=dict(type='PixelLoss'), warping=dict(type='WarpingLoss')))
    optimizer = OptimWrapperDict(generator=OptimWrapper(torch.optim.Adam(model.generator.parameters(), lr=2e-3)))
    target = moving_clip(2, 3, 3, 32, 32)  # by one pixel, down and to the right
    condition = 0.5 * target + 0.2
    logs = [model.train_on(dict(condition=condition, target=target), optimizer) for _ in range(80)]
    assert logs[-1]['g_pixel'] < 0.5 * logs[0]['g_pixel']
    flow = model.generator.estimate_flow(condition)[..., 8:-8, 8:-8]
    torch.testing.assert_close(flow.mean((0, 1, 3, 4)), torch.tensor([-1.0, -1.0]), rtol=0, atol=0.3)


@pytest.mark.parametrize('size', ['nano', 'small', 'base'])
def test_the_configs_follow_the_scale(size):
    path = ROOT / f'configs/realtime_{size}.py'
    assert load_untrained(path).generator.scale == 1
    assert load_untrained(path, ('scale=2', 'model.generator.width=8')).generator.scale == 2
