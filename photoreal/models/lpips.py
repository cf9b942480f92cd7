"""LPIPS 0.1, the network: deep features whose channels are weighted as people judge likeness.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018 (arXiv 1801.03924).
Legend: N images, C channels, h height, w width.
"""

from importlib.resources import files

import numpy as np
import torch
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.models.layers import wide
from photoreal.registry import suggest

LPIPS_NETS = {'alex': 'alexnet', 'vgg': 'vgg16'}


class LPIPSNet(nn.Module):
    """The distance of images. The channels' weights come with the package, torchvision's network does not.

    Args:
        net: 'alex', what is usually reported, or 'vgg', what is usually trained with.
        weights: Path of the network's weights; None: see :func:`photoreal.models.features.find_weights`.

    Raises:
        ConfigError: An unknown ``net``.
        CheckpointError: The weights cannot be had.
    """

    def __init__(self, net: str = 'alex', weights: str | None = None) -> None:
        super().__init__()
        check_net(net, 'LPIPS')
        backbone = LPIPS_NETS[net]
        self.features = build_features(backbone, weights=weights)
        with (files('photoreal') / 'assets' / 'lpips_v0.1_heads.npz').open('rb') as file, np.load(file) as heads:
            for i in range(len(self.features.layers)):
                head = torch.from_numpy(heads[f'{backbone}.{i}']).view(1, -1, 1, 1)
                self.register_buffer(f'head{i}', head, persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (N,) of images (N, 3, H, W) in [0, 1]."""
        return self.compare(self.features(a), self.features(b))

    def compare(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Distances (N,) of features (N, C, h, w) a layer."""
        terms = [(getattr(self, f'head{i}') * (_unit(x) - _unit(y)).square()).sum(1).mean((1, 2))
                 for i, (x, y) in enumerate(zip(a, b, strict=True))]
        return torch.stack(terms).sum(0)


def check_net(net: str, who: str) -> None:
    """Raise ConfigError where there is no LPIPS of that name."""
    if net not in LPIPS_NETS:
        raise ConfigError(f'{who}: net={net!r} is unknown{suggest(str(net), LPIPS_NETS)}')


def _unit(x: Tensor) -> Tensor:
    """Features (N, C, h, w) with vectors of unit length; the constant lets a gradient pass where all are zero."""
    x = wide(x)
    return x / (x.square().sum(1, keepdim=True) + 1e-20).sqrt()
