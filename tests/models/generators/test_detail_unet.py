"""DetailUNet: the contract, and that detail is bounded and moves with the scene."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models.generators import DetailUNet
from photoreal.models.generators.detail_unet import FAINT, MARGIN
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.networks import moving_clip, randomize


def small(in_channels: int = 5, **kwargs) -> DetailUNet:
    return DetailUNet(in_channels, **{'width': 4, 'blocks': (1, 1), **kwargs})


class TestDetailUNet(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip)


class TestDetailUNetInMotion(GeneratorContract):
    def make(self, in_channels, skip):
        return small(in_channels, skip=skip, motion=(3, 2.0), fold=4)


def test_training_starts_at_the_frame_with_a_little_noise():
    condition = moving_clip(1, 3, 5, 67, 91)
    condition[:, :, 1:4] = 0.4 * condition[:, :, 1:2]  # dark and grey, as what gets texture
    change = small(skip=(1, 4), luma=0.4)(condition).pred - condition[:, :, 1:4]
    assert 0.5 < change.std() / (0.4 * 2**0.5 * FAINT) < 1.5  # two bands
    assert torch.allclose(change, change[:, :, :1].expand_as(change), atol=1e-6), 'colours change'


def test_change_is_bounded_whatever_the_weights():
    net, condition = small(skip=(1, 4), luma=0.2, chroma=0.05), moving_clip(1, 4, 5, 24, 32)
    randomize(net)
    with torch.no_grad():
        net.conv_out.weight *= 100
        change = net(condition).pred - condition[:, :, 1:4]
    assert 0.1 < change.abs().max() < 0.2 + 0.05 * 1.772 + 1e-4


@pytest.mark.parametrize('colour', [(0.8, 0.8, 0.8), (0.6, 0.1, 0.1), (0.1, 0.2, 0.55)])
def test_bright_and_vivid_places_stay_smooth(colour):
    net, condition = small(skip=(1, 4)), torch.full((1, 2, 5, 32, 64), 0.2)
    condition[:, :, 1:4, :, 32:] = torch.tensor(colour).view(3, 1, 1)
    with torch.no_grad():
        change = net(condition).pred - condition[:, :, 1:4]
    assert change[..., :24].std() > 0.01 and change[..., 40:].abs().max() < 1e-6


def test_a_share_of_the_change_is_made_outside_of_training():
    net, condition = small(skip=(1, 4), share=0.25), moving_clip(1, 2, 5, 24, 32)
    randomize(net)
    with torch.no_grad():
        whole, part = (net.train(mode)(condition).pred - condition[:, :, 1:4] for mode in (True, False))
    assert whole.abs().max() > 0.01
    torch.testing.assert_close(part, 0.25 * whole, atol=1e-6, rtol=1e-4)


def test_what_dazzles_is_left_alone_whatever_the_weights():
    net, condition = small(skip=(1, 4)), torch.full((1, 2, 5, 32, 64), 0.4)
    condition[:, :, 1:4, :, 32:] = 0.9
    randomize(net)
    with torch.no_grad():
        change = (net(condition).pred - condition[:, :, 1:4]).abs()
    assert change[..., :24].mean() > 0.005 and change[..., 36:].max() < 1e-6


def test_no_mesh_of_folded_pixels():
    net, condition = small(skip=(1, 4)), torch.full((1, 1, 5, 32, 32), 0.5)
    randomize(net)
    x = torch.zeros(1, 4, 16 + 4 * MARGIN, 16 + 4 * MARGIN)
    x[..., ::2, ::2] = x[..., 1::2, 1::2] = 1  # what alternates from one folded pixel to the next
    net.fine = torch.nn.Sequential(Give(x))
    net.noise.tile.zero_()
    with torch.no_grad():
        change = net(condition).pred - 0.5
    inner = change[..., 8:-8, 8:-8]
    assert (inner - inner.mean((-1, -2), keepdim=True)).abs().max() < 1e-4


class Give(torch.nn.Module):
    """Features that are given, whatever came in."""

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.x = x

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.x


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
    (dict(width=0), 'width=0: expected 1 or more'), (dict(fold=3), 'fold=3'),
    (dict(blocks=(1,)), 'expected two counts'),
    (dict(share=1.5), 'share=1.5: expected 0 to 1'), (dict(skip=(0, 4)), 'takes 4')])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ConfigError, match=f'DetailUNet: .*{message}'):
        small(**kwargs)
