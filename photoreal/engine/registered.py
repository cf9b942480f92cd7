"""Importing this registers loops, hooks, optimizer wrappers and model wrappers, and what reads URLs."""

from photoreal import fileio
from photoreal.engine import distributed, guard, hooks, loops, mirror, optim, run_log, saving, schedule, tracking

__all__ = ['distributed', 'fileio', 'guard', 'hooks', 'loops', 'mirror', 'optim', 'run_log', 'saving', 'schedule',
           'tracking']
