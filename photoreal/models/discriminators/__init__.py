"""Discriminators: one architecture a file."""

from photoreal.models.discriminators.base import Discriminator
from photoreal.models.discriminators.multi_scale import MultiScaleDiscriminator
from photoreal.models.discriminators.perceptual import PerceptualDiscriminator
from photoreal.models.discriminators.spatial import SpatialDiscriminator
from photoreal.models.discriminators.spatio_temporal import SpatioTemporalDiscriminator
from photoreal.models.discriminators.temporal import TemporalDiscriminator
from photoreal.models.discriminators.unet import UNetDiscriminator

__all__ = ['Discriminator', 'MultiScaleDiscriminator', 'PerceptualDiscriminator', 'SpatialDiscriminator',
           'SpatioTemporalDiscriminator', 'TemporalDiscriminator', 'UNetDiscriminator']
