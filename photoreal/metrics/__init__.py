"""Metrics over streams of frames, registered in MMEngine's METRICS."""

from photoreal.metrics.base import VideoMetric
from photoreal.metrics.colours import HueDifference
from photoreal.metrics.distribution import Distribution
from photoreal.metrics.features import FeatureExtractor
from photoreal.metrics.fidelity import MSSSIM, PSNR, SSIM
from photoreal.metrics.networks import NetworkMetric
from photoreal.metrics.packaged import EfficientNetLiteExtractor, HEDExtractor
from photoreal.metrics.perceptual import LPIPS, FeatureDistance
from photoreal.metrics.structure import EdgeAgreement, LabelAgreement
from photoreal.metrics.temporal import TOF, InputTOF, WarpError

__all__ = ['LPIPS', 'MSSSIM', 'PSNR', 'SSIM', 'TOF', 'Distribution', 'EdgeAgreement', 'EfficientNetLiteExtractor',
           'FeatureDistance', 'FeatureExtractor', 'HEDExtractor', 'HueDifference', 'InputTOF', 'LabelAgreement',
           'NetworkMetric', 'VideoMetric', 'WarpError']
