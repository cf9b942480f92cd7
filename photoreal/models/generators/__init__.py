"""Generators: one architecture a file."""

from photoreal.models.generators.base import Generator, State
from photoreal.models.generators.frnet import FRNet

__all__ = ['FRNet', 'Generator', 'State']
