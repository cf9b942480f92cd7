"""Metrics over streams of frames, registered in MMEngine's METRICS."""

from photoreal.metrics.base import VideoMetric
from photoreal.metrics.fidelity import PSNR, SSIM
from photoreal.metrics.temporal import TOF, WarpError

__all__ = ['PSNR', 'SSIM', 'TOF', 'VideoMetric', 'WarpError']
