"""Bring over what was made with TecoGAN-PyTorch: weights, experiments, and the old command line."""

from photoreal.migrate.experiment import Migrated, migrate_experiment
from photoreal.migrate.weights import convert_weights, convert_weights_file

__all__ = ['Migrated', 'convert_weights', 'convert_weights_file', 'migrate_experiment']
