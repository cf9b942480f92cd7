"""What turns images into feature vectors, whose distributions are compared: registry FEATURE_EXTRACTORS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.errors import CheckpointError, ConfigError, DataError
from photoreal.metrics.networks import load_network
from photoreal.models.features import build_features, fetch_file
from photoreal.registry import FEATURE_EXTRACTORS

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INCEPTION_URL = ('https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt')


class FeatureExtractor(ABC):
    """Images in, one vector each out. Register with ``@FEATURE_EXTRACTORS.register_module()``.

    Building one raises CheckpointError where its weights cannot be had, ImportError where a package that it needs is
    not installed, and ConfigError for wrong arguments.

    Attributes:
        name: Network and layer, for people: numbers of different extractors do not compare.
        side: Width and height in pixels that images are to be given in.
    """

    name: str
    side: int

    @abstractmethod
    def to(self, device: torch.device | str) -> 'FeatureExtractor':
        """Move to a device, and return itself."""

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, side, side) float32 RGB in [0, 1], on the device -> (N, D) float32."""


class _Backbone(FeatureExtractor):
    """One layer of a network of photoreal.models.features, averaged over the image."""

    def __init__(self, backbone: str, layer: str, weights: str | None, side: int) -> None:
        if side < 32:
            raise ConfigError(f'{type(self).__name__}: side={side}; expected 32 or more')
        self._net = build_features(backbone, [layer], weights)
        self.name, self.side = f'{backbone} {layer}', side

    def to(self, device: torch.device | str) -> '_Backbone':
        self._net.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return self._net(images)[0].mean((2, 3))


@FEATURE_EXTRACTORS.register_module()
class SqueezeNetExtractor(_Backbone):
    """SqueezeNet 1.1, which comes with the package: 512 dimensions at ``fire9``.

    Args:
        layer: A layer of :class:`~photoreal.models.features.SqueezeNetFeatures`; its mean over the image is taken.
        side: Width and height of the images.
    """

    def __init__(self, layer: str = 'fire9', side: int = 128) -> None:
        super().__init__('squeezenet1_1', layer, None, side)

    def __call__(self, images: Tensor) -> Tensor:
        # The root mean square at fire9 is near 4 on photographs. At 1, the constant of KID's kernel has its weight.
        return super().__call__(images) / 4


@FEATURE_EXTRACTORS.register_module()
class VGGExtractor(_Backbone):
    """VGG16 or VGG19 with torchvision's weights: 512 dimensions at ``relu5_3``, where EPE measures its sKVD.

    Args:
        depth: 16 or 19.
        layer: 'relu1_1' ... ; its mean over the image is taken.
        weights: Path of the weights; None: see :func:`photoreal.models.features.find_weights`.
        side: Width and height of the images.
    """

    def __init__(self, depth: int = 16, layer: str = 'relu5_3', weights: str | None = None, side: int = 224) -> None:
        super().__init__(f'vgg{depth}', layer, weights, side)


@FEATURE_EXTRACTORS.register_module()
class NetworkFileExtractor(FeatureExtractor):
    """Any network in a TorchScript or ONNX file, see :func:`photoreal.metrics.networks.load_network`.

    It is given (N, 3, side, side) RGB, ``(x * scale - mean) / std`` with x in [0, 1], and returns (N, D), or maps
    (N, D, h, w) whose mean is taken, or tokens (N, L, D) of which the first is taken, or a sequence that begins so.

    Args:
        path: The file.
        side: Width and height of the images.
        mean: What is taken off each channel.
        std: What each channel is then divided by.
        scale: What values in [0, 1] are multiplied by first.
    """

    def __init__(self, path: str, side: int = 224, mean: Sequence[float] = IMAGENET_MEAN,
                 std: Sequence[float] = IMAGENET_STD, scale: float = 1.0) -> None:
        self.name, self.side = str(path), side
        self._path, self._scale = path, scale
        self._mean, self._std = (torch.tensor(x).view(3, 1, 1) for x in (mean, std))
        self._network = load_network(path, 'cpu')

    def to(self, device: torch.device | str) -> 'NetworkFileExtractor':
        if isinstance(self._network, torch.nn.Module):
            self._network = self._network.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        found = self._network((images * self._scale - self._mean) / self._std)
        return _to_vectors(found if isinstance(found, Tensor) else found[0], self.name)


