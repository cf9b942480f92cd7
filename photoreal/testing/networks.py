"""What the contracts of networks share: weights of which none is zero, and clips that move.

Legend: N batch, T time, c channels, H height, W width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized


def randomize(net: nn.Module, seed: int = 0) -> None:
    """Fill what is trained with random weights: layers that start at zero would hide what lies behind them."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=rng)
            if parameter.dim() > 1:
                parameter.copy_(noise / parameter[0].numel()**0.5)
            else:
                parameter.add_(0.1 * noise)  # biases lie about 0, the factors of normalisations about 1
        _settle(net)


def _settle(net: nn.Module) -> None:
    """Let what follows its weights step by step, a spectral norm, arrive at new ones: each look at them is a step."""
    layers = [module for module in net.modules() if is_parametrized(module)]
    for layer in layers:
        mode = layer.training
        layer.train()
        for _ in range(30):
            [getattr(layer, name) for name in layer.parametrizations]
        layer.train(mode)


def moving_clip(n: int, t: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """(N, T, c, H, W) float32 in [0, 1]: a smooth picture that moves by one pixel a frame, down and to the right."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, (height + t) // 4 + 2, (width + t) // 4 + 2, generator=rng)
    picture = F.interpolate(coarse, (height + t, width + t), mode='bilinear', align_corners=False)
    return torch.stack([picture[..., t - i:t - i + height, t - i:t - i + width] for i in range(t)], dim=1)


def same(found: Tensor, expected: Tensor, what: str, tolerance: float = 1e-5) -> None:
    """Assert that two tensors agree, and say ``what`` was compared where they do not."""
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance, msg=lambda text: f'{what}: {text}')


def check_gradients(net: nn.Module) -> None:
    """Assert that after ``backward`` every trained parameter of ``net`` has a gradient, finite and not all zero."""
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f'no gradient reaches {name}'
            assert parameter.grad.isfinite().all(), f'the gradient of {name} is not finite'
            assert parameter.grad.any(), f'the gradient of {name} is zero everywhere'
