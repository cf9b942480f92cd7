"""The dtype that a device computes quickly in."""

import torch

from photoreal.errors import ConfigError

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype to compute in: 'fp32', 'bf16', 'fp16', or for 'auto' what the device computes quickly."""
    if name in DTYPES:
        return DTYPES[name]
    if name != 'auto':
        raise ConfigError(f"dtype='{name}': expected auto, {', '.join(DTYPES)}")
    if device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # Without these instructions a CPU emulates bfloat16, slower than float32.
    return torch.bfloat16 if torch.cpu.get_capabilities().get('amx_bf16') else torch.float32
