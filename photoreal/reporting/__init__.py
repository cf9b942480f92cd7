"""Reports of training runs and tests: one HTML file, the health of a GAN's training, and comparisons."""

from photoreal.reporting.build import build_report
from photoreal.reporting.compare import compare, comparison_table
from photoreal.reporting.health import Health, assess, health_of
from photoreal.reporting.measure import compare_predictions, measure_predictions
from photoreal.reporting.runs import Run, read_run

__all__ = ['Health', 'Run', 'assess', 'build_report', 'compare', 'compare_predictions', 'comparison_table',
           'health_of', 'measure_predictions', 'read_run']
