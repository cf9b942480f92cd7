"""A generator's step, compiled."""

import torch
from torch import Tensor

from photoreal.models.generators import Generator, State
from photoreal.models.regions import check_compiler


class CompiledGenerator:
    """A generator for prediction whose step torch.compile has made faster; for one size of frames at a time.

    The first step of a size takes a minute or so, and needs a C++ compiler on CPUs. Call it within
    ``torch.no_grad()`` or ``torch.inference_mode()``: only then are the weights laid out anew for the processor, and
    activations and sums joined to the convolutions before them.

    Args:
        generator: In evaluation mode, on its device; its weights must not change any more.

    Raises:
        ConfigError: There is nothing to compile with.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator, self.scale = generator, generator.scale
        check_compiler(next(generator.parameters()).device.type)
        self._step = torch.compile(generator.step, dynamic=False)

    def init_state(self, condition: Tensor) -> State:
        """Blank state for streams of conditions like this one (N, C, H, W)."""
        blank = self.generator.init_state(condition)
        # Laid out in memory as a step leaves it: the first step would be compiled by itself for another layout.
        _, after = self.generator.step(condition, blank)
        return {name: torch.empty_like(after[name]).copy_(value) for name, value in blank.items()}

    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """As :meth:`photoreal.models.generators.base.Generator.step`, to float32 rounding."""
        from torch._inductor import config  # takes half a second the first time
        # As an option of torch.compile it would come too late: the tracer asks for it as well.
        with config.patch(freezing=True):
            return self._step(condition, state)
