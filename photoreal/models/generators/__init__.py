"""Generators: one architecture a file."""

from photoreal.models.generators.base import Generator, State
from photoreal.models.generators.frnet import FRNet
from photoreal.models.generators.recurrent_unet import RecurrentUNet

__all__ = ['FRNet', 'Generator', 'RecurrentUNet', 'State']
