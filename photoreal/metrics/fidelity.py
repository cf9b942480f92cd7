"""How close the prediction is to the real frame: PSNR, SSIM and MS-SSIM."""

import math

import cv2
import numpy as np
from mmengine.registry import METRICS

from photoreal.metrics.base import VideoMetric
from photoreal.metrics.protocols import get_protocol
from photoreal.structures import FrameResult

PEAK = 255.0
MAX_PSNR = 100.0

_LUMA = np.array([[65.481 / 255, 128.553 / 255, 24.966 / 255, 16.0]])  # of R, G, B, and the offset
_C1, _C2 = 0.01**2, 0.03**2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM, finest scale first
# The window has to fit into the coarsest of the five scales.
MIN_MS_SSIM_SIDE = 11 * 2 ** (len(_SCALE_WEIGHTS) - 1)
# Kernel along one axis, and what turns its population covariance into the one wanted.
_WINDOWS = {
    'gaussian': (cv2.getGaussianKernel(11, 1.5, cv2.CV_64F), 1.0),
    'uniform': (np.full((7, 1), 1 / 7), 49 / 48),
}


def luma(image: np.ndarray) -> np.ndarray:
    """Y of ITU-R BT.601 in studio range.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float64 in [16, 235], not rounded.
    """
    return cv2.transform(image.astype(np.float64), _LUMA)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two images of the same shape and type, peak 255.

    Returns:
        Decibels. Equal images would give infinity, and a mean with it; so 100 dB is the most there is.

    Raises:
        ValueError: The shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f'PSNR compares images of one shape, found {a.shape} and {b.shape}')
    mse = cv2.norm(a, b, cv2.NORM_L2SQR) / a.size
    return min(10 * math.log10(PEAK**2 / mse), MAX_PSNR) if mse > 0 else MAX_PSNR


def ssim(a: np.ndarray, b: np.ndarray, data_range: float = PEAK, window: str = 'gaussian') -> float:
    """Structural similarity of two single-channel images.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13(4), 2004.
    Only windows that lie inside the image count.

    Args:
        a: (H, W) float64.
        b: (H, W) float64.
        data_range: Difference between the largest and the smallest value possible.
        window: ``gaussian`` is the paper's 11x11, sigma 1.5, population covariance; ``uniform`` is 7x7 with sample
            covariance, the default of scikit-image's ``structural_similarity``.

    Returns:
        Mean over the windows, 1 for equal images.

    Raises:
        ValueError: The images are smaller than the window.
    """
    return _similarity(a, b, data_range, window)[0]


def ms_ssim(a: np.ndarray, b: np.ndarray, data_range: float = PEAK) -> float:
    """Multi-scale structural similarity of two single-channel images.

    Wang et al., "Multiscale structural similarity for image quality assessment", Asilomar 2003: contrast and structure
    at five scales, each half of the one before by 2x2 means, luminance at the coarsest; negative means count as 0.

    Args:
        a: (H, W) float64.
        b: (H, W) float64.
        data_range: Difference between the largest and the smallest value possible.

    Returns:
        1 for equal images.

    Raises:
        ValueError: The images are smaller than 176x176.
    """
    if min(a.shape) < MIN_MS_SSIM_SIDE:
        raise ValueError(f'an image of {a.shape[1]}x{a.shape[0]} pixels is too small for MS-SSIM: '
                         f'expected at least {MIN_MS_SSIM_SIDE}x{MIN_MS_SSIM_SIDE}')
    product = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS, 1):
        similarity, contrast = _similarity(a, b, data_range, 'gaussian')
        coarsest = scale == len(_SCALE_WEIGHTS)
        product *= max(similarity if coarsest else contrast, 0.0) ** weight
        if not coarsest:
            a, b = _halve(a), _halve(b)
    return product


