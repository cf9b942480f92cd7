"""Running things with MMEngine; importing this registers loops, hooks, optimizer wrappers and model wrappers."""

from photoreal.engine import distributed, hooks, loops, optim, saving

__all__ = ['distributed', 'hooks', 'loops', 'optim', 'saving']
