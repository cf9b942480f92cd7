"""Predictions on their way from the device to the host. Legend: N streams, H height, W width."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Arriving:
    """A prediction that may still be computed or copied while the host goes on.

    Attributes:
        pixels: (H, W, 3) uint8 RGB in the host's memory.
        arrived: What a GPU records once they are there; None: they are.
    """

    pixels: Tensor
    arrived: 'torch.cuda.Event | None'

    def wait(self) -> np.ndarray:
        """The pixels, (H, W, 3) uint8 RGB."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.pixels.numpy()


def send_frames(pred: Tensor) -> list[Arriving]:
    """Send predictions (N, 3, H, W) in [0, 1] to the host; nobody waits for a GPU here."""
    pixels = (pred.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()  # (N, H, W, 3)
    if not pixels.is_cuda:
        return [Arriving(one, None) for one in pixels]
    host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
    copying = _copy_stream(pixels.device)
    copying.wait_stream(torch.cuda.current_stream(pixels.device))
    with torch.cuda.stream(copying):
        host.copy_(pixels, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record(copying)
    pixels.record_stream(copying)  # its memory is not used anew before the copy was made
    return [Arriving(one, arrived) for one in host]


_copy_streams: 'dict[torch.device, torch.cuda.Stream]' = {}


def _copy_stream(device: torch.device) -> 'torch.cuda.Stream':
    """The stream of copies to the host, one a device, so that the next frame is computed meanwhile."""
    if device not in _copy_streams:
        _copy_streams[device] = torch.cuda.Stream(device)
    return _copy_streams[device]