@FEATURE_EXTRACTORS.register_module()
class InceptionExtractor(NetworkFileExtractor):
    """The Inception of published FID and KID: 2048 dimensions, by its usual TorchScript conversion (95 MB).

    Args:
        weights: Path of ``inception-2015-12-05.pt``; None: looked for in ``$PHOTOREAL_WEIGHTS`` and torch hub's
            cache, else downloaded.
    """

    def __init__(self, weights: str | None = None) -> None:
        path = weights or fetch_file(INCEPTION_URL, 'the weights of Inception')
        super().__init__(str(path), 299, mean=(0.0,) * 3, std=(1.0,) * 3, scale=255.0)
        self.name = 'inception-2015-12-05 pool'

    def __call__(self, images: Tensor) -> Tensor:
        return self._network(images * self._scale, return_features=True)


@FEATURE_EXTRACTORS.register_module()
class TimmExtractor(FeatureExtractor):
    """An image model of timm, such as DINOv2 (``vit_base_patch14_dinov2``): its pooled features. Needs ``timm``.

    Args:
        model: Name of a model of timm.
        weights: Path of its weights; None: as timm finds or downloads them.
    """

    def __init__(self, model: str = 'vit_base_patch14_dinov2', weights: str | None = None) -> None:
        import timm
        overlay = {'file': weights} if weights else None
        self._net = _from_hub(lambda: timm.create_model(model, pretrained=True, num_classes=0,
                                                        pretrained_cfg_overlay=overlay), model)
        data = timm.data.resolve_model_data_config(self._net)
        self.name, self.side = f'timm {model}', data['input_size'][-1]
        self._mean, self._std = (torch.tensor(data[key]).view(3, 1, 1) for key in ('mean', 'std'))

    def to(self, device: torch.device | str) -> 'TimmExtractor':
        self._net.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return _to_vectors(self._net((images - self._mean) / self._std), self.name)


@FEATURE_EXTRACTORS.register_module()
class CLIPExtractor(FeatureExtractor):
    """The image embedding of CLIP, with which CMMD is published (Jayasumana et al., CVPR 2024). Needs ``transformers``.

    Args:
        model: A model of the Hugging Face hub, or a folder that ``save_pretrained`` wrote.
    """

    MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

    def __init__(self, model: str = 'openai/clip-vit-large-patch14-336') -> None:
        from transformers import CLIPVisionModelWithProjection
        self._net = _from_hub(lambda: CLIPVisionModelWithProjection.from_pretrained(model), model)
        self.name, self.side = f'CLIP {model}', self._net.config.image_size
        self._mean, self._std = (torch.tensor(x).view(3, 1, 1) for x in (self.MEAN, self.STD))

    def to(self, device: torch.device | str) -> 'CLIPExtractor':
        self._net.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return self._net((images - self._mean) / self._std).image_embeds


def _from_hub(make, model: str) -> torch.nn.Module:
    """A pretrained model, in evaluation mode.

    Raises:
        CheckpointError: It cannot be had.
    """
    try:
        return make().eval().requires_grad_(False)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).partition('\n')[0]
        raise CheckpointError(f"the model '{model}' cannot be had ({reason}): check its name, or fetch it on a machine "
                              'with a network and give its path') from error


def _to_vectors(found: Tensor, name: str) -> Tensor:
    """(N, D), maps (N, D, h, w) or tokens (N, L, D) -> (N, D) float32.

    Raises:
        DataError: It is of another shape.
    """
    if found.ndim == 4:
        found = F.adaptive_avg_pool2d(found, 1).flatten(1)
    elif found.ndim == 3:
        found = found[:, 0]
    if found.ndim != 2:
        raise DataError(f"'{name}' returned {tuple(found.shape)}: expected (N, D), (N, D, h, w) or (N, L, D)")
    return found.float()
