"""Whether the prediction kept what the source frame shows: its edges and, to a segmenter, its classes."""

import cv2
import numpy as np
import torch
from mmengine.registry import METRICS
from torch import Tensor

from photoreal.errors import ConfigError, DataError
from photoreal.metrics.base import VideoMetric
from photoreal.metrics.networks import NetworkMetric, load_network
from photoreal.metrics.temporal import resize
from photoreal.structures import FrameResult


def edge_f1(pred: np.ndarray, source: np.ndarray, tolerance: int = 2) -> float | None:
    """Agreement of the Canny edges of two images.

    The first image is brought to the mean and standard deviation of the second, as a change of brightness or
    contrast is none of structure. Precision is the share of the first image's edge pixels that lie within
    ``tolerance`` of an edge of the second, recall the reverse, and F1 their harmonic mean.

    Args:
        pred: (H, W) uint8 grey.
        source: (H, W) uint8 grey.
        tolerance: Pixels, in a square around the edge.

    Returns:
        0 to 1, 1 for equal images; None where neither has an edge.
    """
    (mean, std), (source_mean, source_std) = (map(float, (x.mean(), x.std())) for x in (pred, source))
    gain = source_std / std if std > 0 else 0.0
    matched = cv2.convertScaleAbs(pred, alpha=gain, beta=source_mean - gain * mean) if gain else np.zeros_like(pred)
    first, second = (cv2.Canny(x, 100, 200) > 0 for x in (matched, source))
    if not first.any() and not second.any():
        return None
    near = np.ones((2 * tolerance + 1, 2 * tolerance + 1), np.uint8)
    hits = [np.count_nonzero(a & (cv2.dilate(b.view(np.uint8), near) > 0)) / max(np.count_nonzero(a), 1)
            for a, b in ((first, second), (second, first))]
    return 2 * hits[0] * hits[1] / sum(hits) if any(hits) else 0.0


@METRICS.register_module()
class EdgeAgreement(VideoMetric):
    """Agreement of the prediction's edges with those of the source frame, higher is better: ``edge_f1``.

    See :func:`edge_f1`. Source frames of another size than the prediction are resized to it. A frame without any
    edges has no value. A copy of the source frame scores 1: this guards structure, and says nothing of the look.

    Args:
        domain: ``real`` or ``virtual``.
        tolerance: Pixels by which an edge may be off.
        prefix: First part of the names; None: the domain.

    Raises:
        ConfigError: ``tolerance`` is negative.
    """

    higher_is_better = frozenset({'edge_f1'})

    def __init__(self, domain: str, tolerance: int = 2, prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        if tolerance < 0:
            raise ConfigError(f'EdgeAgreement: tolerance={tolerance}; expected 0 or more')
        self.tolerance = tolerance

    def update(self, result: FrameResult) -> dict[str, float]:
        source = resize(result.frame, *result.pred.shape[1::-1])
        value = edge_f1(*(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (result.pred, source)), self.tolerance)
        return {} if value is None else {'edge_f1': value}


@METRICS.register_module()
class LabelAgreement(NetworkMetric):
    """Share of pixels of one class in prediction and source frame, to a segmenter: ``label_agreement``, 1 is best.

    The segmenter is a TorchScript or ONNX file, see :func:`photoreal.metrics.networks.load_network`. It is given
    (N, 3, H, W) RGB in [0, 1], normalised with ``mean`` and ``std``, and returns scores (N, K, h, w), or a sequence
    of which they are the first; the class is the one of the highest score.

    Args:
        domain: ``real`` or ``virtual``.
        segmenter: Path of the file.
        mean: What is taken off each channel.
        std: What each channel is then divided by.
        size: (height, width) that the segmenter wants its images resized to; None: as they are.
        prefix: First part of the names; None: the domain.
        required: Without the segmenter, raise rather than leave the values out.
        batch_size: Frames that the network sees at once.

    Raises:
        CheckpointError: With ``required``, the file is missing or cannot be read.
        ConfigError: With ``required``, onnxruntime is needed and not installed.
    """

    higher_is_better = frozenset({'label_agreement'})

    def __init__(self, domain: str, segmenter: str, mean: tuple[float, ...] = (0.485, 0.456, 0.406),
                 std: tuple[float, ...] = (0.229, 0.224, 0.225), size: tuple[int, int] | None = None,
                 prefix: str | None = None, required: bool = True, batch_size: int = 4) -> None:
        self.segmenter, self.size = segmenter, size
        self._mean, self._std = (torch.tensor(x).view(3, 1, 1) for x in (mean, std))
        super().__init__(domain, prefix, required, batch_size)

    def build(self) -> None:
        self._network = load_network(self.segmenter, self.device)
        self._mean, self._std = self._mean.to(self.device), self._std.to(self.device)

    def inputs(self, result: FrameResult) -> tuple[np.ndarray, ...]:
        width, height = self.size[::-1] if self.size else result.pred.shape[1::-1]
        return resize(result.pred, width, height), resize(result.frame, width, height)

    def measure(self, pred: Tensor, source: Tensor) -> list[dict[str, float]]:
        same = self._classes(pred) == self._classes(source)
        return [{'label_agreement': share} for share in same.float().mean((1, 2)).tolist()]

    def _classes(self, images: Tensor) -> Tensor:
        scores = self._network((images - self._mean) / self._std)
        scores = scores if isinstance(scores, Tensor) else scores[0]
        if scores.ndim != 4:
            raise DataError(f"the segmenter '{self.segmenter}' returned {tuple(scores.shape)}: expected scores "
                            '(N, K, h, w), one a class and pixel')
        return scores.argmax(1)
