"""What every generator is: a recurrent network that makes photoreal frames from conditions."""

from abc import abstractmethod

from torch import Tensor

from photoreal.models.network import Network
from photoreal.structures import GeneratorOutput

State = dict[str, Tensor]


class Generator(Network):
    """Base of all generators; register subclasses with ``@GENERATORS.register_module()``.

    VideoGAN constructs a generator with ``in_channels`` (the condition's, derived from the modalities) and
    ``skip`` (where in the condition the 3-channel degraded frame lies, or None), so ``__init__`` must take both.

    Attributes:
        scale: Factor from the condition's size to the prediction's.
    """

    scale: int = 1

    @abstractmethod
    def forward(self, condition: Tensor) -> GeneratorOutput:
        """Unroll over a clip from a blank state.

        Args:
            condition: (N, T, C, H, W) float.

        Returns:
            pred (N, T, 3, H*scale, W*scale) and, where the generator estimates it, flow (N, T-1, 2, H, W).
        """

    @abstractmethod
    def init_state(self, condition: Tensor) -> State:
        """Blank state for streams of conditions like this one (N, C, H, W)."""

    @abstractmethod
    def step(self, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """One frame: condition (N, C, H, W) and the state before it -> pred (N, 3, H*s, W*s) and the state after.

        Pure: nothing is kept in the module, so that it streams, compiles and exports.
        """

    def estimate_flow(self, condition: Tensor) -> Tensor | None:
        """Backward flow (N, T-1, 2, H, W) between a condition's frames (N, T, C, H, W); None: it estimates none."""
        return None

    def condition_inputs(self, channels: int) -> dict[str, list[int]]:
        """Which weights see the condition: name of a weight -> for each of its input channels the number of the
        condition's channel that it sees, or -1 where it sees something else.

        Weights of a model with other modalities are carried over by it. A generator that says nothing takes only
        weights of the same modalities.

        Args:
            channels: Those of the condition, were the network made for so many.
        """
        return {}
