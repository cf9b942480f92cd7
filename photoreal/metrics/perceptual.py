"""How alike prediction and real frame look to a network trained on photographs: LPIPS, tLP, feature distances."""

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import METRICS
from torch import Tensor

from photoreal.metrics.fidelity import ground_truth
from photoreal.metrics.networks import NetworkMetric
from photoreal.metrics.protocols import get_protocol
from photoreal.models.features import build_features
from photoreal.models.lpips import LPIPSNet, check_net
from photoreal.structures import FrameResult


class DeepDistance(NetworkMetric):
    """A distance of the inner layers of a network: of the prediction to the real frame, and of the steps in time.

    With d the distance of two images, ``name`` is d(pred[t], target[t]); ``temporal_name`` is
    100 * |d(pred[t-1], pred[t]) - d(target[t-1], target[t])|: whether the prediction changes as much as the real
    video does. The first frame that counts has no temporal value. Each image passes the network once.

    Subclasses implement :meth:`build`, which sets ``self.features``, and :meth:`distance`.
    """

    needs_target = True
    name: str
    temporal_name: str

    def __init__(self, domain: str, protocol: str, prefix: str | None, required: bool, batch_size: int) -> None:
        self.protocol = get_protocol(protocol)
        self._last: list[Tensor] | None = None  # features (2, C, h, w) of the last pred and target
        super().__init__(domain, prefix, required, batch_size)

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Distances (N,) of two batches of features, (N, C, h, w) a layer."""
        raise NotImplementedError

    def reset_video(self) -> None:
        super().reset_video()
        self._last = None

    def inputs(self, result: FrameResult) -> tuple[np.ndarray, ...] | None:
        if not self.protocol.covers(result.info):
            return None
        return self.protocol.crop(result.pred), self.protocol.crop(ground_truth(result))

    def measure(self, pred: Tensor, target: Tensor) -> list[dict[str, float]]:
        n = len(pred)
        found = self.features(torch.cat([pred, target]))
        pred_layers, target_layers = [x[:n] for x in found], [x[n:] for x in found]
        values = [{self.name: value} for value in self.distance(pred_layers, target_layers).tolist()]
        # The steps in time of this batch, the one from the last frame of the batch before included.
        if self._last is not None:
            pred_layers = [torch.cat([last[:1], x]) for last, x in zip(self._last, pred_layers, strict=True)]
            target_layers = [torch.cat([last[1:], x]) for last, x in zip(self._last, target_layers, strict=True)]
        self._last = [torch.stack([p[-1], t[-1]]) for p, t in zip(pred_layers, target_layers, strict=True)]
        steps = [self.distance([x[:-1] for x in layers], [x[1:] for x in layers])
                 for layers in (pred_layers, target_layers)]
        changes = (100 * (steps[0] - steps[1]).abs()).tolist()
        for value, change in zip(values[n - len(changes):], changes, strict=True):
            value[self.temporal_name] = change
        return values


@METRICS.register_module()
class LPIPS(DeepDistance):
    """Learned perceptual distance, version 0.1, lower is better: ``lpips`` and, of the steps in time, ``tlp``.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018 (arXiv
    1801.03924); tLP: Chu et al., "Learning temporal coherence via self-supervision for GAN-based video generation",
    ACM TOG 39(4), 2020, see :class:`DeepDistance`. The network's weights are torchvision's, which do not come with
    the package: see :func:`photoreal.models.features.find_weights`.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: As :class:`~photoreal.metrics.PSNR` has them; ``tecogan`` is how the TecoGAN authors evaluate.
        net: ``alex``, what is usually reported, or ``vgg``.
        weights: Path of the network's weights; None: they are looked for, else downloaded.
        prefix: First part of the names; None: the domain.
        required: Without weights, raise rather than leave the values out.
        batch_size: Frames that the network sees at once.

    Raises:
        ConfigError: An unknown ``net``.
        CheckpointError: With ``required``, the weights cannot be had.
    """

    name, temporal_name = 'lpips', 'tlp'

    def __init__(self, domain: str = 'real', protocol: str = 'plain', net: str = 'alex', weights: str | None = None,
                 prefix: str | None = None, required: bool = False, batch_size: int = 4) -> None:
        check_net(net, 'LPIPS')
        self.net, self.weights = net, weights
        super().__init__(domain, protocol, prefix, required, batch_size)

    def build(self) -> None:
        self._lpips = LPIPSNet(self.net, self.weights).to(self.device)
        self.features = self._lpips.features

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        return self._lpips.compare(a, b)


@METRICS.register_module()
class FeatureDistance(DeepDistance):
    """Distance of deep features that needs no download, lower is better: ``squeeze_distance``, ``squeeze_temporal``.

    The mean over layers of 1 - cosine similarity of the feature vectors at each place; 0 for equal images, 1 for
    unrelated ones. A second opinion beside LPIPS and not LPIPS: nothing in it was fitted to people's judgement, and
    the numbers do not compare. The generator is trained on the same features where PerceptualLoss has this backbone.
    ``squeeze_temporal`` is to it what tLP is to LPIPS, see :class:`DeepDistance`.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: As :class:`~photoreal.metrics.PSNR` has them.
        backbone: A network of :mod:`photoreal.models.features`: ``squeezenet1_1`` comes with the package; with
            ``vgg16``, ``vgg19``, ``alexnet`` the names are ``vgg16_distance``, ``vgg16_temporal`` and so on.
        weights: Path of the network's weights; None: they are looked for, else downloaded.
        prefix: First part of the names; None: the domain.
        required: Without weights, raise rather than leave the values out.
        batch_size: Frames that the network sees at once.

    Raises:
        ConfigError: An unknown backbone.
        CheckpointError: With ``required``, the weights cannot be had.
    """

    def __init__(self, domain: str = 'real', protocol: str = 'plain', backbone: str = 'squeezenet1_1',
                 weights: str | None = None, prefix: str | None = None, required: bool = False,
                 batch_size: int = 4) -> None:
        short = 'squeeze' if backbone == 'squeezenet1_1' else backbone
        self.name, self.temporal_name = f'{short}_distance', f'{short}_temporal'
        self.backbone, self.weights = backbone, weights
        super().__init__(domain, protocol, prefix, required, batch_size)

    def build(self) -> None:
        self.features = build_features(self.backbone, weights=self.weights).to(self.device)

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        # Both without any feature are alike, though their cosine is 0.
        terms = [(1 - F.cosine_similarity(x, y, dim=1)).where((x != y).any(1), 0).mean((1, 2))
                 for x, y in zip(a, b, strict=True)]
        return torch.stack(terms).mean(0).clamp(min=0)
