"""Discriminators: one architecture a file."""

from photoreal.models.discriminators.base import Discriminator
from photoreal.models.discriminators.spatial import SpatialDiscriminator
from photoreal.models.discriminators.spatio_temporal import SpatioTemporalDiscriminator

__all__ = ['Discriminator', 'SpatialDiscriminator', 'SpatioTemporalDiscriminator']
