"""Losses: one family a file."""

from photoreal.models.losses.adversarial import AdversarialLoss, FeatureMatchingLoss
from photoreal.models.losses.base import Loss
from photoreal.models.losses.contrastive import PatchNCELoss
from photoreal.models.losses.distribution import SlicedFeatureLoss, SlicedPatchLoss
from photoreal.models.losses.frequency import FocalFrequencyLoss
from photoreal.models.losses.lpips import LPIPSLoss
from photoreal.models.losses.perceptual import PerceptualLoss
from photoreal.models.losses.pixel import PixelLoss
from photoreal.models.losses.regularisation import LeCamLoss, R1Loss
from photoreal.models.losses.structure import ColourTieLoss, SelfSimilarityLoss, UnchangedLoss
from photoreal.models.losses.teacher import TeacherLoss
from photoreal.models.losses.temporal import MaskedTemporalLoss, PingPongLoss, WarpingLoss

__all__ = ['AdversarialLoss', 'ColourTieLoss', 'FeatureMatchingLoss', 'FocalFrequencyLoss', 'LPIPSLoss', 'LeCamLoss',
           'Loss', 'MaskedTemporalLoss', 'PatchNCELoss', 'PerceptualLoss', 'PingPongLoss', 'PixelLoss', 'R1Loss',
           'SelfSimilarityLoss', 'SlicedFeatureLoss', 'SlicedPatchLoss', 'TeacherLoss', 'UnchangedLoss', 'WarpingLoss']
