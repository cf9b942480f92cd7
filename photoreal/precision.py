"""Which device and dtype to compute in: what 'auto' means for training, inference and measurements.

A CPU computes bfloat16 quickly only with instructions for it: AVX512_BF16 (AMD since Zen 4, Intel Cooper Lake) or AMX
(Intel since Sapphire Rapids). Without them values are converted to float32 and back, which costs more than it saves.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from photoreal.errors import ConfigError

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
_SECONDS = 0.5  # of measuring, where a processor's instructions do not tell
_GAIN = 1.2  # by which bfloat16 must be quicker there to be worth its rounding


def choose_device(name: str | None) -> torch.device:
    """The device of that name, which is there; None: the GPU where there is one, else the CPU.

    Raises:
        ConfigError: There is no such device.
    """
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # which the 'meta' device has not got
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        count = torch.cuda.device_count()
        there = ['cpu', *(['cuda'] if count == 1 else [f'cuda:{i}' for i in range(count)])]
        reason = str(error).splitlines()[0][:160]
        raise ConfigError(f"device '{name}': there is none ({reason}); expected {' or '.join(there)}") from error
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype to compute in.

    Args:
        name: 'fp32', 'bf16', 'fp16', or 'auto': half precision where the device computes it quickly.
        device: Where.

    Raises:
        ConfigError: Another name.
    """
    if name in DTYPES:
        return DTYPES[name]
    if name != 'auto':
        raise ConfigError(f"dtype='{name}': expected auto, {', '.join(DTYPES)}")
    if device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return _cpu_dtype() if device.type == 'cpu' else torch.float32


@cache
def _cpu_dtype() -> torch.dtype:
    quick = has_quick_bfloat16(torch.cpu.get_capabilities())
    if quick is None:
        peak = convolution_peaks(torch.device('cpu'), (torch.float32, torch.bfloat16), rounds=2, seconds=_SECONDS)
        quick = peak[torch.bfloat16] > _GAIN * peak[torch.float32]
    return torch.bfloat16 if quick else torch.float32


def has_quick_bfloat16(capabilities: Mapping[str, Any]) -> bool | None:
    """Whether a CPU computes bfloat16 quicker than float32.

    Args:
        capabilities: As ``torch.cpu.get_capabilities()`` has them.

    Returns:
        None where its instructions do not tell: what those of Arm are worth depends on what torch was built with, and
        some x86 processors have instructions that convert bfloat16 but none that compute with it.
    """
    if capabilities.get('avx512_bf16') or capabilities.get('amx_bf16'):
        return True
    hints = {'x86_64': ('avx_ne_convert', 'avx10_2'), 'arm64': ('bf16', 'i8mm')}.get(capabilities.get('architecture'))
    return None if hints is None or any(capabilities.get(hint) for hint in hints) else False


def convolution_peaks(device: torch.device, dtypes: Sequence[torch.dtype], rounds: int,
                      seconds: float = 0.0) -> dict[torch.dtype, float]:
    """How fast a 3x3 convolution, 64 channels to 64, is in each dtype; they are timed in turn.

    Args:
        device: Where.
        dtypes: Of weights and activations.
        rounds: How often at least; the first may be slow.
        seconds: For how long at least.

    Returns:
        dtype -> operations a second of the quickest, two a multiplication with its addition.
    """
    height, width = (1080, 1920) if device.type == 'cuda' else (134, 320)
    x = torch.rand(1, 64, height, width, device=device).contiguous(memory_format=torch.channels_last)
    best = dict.fromkeys(dtypes, float('inf'))
    with torch.inference_mode():
        layers = {dtype: nn.Conv2d(64, 64, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)
                  for dtype in dtypes}
        inputs = {dtype: x.to(dtype) for dtype in dtypes}
        start = time.perf_counter()
        while rounds > 0 or time.perf_counter() - start < seconds:
            rounds -= 1
            for dtype, layer in layers.items():
                began = time.perf_counter()
                layer(inputs[dtype])
                if device.type == 'cuda':
                    torch.cuda.synchronize(device)
                best[dtype] = min(best[dtype], time.perf_counter() - began)
    return {dtype: 2 * 9 * 64 * 64 * height * width / took for dtype, took in best.items()}
