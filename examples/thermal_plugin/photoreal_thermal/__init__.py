"""Plugins for photoreal; importing this registers them."""

from photoreal_thermal.dataset import NpzClips
from photoreal_thermal.generator import HeatNet
from photoreal_thermal.loss import GradientLoss
from photoreal_thermal.modality import Thermal

__all__ = ['GradientLoss', 'HeatNet', 'NpzClips', 'Thermal']
