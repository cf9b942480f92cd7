"""Importing this registers networks, losses and the training step."""

from photoreal.models import discriminators, generators, losses, unpaired, video_gan

__all__ = ['discriminators', 'generators', 'losses', 'unpaired', 'video_gan']
