"""Metrics that run a network: in batches, on the device that the model runs on, and left out where it cannot be had."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from torch import Tensor

from photoreal.errors import CheckpointError, ConfigError
from photoreal.metrics.base import VideoMetric
from photoreal.structures import FrameResult

Network = Callable[[Tensor], Tensor | Sequence[Tensor]]


class NetworkMetric(VideoMetric):
    """A metric of single frames, or of neighbours, by a network.

    Frames wait until there are ``batch_size`` of them, or their video ends; so few of them are in memory, and the
    device is waited for once a batch.

    Subclasses implement :meth:`build`, :meth:`inputs` and :meth:`measure`.

    Args:
        domain: ``real`` or ``virtual``.
        prefix: First part of the names; None: the domain.
        required: What happens where the network cannot be had (no weights, a package that is not installed). True:
            an error. False: one warning, and the metric's values are absent from the results; all others are there.
        batch_size: Frames that the network sees at once.

    Raises:
        ConfigError: An argument is out of range, or with ``required`` a package is missing.
        CheckpointError: With ``required``, there are no weights.
    """

    def __init__(self, domain: str, prefix: str | None = None, required: bool = False, batch_size: int = 4) -> None:
        super().__init__(domain, prefix)
        if batch_size < 1:
            raise ConfigError(f'{type(self).__name__}: batch_size={batch_size}; expected 1 or more')
        self.batch_size = batch_size
        self.device = torch.device(get_device())
        self.available = obtain(self, self.build, required)
        self._waiting: list[tuple[tuple[np.ndarray, ...], dict[str, float]]] = []

    @abstractmethod
    def build(self) -> None:
        """Make the network, on ``self.device``.

        Raises:
            CheckpointError: Its weights cannot be had.
            ImportError: A package that it needs is not installed.
        """

    @abstractmethod
    def inputs(self, result: FrameResult) -> tuple[np.ndarray, ...] | None:
        """The images (H, W, 3) uint8 RGB to look at for a frame; None: the frame does not count.

        Raises:
            ValueError: The frame cannot be measured.
        """

    @abstractmethod
    def measure(self, *images: Tensor) -> list[dict[str, float]]:
        """The values of the next frames of a video, in order.

        Args:
            images: As :meth:`inputs` gave them, (N, 3, H, W) float32 in [0, 1], on the device.

        Returns:
            For each of the N frames, name -> value.
        """

    def update(self, result: FrameResult) -> dict[str, float]:
        inputs = self.inputs(result) if self.available else None
        if inputs is None:
            return {}
        if self._waiting and [i.shape for i in inputs] != [i.shape for i in self._waiting[0][0]]:
            self.flush()
        values: dict[str, float] = {}  # filled in when its batch is measured
        self._waiting.append((inputs, values))
        if len(self._waiting) == self.batch_size:
            self.flush()
        return values

    def reset_video(self) -> None:
        self.flush()

    def evaluate(self, size: int) -> dict[str, float]:
        """Average, over processes, what was measured; see MMEngine's BaseMetric."""
        self.flush()
        return super().evaluate(size)

    @torch.no_grad()
    def flush(self) -> None:
        """Measure the frames that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        images = [to_batch(group, self.device) for group in zip(*(inputs for inputs, _ in waiting), strict=True)]
        for (_, values), found in zip(waiting, self.measure(*images), strict=True):
            values.update(found)

    def _warn_of_gaps(self) -> None:
        if self.available:
            super()._warn_of_gaps()


def obtain(metric: object, build: Callable[[], None], required: bool) -> bool:
    """Run ``build``; where it finds that something is not to be had, warn once, or raise if it is ``required``.

    Returns:
        Whether it was to be had.

    Raises:
        CheckpointError: With ``required``, weights are not to be had.
        ConfigError: With ``required``, a package is not installed.
    """
    who = type(metric).__name__
    try:
        build()
    except CheckpointError as error:
        if required:
            raise
        reason = str(error)
    except ImportError as error:
        reason = f"the package '{error.name}' is not installed: pip install {error.name}"
        if required:
            raise ConfigError(f'{who}: {reason}, or leave this metric out') from error
    else:
        return True
    print_log(f'{who} is left out, the other metrics are not: {reason}', logger='current', level=logging.WARNING)
    return False


def to_batch(images: Sequence[np.ndarray], device: torch.device | str) -> Tensor:
    """N images (H, W, 3) uint8 of one shape -> (N, 3, H, W) float32 in [0, 1] on the device."""
    batch = torch.from_numpy(np.stack(images)).to(device, non_blocking=True)
    return batch.permute(0, 3, 1, 2).float() / 255


def load_network(path: str | Path, device: torch.device | str) -> Network:
    """A network of one input, (N, 3, H, W) float32, from an ONNX (``.onnx``) or TorchScript file (any other name).

    TorchScript runs on the device; ONNX where the installed onnxruntime runs it, in CUDA if it can.

    Raises:
        CheckpointError: The file is missing or cannot be read.
        ImportError: It is ONNX, and onnxruntime is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"'{path}': no such file; expected a TorchScript (.pt) or ONNX (.onnx) network")
    if path.suffix.lower() == '.onnx':
        return _load_onnx(path)
    try:
        return torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"cannot read '{path}' as TorchScript: {error}; use torch.jit.trace, or export it as "
                              '.onnx; a bare state_dict is not enough') from error


def _load_onnx(path: Path) -> Network:
    import onnxruntime
    try:
        session = onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
    except Exception as error:  # onnxruntime's own kinds have no common base but this
        raise CheckpointError(f"cannot read '{path}' as ONNX: {error}") from error
    name = session.get_inputs()[0].name

    def run(x: Tensor) -> list[Tensor]:
        return [torch.from_numpy(output).to(x.device) for output in session.run(None, {name: x.cpu().numpy()})]

    return run
