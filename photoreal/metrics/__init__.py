"""Metrics over streams of frames, registered in MMEngine's METRICS."""

from photoreal.metrics.base import VideoMetric
from photoreal.metrics.distribution import Distribution
from photoreal.metrics.features import FeatureExtractor
from photoreal.metrics.fidelity import MSSSIM, PSNR, SSIM
from photoreal.metrics.networks import NetworkMetric
from photoreal.metrics.perceptual import LPIPS, FeatureDistance
from photoreal.metrics.structure import EdgeAgreement, LabelAgreement
from photoreal.metrics.temporal import TOF, InputTOF, WarpError

__all__ = ['LPIPS', 'MSSSIM', 'PSNR', 'SSIM', 'TOF', 'Distribution', 'EdgeAgreement', 'FeatureDistance',
           'FeatureExtractor', 'InputTOF', 'LabelAgreement', 'NetworkMetric', 'VideoMetric', 'WarpError']
