"""Two ways to run the parts of a network in training: computed anew in the backward pass, and compiled.

The parts of a network are the modules that it calls itself. A generator calls them frame by frame, so that none of
this depends on the clip's length, and a generator of another package needs to know nothing of it.
"""

import shutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from mmengine.device import get_device
from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.checkpoint import checkpoint

from photoreal.errors import ConfigError


def recompute(net: nn.Module) -> None:
    """Keep only the inputs of each part for the backward pass, which computes anew what is within.

    That takes a fraction of the memory and costs about another forward pass (Chen et al., "Training Deep Nets with
    Sublinear Memory Cost", 2016, arXiv 1604.06174). The numbers stay the same.
    """
    for part in _parts(net):
        part.__class__ = _recomputed(type(part))  # a patched method would still be the original's in a copy


def compile_parts(net: nn.Module) -> None:
    """Have torch.compile make each part faster when it is first called; the names of weights stay as they are.

    Parts with spectral normalisation are not compiled.

    Raises:
        ConfigError: There is nothing to compile with.
    """
    check_compiler(get_device())
    for part in _parts(net):
        # Each pass moves a normalised part's vectors on, and the compiled backward pass wants those of its own pass.
        if any(map(is_parametrized, part.modules())):
            continue
        if all(type(module).__module__.startswith('torch.') for module in part.modules()):
            part.__class__ = _framed(type(part))
        part.compile()


def check_compiler(device: str) -> None:
    """See that torch.compile finds what it needs on a CPU.

    Raises:
        ConfigError: There is no C++ compiler.
    """
    from torch._inductor import config  # takes a second
    names = [name for name in config.cpp.cxx if name]
    if device == 'cpu' and not any(map(shutil.which, names)):
        raise ConfigError(f"to compile networks for a CPU takes a C++ compiler, and there is no {' or '.join(names)}: "
                          'install it (apt-get install g++), name another one by the environment variable CXX, or do '
                          'not compile')


def _parts(net: nn.Module) -> Iterator[nn.Module]:
    """The children of a network that have weights, and those of its lists and dicts of modules."""
    for child in net.children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _parts(child)
        elif next(child.parameters(), None) is not None:
            yield child


@cache
def _framed(kind: type[nn.Module]) -> type[nn.Module]:
    """A kind whose forward is a function of this package: torch.compile passes over those of torch itself."""
    class Framed(kind):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return super().forward(*args, **kwargs)

    Framed.__name__ = Framed.__qualname__ = kind.__name__
    return Framed


@cache
def _recomputed(kind: type[nn.Module]) -> type[nn.Module]:
    class Recomputed(kind):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return checkpoint(super().forward, *args, use_reentrant=False, **kwargs)

    Recomputed.__name__ = Recomputed.__qualname__ = kind.__name__
    return Recomputed