def _halve(image: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    height, width = (side // 2 for side in image.shape)
    return image[:2 * height, :2 * width].reshape(height, 2, width, 2).mean((1, 3))


def _similarity(a: np.ndarray, b: np.ndarray, data_range: float, window: str) -> tuple[float, float]:
    """Means over the windows of SSIM and of its part without luminance; see :func:`ssim`."""
    kernel, covariance_scale = _WINDOWS[window]
    size = kernel.size
    if min(a.shape) < size:
        raise ValueError(f'an image of {a.shape[1]}x{a.shape[0]} pixels is too small for SSIM: '
                         f'expected at least {size}x{size}')
    radius = size // 2

    def mean(image: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel)[radius:-radius, radius:-radius]

    mean_a, mean_b = mean(a), mean(b)
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance = covariance_scale * (mean(a * b) - product)
    variances = covariance_scale * (mean(a * a + b * b) - squares)
    c1, c2 = _C1 * data_range**2, _C2 * data_range**2
    contrast = (2 * covariance + c2) / (variances + c2)
    similarity = (2 * product + c1) / (squares + c1) * contrast
    return float(similarity.mean()), float(contrast.mean())


def ground_truth(result: FrameResult) -> np.ndarray:
    """The ground truth of a frame.

    Raises:
        ValueError: It is missing, or not of the size of the prediction.
    """
    if result.target is None:
        raise ValueError("there is no ground truth to compare with: expected FrameResult.target in the domain 'real'")
    if result.target.shape != result.pred.shape:
        raise ValueError(f'the ground truth is {result.target.shape}, the prediction {result.pred.shape}: '
                         'expected the same (H, W, 3)')
    return result.target


@METRICS.register_module()
class PSNR(VideoMetric):
    """Peak signal-to-noise ratio in dB, higher is better, 100 at the most.

    ``psnr`` is that of RGB; ``psnr_y`` that of Y (BT.601, studio range, not rounded); ``psnr_input`` that of RGB of
    the degraded image modality, where the model has one: the prediction has to beat it.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: ``plain``: all frames, whole. ``tecogan``: as the TecoGAN authors evaluate (Chu et al., "Learning
            temporal coherence via self-supervision for GAN-based video generation", ACM TOG 39(4), 2020), without
            the first and last two frames, cropped to multiples of 32 with at least 8 pixels off each side; their
            PSNR is ``psnr_y``.
        prefix: First part of the names; None: the domain.
    """

    needs_target = True
    higher_is_better = frozenset({'psnr', 'psnr_y'})
    neutral = frozenset({'psnr_input'})

    def __init__(self, domain: str = 'real', protocol: str = 'plain', prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self.protocol = get_protocol(protocol)

    def update(self, result: FrameResult) -> dict[str, float]:
        if not self.protocol.covers(result.info):
            return {}
        target, pred = self.protocol.crop(ground_truth(result)), self.protocol.crop(result.pred)
        values = {'psnr': psnr(target, pred), 'psnr_y': psnr(luma(target), luma(pred))}
        if result.image is not None:
            values['psnr_input'] = psnr(target, self.protocol.crop(result.image))
        return values


@METRICS.register_module()
class SSIM(VideoMetric):
    """Structural similarity on Y (BT.601, studio range), higher is better, 1 at the most: ``ssim``.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: ``plain``: all frames, whole, Gaussian window, data range 255, as Wang et al. define it.
            ``tecogan``: frames and crop as :class:`PSNR` has them, uniform 7x7 window, and as data range the range
            of the predicted Y. The numbers of the two do not compare.
        prefix: First part of the names; None: the domain.
    """

    needs_target = True
    higher_is_better = frozenset({'ssim'})

    def __init__(self, domain: str = 'real', protocol: str = 'plain', prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self.protocol = get_protocol(protocol)
        self._as_tecogan = protocol == 'tecogan'

    def update(self, result: FrameResult) -> dict[str, float]:
        if not self.protocol.covers(result.info):
            return {}
        target, pred = (luma(self.protocol.crop(image)) for image in (ground_truth(result), result.pred))
        if not self._as_tecogan:
            return {'ssim': ssim(target, pred)}
        # A prediction of one flat colour has no range, and the constants of SSIM need one.
        data_range = float(pred.max() - pred.min()) or PEAK
        return {'ssim': ssim(target, pred, data_range, window='uniform')}


@METRICS.register_module()
class MSSSIM(VideoMetric):
    """Multi-scale structural similarity on Y, higher is better, 1 at the most: ``ms_ssim``; see :func:`ms_ssim`.

    Frames with a side shorter than 176 pixels have no value.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: Which frames and what crop, as :class:`PSNR` has them; window and data range are the paper's in both.
        prefix: First part of the names; None: the domain.
    """

    needs_target = True
    higher_is_better = frozenset({'ms_ssim'})

    def __init__(self, domain: str = 'real', protocol: str = 'plain', prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self.protocol = get_protocol(protocol)

    def update(self, result: FrameResult) -> dict[str, float]:
        if not self.protocol.covers(result.info):
            return {}
        target, pred = (self.protocol.crop(image) for image in (ground_truth(result), result.pred))
        if min(target.shape[:2]) < MIN_MS_SSIM_SIDE:
            return {}
        return {'ms_ssim': ms_ssim(luma(target), luma(pred))}
