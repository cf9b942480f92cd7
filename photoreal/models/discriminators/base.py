"""What every discriminator is, what several do, and the trunk that TecoGAN's two share."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from photoreal.errors import ConfigError
from photoreal.models.network import Network
from photoreal.structures import ClipContext, Score

MIN_SIDE = 16  # pixels: what four halvings make one of


class Discriminator(Network):
    """Base of all discriminators; register subclasses with ``@DISCRIMINATORS.register_module()``.

    VideoGAN constructs a discriminator with ``in_channels`` (the condition's) and ``scale`` (the generator's),
    so ``__init__`` must take both.
    """

    @abstractmethod
    def forward(self, clip: Tensor, context: ClipContext) -> list[Score]:
        """Judge a clip.

        Args:
            clip: (N, T, 3, H*s, W*s): the target or a prediction.
            context: The step's condition and flow, detached.

        Returns:
            One score a head (several for a discriminator of several scales).
        """

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        """As that of a generator; what a discriminator does not name starts anew with other modalities."""
        return {}


def beside_condition(clip: Tensor, context: ClipContext, upsample: nn.Module) -> Tensor:
    """Frames (N*T, C + 3, H*s, W*s) of a clip (N, T, 3, H*s, W*s), each beside its condition."""
    return torch.cat([upsample(context.condition.flatten(0, 1)), clip.flatten(0, 1)], dim=1)


def check_side(clip: Tensor, least: int, who: str) -> None:
    """Raise ConfigError where a clip's frames are too small to be halved as often as a network does."""
    if min(clip.shape[-2:]) < least:
        raise ConfigError(f'{who} needs crops of at least {least} pixels a side, got '
                          f'{clip.shape[-1]}x{clip.shape[-2]}: raise crop_size')


def spectrally_normed(net: nn.Module) -> nn.Module:
    """The same network, the weights of its convolutions and linear layers divided by their spectral norm.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018 (arXiv 1802.05957).
    """
    for layer in [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d, nn.Linear))]:
        spectral_norm(layer)
    return net


class TecoTrunk(nn.Module):
    """The convolutional body of TecoGAN's discriminators: four halvings, each with its feature map.

    Args:
        in_channels: Channels of the stacked input.
        spatial_size: Side of the square training crop (pixels of the prediction), for the published fully
            connected verdict; None: a convolution gives one logit a patch, and crops may have any size.
        spectral: Whether the weights are divided by their spectral norm, in place of the batch's statistics (Miyato
            et al., ICLR 2018, arXiv 1802.05957).
    """

    def __init__(self, in_channels: int, spatial_size: int | None, spectral: bool = False) -> None:
        super().__init__()
        self.conv_in = nn.Sequential(nn.Conv2d(in_channels, 64, 3, padding=1), nn.LeakyReLU(0.2, inplace=True))
        sizes = [(64, 64), (64, 64), (64, 128), (128, 256)]
        self.blocks = nn.ModuleList([self._block(cin, cout, spectral) for cin, cout in sizes])
        self.spatial_size = spatial_size
        if spatial_size is None:
            self.head = nn.Conv2d(256, 1, 3, padding=1)
        else:
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(256 * (spatial_size // 16) ** 2, 1))
        if spectral:
            spectrally_normed(self)

    @staticmethod
    def _block(in_channels: int, out_channels: int, spectral: bool) -> nn.Sequential:
        if spectral:
            return nn.Sequential(nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1),
                                 nn.LeakyReLU(0.2, inplace=True))
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False),
                             nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2, inplace=True))

    def forward(self, x: Tensor) -> Score:
        """(N, in_channels, H, W) -> logits (N, 1) or (N, 1, H/16, W/16), and the features of the four levels."""
        if self.spatial_size is not None and x.shape[-2:] != (self.spatial_size, self.spatial_size):
            raise ConfigError(f'the discriminator was built for crops of {self.spatial_size}x{self.spatial_size} '
                              f'pixels but got {x.shape[-1]}x{x.shape[-2]}: set its spatial_size to crop_size * scale '
                              'of the training data, or to None for crops of any size')
        if min(x.shape[-2:]) < MIN_SIDE:
            raise ConfigError(f'the discriminator needs crops of at least {MIN_SIDE} pixels a side, got '
                              f'{x.shape[-1]}x{x.shape[-2]}: raise crop_size')
        x = self.conv_in(x)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return Score(self.head(x), features)
