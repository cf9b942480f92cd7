"""Losses: one family a file."""

from photoreal.models.losses.adversarial import AdversarialLoss, FeatureMatchingLoss
from photoreal.models.losses.base import Loss
from photoreal.models.losses.perceptual import PerceptualLoss
from photoreal.models.losses.pixel import PixelLoss
from photoreal.models.losses.temporal import MaskedTemporalLoss, PingPongLoss, WarpingLoss

__all__ = ['AdversarialLoss', 'FeatureMatchingLoss', 'Loss', 'MaskedTemporalLoss', 'PerceptualLoss', 'PingPongLoss',
           'PixelLoss', 'WarpingLoss']
