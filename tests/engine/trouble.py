"""What goes wrong in the runs of tests, and draws random numbers in them; registered for configs by being imported."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_rank, master_only
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor

from photoreal.models.losses.adversarial import AdversarialLoss
from photoreal.models.losses.base import Loss
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext

IMPORT = """
custom_imports = dict(imports=['photoreal.datasets', 'photoreal.engine', 'photoreal.metrics', 'photoreal.models',
                               'tests.engine.trouble'])
"""


@HOOKS.register_module()
class SignalHook(Hook):
    """Send this process a signal.

    Args:
        at: Iteration (1 first) or, in a validation, frame.
        name: Of the signal.
        rank: Of the process that does.
        validation: Whether it comes in a validation.
    """

    def __init__(self, at: int, name: str = 'SIGTERM', rank: int = 0, validation: bool = False) -> None:
        self.at, self.name, self.rank, self.validation = at, name, rank, validation

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        if not self.validation and runner.iter + 1 == self.at and get_rank() == self.rank:
            os.kill(os.getpid(), getattr(signal, self.name))

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: list | None = None) -> None:
        if self.validation and batch_idx + 1 == self.at and get_rank() == self.rank:
            os.kill(os.getpid(), getattr(signal, self.name))


@HOOKS.register_module()
class HaltHook(Hook):
    """Wait at an iteration (1 first), to be killed there.

    Args:
        at: The iteration.
    """

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        if runner.iter + 1 == self.at:
            time.sleep(100)


@HOOKS.register_module()
class LateHook(Hook):
    """Leaves a file when all is done, some seconds after the other processes, as an upload may."""

    @master_only
    def after_run(self, runner: Runner) -> None:
        time.sleep(3)
        (Path(runner.work_dir) / 'late.txt').touch()


@LOSSES.register_module()
class NoisyLoss(Loss):
    """Draws from every random generator that a plugin may use."""

    def forward(self, context: ClipContext) -> Tensor:
        noise = torch.rand(()) + float(np.random.rand()) + random.random()  # noqa: NPY002  # the global one is meant
        return self.weight * noise * context.pred.mean()


@LOSSES.register_module()
class FaultyLoss(AdversarialLoss):
    """Gives what is not finite.

    Args:
        first: Iteration (1 first) from which on it does.
        final: Iteration up to which it does.
        fault: 'loss', 'gradient' (the loss itself is 0) or, of the discriminator, 'discriminator'.
        rank: Of the only process where it does; None: on all.
        every: From one such iteration to the next.
    """

    def __init__(self, first: int, final: int, fault: str = 'loss', rank: int | None = None, every: int = 1) -> None:
        super().__init__('vanilla', 1.0)
        self.iterations, self.fault, self.rank = range(first, final + 1, every), fault, rank

    def _is_faulty(self) -> bool:
        return iteration() in self.iterations and self.rank in (None, get_rank())

    def forward(self, context: ClipContext) -> Tensor:
        nought = context.pred.mean() * 0
        if self.fault == 'gradient' and self._is_faulty():
            return nought.sqrt()
        return nought + torch.inf if self.fault == 'loss' and self._is_faulty() else nought

    def discriminator_loss(self, context: ClipContext) -> Tensor:
        total = super().discriminator_loss(context)
        return total * torch.nan if self.fault == 'discriminator' and self._is_faulty() else total


def last(work_dir: Path) -> dict:
    """The newest checkpoint of a run."""
    return torch.load(work_dir / 'latest.pth', weights_only=True)


def iteration() -> int:
    """The current one, 1 first."""
    return MessageHub.get_current_instance().get_info('iter') + 1
