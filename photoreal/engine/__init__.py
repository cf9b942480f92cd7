"""Running things with MMEngine; importing this registers loops, hooks, optimizer wrappers and model wrappers."""

from photoreal.engine import distributed, guard, hooks, loops, mirror, optim, saving, schedule, tracking

__all__ = ['distributed', 'guard', 'hooks', 'loops', 'mirror', 'optim', 'saving', 'schedule', 'tracking']
