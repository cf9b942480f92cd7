"""The shared layers, against numbers that can be seen at once."""

import warnings

import pytest
import torch
from torch._subclasses import FakeTensorMode

from photoreal.errors import ConfigError
from photoreal.models.generators import FRNet, RecurrentUNet
from photoreal.models.layers import MixStyle, Upsample, backward_warp, conv3x3, in_strips, space_to_depth, zero_init
from photoreal.testing.networks import moving_clip, randomize, same


def constant_flow(x: float, y: float, height: int, width: int, n: int = 1) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(n, 2, height, width)


@pytest.mark.parametrize('dx, dy', [(0, 0), (2, 0), (0, 3), (1, 2)])
def test_warp_fetches_whole_pixels(dx, dy):
    image = torch.rand(2, 3, 7, 11)
    warped = backward_warp(image, constant_flow(dx, dy, 7, 11, 2))
    torch.testing.assert_close(warped[..., :7 - dy, :11 - dx], image[..., dy:, dx:], rtol=0, atol=1e-5)


def test_warp_mixes_between_pixels():
    image = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 1, 4, 8)
    warped = backward_warp(image, constant_flow(0.25, 0.5, 4, 8))
    torch.testing.assert_close(warped[..., :7], image[..., :7] + 0.25, rtol=0, atol=1e-5)


def test_warp_repeats_the_border():
    image = torch.rand(1, 2, 5, 6)
    for flow, edge in [((-99, 0), image[..., :1]), ((99, 0), image[..., -1:]),
                       ((0, -99), image[..., :1, :]), ((0, 99), image[..., -1:, :])]:
        torch.testing.assert_close(backward_warp(image, constant_flow(*flow, 5, 6)), edge.expand_as(image))


def test_mixed_styles_lie_between_those_of_two_clips():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 20, 20) * torch.tensor([1.0, 5.0]).view(2, 1, 1, 1, 1) + \
        torch.tensor([-10.0, 30.0]).view(2, 1, 1, 1, 1)

    def style(clips):
        return clips.mean((1, 3, 4)), clips.std((1, 3, 4))

    mix, lowest = MixStyle(prob=1.0, alpha=1.0).train(), 1.0
    for _ in range(20):
        out = mix(x)
        (mean, std), (own_mean, own_std) = style(out), style(x)
        share = (mean[0] - own_mean[0]) / (own_mean[1] - own_mean[0])  # of the other clip, alike in all channels
        assert (share > -1e-4).all() and (share < 1 + 1e-4).all() and share.std() < 1e-3
        torch.testing.assert_close(std[0], own_std[0] + share * (own_std[1] - own_std[0]), rtol=1e-3, atol=1e-3)
        lowest = min(lowest, 1 - share.mean().item())
        flat = ((out - mean[:, None, :, None, None]) / std[:, None, :, None, None])
        torch.testing.assert_close(flat, (x - own_mean[:, None, :, None, None]) / own_std[:, None, :, None, None],
                                   rtol=1e-3, atol=1e-3)
    assert lowest < 0.5


def test_styles_are_mixed_in_training_alone_and_as_often_as_they_should():
    x = torch.randn(4, 2, 3, 8, 8) * torch.arange(1.0, 5).view(4, 1, 1, 1, 1)
    assert MixStyle(1.0).eval()(x) is x and MixStyle(0.0).train()(x) is x and MixStyle(1.0).train()(x[:1]) is not None
    mix = MixStyle(0.25, alpha=5.0).train()
    changed = torch.stack([(mix(x) - x).abs().amax((1, 2, 3, 4)) > 1e-4 for _ in range(200)]).float().mean()
    assert 0.2 < changed < 0.3
    assert mix(x.bfloat16()).dtype == torch.bfloat16
    with pytest.raises(ConfigError, match='prob=2'):
        MixStyle(2)


@pytest.mark.parametrize('size', [(1, 6), (6, 1), (1, 1)])
def test_warp_of_a_single_row_or_column(size):
    image = torch.rand(1, 1, *size)
    torch.testing.assert_close(backward_warp(image, torch.zeros(1, 2, *size)), image)


@pytest.mark.parametrize('dtype, expected', [
    (torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)])
def test_warp_keeps_positions_exact(dtype, expected):
    image = torch.arange(400.0).view(1, 1, 1, 400).repeat(1, 1, 2, 1)
    with torch.autocast('cpu', torch.bfloat16):
        warped = backward_warp(image, constant_flow(1, 0, 2, 400).to(dtype))
    assert warped.dtype == expected
    torch.testing.assert_close(warped[..., :-1].float(), image[..., 1:], rtol=0, atol=1e-2)


def test_warp_gradient():
    torch.manual_seed(0)
    image = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    flow = (0.3 + 0.3 * torch.rand(1, 2, 5, 6, dtype=torch.float64)).requires_grad_()  # never on a whole pixel
    assert torch.autograd.gradcheck(backward_warp, (image, flow), eps=1e-7, atol=1e-4)


def test_space_to_depth_goes_row_column_channel():
    x = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)
    folded = space_to_depth(x, 2)
    assert folded.shape == (1, 8, 2, 2)
    places = [x[0, channel, row::2, column::2] for row in range(2) for column in range(2) for channel in range(2)]
    assert torch.equal(folded[0], torch.stack(places))


