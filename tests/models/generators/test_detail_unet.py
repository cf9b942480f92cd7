"""DetailUNet: the contract, and that detail is bounded and moves with the scene."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.generators import DetailUNet
from photoreal.models.generators.detail_unet import NOISE_STEP
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip, randomize


def small(in_channels: int = 5, **kwargs) -> DetailUNet:
    return DetailUNet(in_channels, **{'width': 4, 'blocks': (1, 1), 'noise': 2, **kwargs})


class TestDetailUNet(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip)


class TestDetailUNetInMotion(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, motion=(3, 2.0), fold=4)


def test_training_starts_at_the_frame():
    condition = moving_clip(1, 3, 5, 19, 27)
    torch.testing.assert_close(small(skip=(1, 4))(condition).pred, condition[:, :, 1:4])


def test_change_is_bounded_whatever_the_weights():
    net, condition = small(skip=(1, 4), luma=0.2, chroma=0.05), moving_clip(1, 4, 5, 24, 32)
    randomize(net)
    with torch.no_grad():
        net.detail.weight *= 100
        change = net(condition).pred - condition[:, :, 1:4]
    assert 0.1 < change.abs().max() < 0.2 + 0.05 * 1.772 + 1e-4


def test_noise_moves_and_is_the_same_in_each_run():
    condition = torch.zeros(1, 5, 19, 27)
    net, other = small(), small()
    state = net.init_state(condition)
    assert torch.equal(state['noise'], other.init_state(condition)['noise']) and 0.7 < state['noise'].std() < 1.3
    assert torch.equal(net.step(condition, state)[1]['noise'], state['noise'].roll(NOISE_STEP, (2, 3)))


def carried(net: DetailUNet, before: torch.Tensor, after: torch.Tensor, flow: tuple[float, float]) -> torch.Tensor:
    """What of a last prediction of random texture is carried to a frame, (3, H, W)."""
    motion = torch.tensor(flow).view(1, 2, 1, 1).expand(1, 2, *after.shape[-2:])
    state = {'pred': torch.rand(before.shape, generator=torch.Generator().manual_seed(3)), 'image': before,
             'hidden': torch.zeros(1, 4, before.shape[-2] // 2, before.shape[-1] // 2)}
    return net._carry(after, motion, state)[0][0], state['pred'][0]


def test_texture_moves_with_the_scene():
    before, after = moving_clip(1, 2, 3, 32, 32)[0].split(1)  # down and to the right by one pixel
    found, texture = carried(small(), before, after, (-1.0, -1.0))
    torch.testing.assert_close(found[:, 1:, 1:], texture[:, :-1, :-1], rtol=0.02, atol=0.02)


def test_what_was_not_seen_before_is_not_trusted():
    before = torch.zeros(1, 3, 32, 32)
    after = before.clone()
    after[..., 16:] = 1
    found, texture = carried(small(), before, after, (0.0, 0.0))
    assert found[..., 16:].abs().max() < 1e-6
    torch.testing.assert_close(found[..., :16], texture[..., :16])


def test_motion_follows_from_the_modalities():
    modalities = dict(picture=dict(type='Smooth'), motion=dict(type='Flow', limit=16.0, preset='fast'))
    net = ClipPreprocessor(modalities, 'picture').build_generator(dict(type='DetailUNet', width=4))
    assert net.motion == (3, 16.0) and net.skip == (0, 3)
    condition = torch.zeros(1, 2, 6, 16, 16)
    condition[:, 1, 3:5] = torch.tensor([0.25, -0.5]).view(2, 1, 1)
    assert net.estimate_flow(condition)[0, 0, :, 0, 0].tolist() == [4, -8]
    for cfg in (dict(type='DetailUNet', motion=(0, 1.0)), dict(type='FRNet', skip=(0, 3))):
        with pytest.raises(ConfigError, match='is derived from the modalities'):
            ClipPreprocessor(modalities, 'picture').build_generator(cfg)


@pytest.mark.parametrize('kwargs, message', [
    (dict(noise=0), 'noise=0: expected 1 or more'), (dict(fold=3), 'fold=3'),
    (dict(blocks=(1,)), 'expected two counts'), (dict(skip=(0, 4)), 'takes 4')])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ConfigError, match=f'DetailUNet: .*{message}'):
        small(**kwargs)