def test_space_to_depth_at_scale_1_is_the_same():
    x = torch.rand(1, 2, 3, 5)
    assert space_to_depth(x, 1) is x


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic'])
class TestUpsample:
    def test_scale_1_is_the_same(self, mode):
        x = torch.rand(1, 2, 3, 5)
        assert Upsample(1, mode)(x) is x

    @pytest.mark.parametrize('scale', [2, 3, 4])
    def test_constants_stay(self, mode, scale):
        x = torch.full((2, 3, 4, 5), 0.7)
        torch.testing.assert_close(Upsample(scale, mode)(x), torch.full((2, 3, 4 * scale, 5 * scale), 0.7))

    def test_channels_and_images_do_not_mix(self, mode):
        x = torch.rand(2, 3, 4, 5)
        net = Upsample(2, mode)
        torch.testing.assert_close(net(x)[1, 2], net(x[1:, 2:])[0, 0])

    def test_nothing_goes_into_a_checkpoint(self, mode):
        assert not Upsample(4, mode).state_dict()


def test_bicubic_passes_through_the_samples():
    x = torch.rand(1, 1, 6, 7)
    torch.testing.assert_close(Upsample(4, 'bicubic')(x)[..., ::4, ::4], x)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_bicubic_kernel(scale):
    """A point spreads as Keys' kernel (1981, eq. 4) with a = -0.75, about the sample at the corner."""
    def keys(x: float, a: float = -0.75) -> float:
        x = abs(x)
        return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0

    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    spread = Upsample(scale, 'bicubic')(point)[0, 0]
    profile = torch.tensor([keys(i / scale - 4) for i in range(9 * scale)])
    torch.testing.assert_close(spread, profile[:, None] * profile, rtol=0, atol=1e-6)


@pytest.mark.parametrize('mode, scale, shift', [('bicubic', 2, 0), ('bilinear', 2, -0.25), ('bilinear', 4, -0.375)])
def test_ramps_stay_ramps(mode, scale, shift):
    """Bicubic aligns the samples at the corner, bilinear the corners of the pixels. At a = -0.75 the bicubic kernel
    keeps ramps on samples and half way between them alone."""
    rows, columns = torch.arange(8.0)[:, None], torch.arange(9.0)
    large = Upsample(scale, mode)((3 * rows + 5 * columns)[None, None])[0, 0]
    y, x = (torch.arange(n * scale) / scale + shift for n in (8, 9))
    inside = (slice(2 * scale, -2 * scale),) * 2
    torch.testing.assert_close(large[inside], (3 * y[:, None] + 5 * x)[inside])


def test_unknown_mode():
    with pytest.raises(ConfigError, match="upsample='area': expected 'bilinear' or 'bicubic'"):
        Upsample(2, 'area')


def test_zero_init_gives_nothing():
    x = torch.rand(1, 4, 5, 5)
    assert conv3x3(4, 2)(x).any() and not zero_init(conv3x3(4, 2))(x).any()


def test_warping_trains_after_it_was_used_for_inference():
    x, flow = torch.rand(1, 2, 11, 13), torch.rand(1, 2, 11, 13)  # a size that no other test has
    with torch.inference_mode():
        expected = backward_warp(x, flow)
    x.requires_grad_(), flow.requires_grad_()
    found = backward_warp(x, flow)
    found.sum().backward()
    assert torch.equal(found, expected) and x.grad.any() and flow.grad.any()


def test_warping_of_tensors_without_data_leaves_nothing_behind():
    with FakeTensorMode():
        assert backward_warp(torch.rand(1, 2, 14, 17), torch.rand(1, 2, 14, 17)).shape == (1, 2, 14, 17)
    x = torch.rand(1, 2, 14, 17)
    torch.testing.assert_close(backward_warp(x, torch.zeros(1, 2, 14, 17)), x)


def test_exported_warping_serves_any_size():
    class Warp(torch.nn.Module):
        def forward(self, x, flow):
            return backward_warp(x, flow)

    free = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    traced = torch.rand(1, 2, 9, 14), torch.rand(1, 2, 9, 14)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FutureWarning)  # of the exporter's own making
        program = torch.export.export(Warp(), traced, dynamic_shapes=(free, free), strict=False).module()
    x, flow = torch.rand(1, 2, 21, 18), 3 * torch.randn(1, 2, 21, 18)
    torch.testing.assert_close(program(x, flow), backward_warp(x, flow), rtol=0, atol=1e-5)


@pytest.mark.parametrize('net', [
    lambda: FRNet(3, mid_channels=4, num_blocks=2, flow_channels=4, skip=(0, 3)),
    lambda: FRNet(3, mid_channels=4, num_blocks=2, flow_channels=4, skip=(0, 3), scale=4),
    lambda: FRNet(3, mid_channels=4, num_blocks=2, flow_channels=4, skip=(0, 3), tail=2),
    lambda: RecurrentUNet(3, width=4, fold=1, blocks=(2, 2), skip=(0, 3))])
def test_generators_in_strips_make_the_same(net, monkeypatch):
    net, clip = net().eval(), moving_clip(2, 3, 3, 51, 16)
    randomize(net)
    expected = net(clip).pred  # training knows no strips
    monkeypatch.setattr('photoreal.models.layers.STRIP_BYTES', 1)
    state = net.init_state(clip[:, 0])
    with torch.inference_mode():
        for i in range(3):
            pred, state = net.step(clip[:, i], state)
            same(pred, expected[:, i], f'frame {i}')


def test_strips_grow_with_the_rows_that_an_output_depends_on(monkeypatch):
    monkeypatch.setattr('photoreal.models.layers.STRIP_BYTES', 1)
    heights = []

    def run(x):
        heights.append(x.shape[-2])
        return x

    x = torch.rand(1, 1, 20, 3)
    with torch.no_grad():
        assert torch.equal(in_strips(run, x, halo=3), x)
    assert heights == [9, 12, 11, 5]
    in_strips(run, x, halo=3)
    assert heights[-1] == 20
