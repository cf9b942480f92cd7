"""The few operations that several architectures share. Legend: N batch, c channels, H height, W width, s scale."""

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError

STRIP_BYTES = 8 * 2**20  # of the largest result within a strip of rows; measured: 6 to 16 MiB are about as quick


def wide(x: Tensor) -> Tensor:
    """At least float32: losses and positions are not computed in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def backward_warp(x: Tensor, flow: Tensor) -> Tensor:
    """Fetch every pixel from where ``flow`` points: out(p) = x(p + flow(p)), bilinear, edges repeated.

    Args:
        x: (N, c, H, W) image to fetch from.
        flow: (N, 2, H, W) displacement (x, y) in pixels.

    Returns:
        (N, c, H, W), float32 or wider: positions in bfloat16 would be off by pixels.
    """
    _, _, height, width = x.shape
    columns, rows = _positions(width, x), _positions(height, x)[:, None]
    flow = wide(flow)
    grid = torch.stack([flow[:, 0] / (max(width - 1, 1) / 2) + columns,
                        flow[:, 1] / (max(height - 1, 1) / 2) + rows], dim=-1)  # (N, H, W, 2)
    return F.grid_sample(x.to(grid.dtype), grid, mode='bilinear', padding_mode='border', align_corners=True)


def _positions(count: int, like: Tensor) -> Tensor:
    """``count`` positions from -1 to 1, the centres of the outermost pixels, on the device of ``like``.

    They are spaced in float32 whatever the dtype, as in the published network, whose numbers are only met with its
    rounding.
    """
    if torch.compiler.is_compiling():
        # linspace would tie an exported network to the size it was traced with.
        steps = torch.arange(count, device=like.device, dtype=torch.float32)
        return steps * (2 / max(count - 1, 1)) - 1
    capturing = like.is_cuda and torch.cuda.is_current_stream_capturing()
    if capturing or type(like) not in (Tensor, nn.Parameter):
        # What is made inside a CUDA graph belongs to it, and a tensor of another kind (fake, traced) to its maker.
        return _space(count, like.device)
    return _space_once(count, like.device)


def _space(count: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # so that it also serves training
        return torch.linspace(-1, 1, count, device=device, dtype=torch.float32)


_space_once = lru_cache(maxsize=64)(_space)


def space_to_depth(x: Tensor, scale: int) -> Tensor:
    """(N, c, H*s, W*s) -> (N, s*s*c, H, W), channels ordered (row, column, c) as in TecoGAN."""
    if scale == 1:
        return x
    n, c, height, width = x.shape
    x = x.reshape(n, c, height // scale, scale, width // scale, scale)  # (N, c, H, s, W, s)
    x = x.permute(0, 2, 4, 3, 5, 1).reshape(n, height // scale, width // scale, scale * scale * c)
    return x.permute(0, 3, 1, 2)  # channels innermost in memory, as the convolutions want them


class Upsample(nn.Module):
    """Enlarge images by a whole factor.

    ``bilinear`` is PyTorch's (align_corners=False). ``bicubic`` is the kernel of TecoGAN's TensorFlow original:
    cubic convolution with a = -0.75 whose samples are aligned at the top left corner, edges repeated
    (R. Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 6).

    Args:
        scale: Factor, 1 or more; 1 returns the input.
        mode: 'bilinear' or 'bicubic'.
    """

    def __init__(self, scale: int, mode: str = 'bilinear') -> None:
        super().__init__()
        if mode not in ('bilinear', 'bicubic'):
            raise ConfigError(f"upsample='{mode}': expected 'bilinear' or 'bicubic'")
        self.scale, self.mode = scale, mode
        a = -0.75
        phase = torch.arange(scale, dtype=torch.float64) / scale
        powers = torch.stack([phase**k for k in range(4)])  # (4, s)
        cubic = torch.tensor([[0, a, -2 * a, a], [1, 0, -(a + 3), a + 2], [0, -a, 2 * a + 3, -(a + 2)], [0, 0, a, -a]],
                             dtype=torch.float64)
        self.register_buffer('kernels', (cubic @ powers).T.float().contiguous(), persistent=False)  # (s, 4 taps)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c, H, W) -> (N, c, H*s, W*s)."""
        if self.scale == 1:
            return x
        if self.mode == 'bilinear':
            return F.interpolate(x, scale_factor=self.scale, mode='bilinear', align_corners=False)
        n, c, height, width = x.shape
        s, kernels = self.scale, self.kernels.to(x.dtype)
        x = F.pad(x.reshape(n * c, 1, height, width), (1, 2, 1, 2), mode='replicate')
        x = F.conv2d(x, kernels.view(s, 1, 4, 1))  # (N*c, s, H, W+3)
        x = x.transpose(1, 2).reshape(n * c, 1, s * height, width + 3)
        x = F.conv2d(x, kernels.view(s, 1, 1, 4))  # (N*c, s, H*s, W)
        return x.permute(0, 2, 3, 1).reshape(n, c, s * height, s * width)


class MixStyle(nn.Module):
    """Mean and deviation of a clip's features mixed with those of another clip of the batch, in training alone.

    K. Zhou et al., "Domain Generalization with MixStyle", ICLR 2021 (arXiv 2104.02008): what follows must not rely on
    them, which differ between domains. Both are those of whole clips, so that a clip stays steady in time.

    Args:
        prob: How often this is done to a clip.
        alpha: Of the Beta distribution that the shares are drawn from: the smaller, the more one of the two prevails.
    """

    def __init__(self, prob: float, alpha: float = 0.1) -> None:
        super().__init__()
        if not 0 <= prob <= 1 or alpha <= 0:
            raise ConfigError(f'mix_style: prob={prob}, alpha={alpha}: expected 0 <= prob <= 1 and alpha > 0')
        self.prob, self.alpha = prob, alpha

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, c, H, W) -> the same; no gradient flows through what is mixed."""
        n = len(x)
        if not self.training or self.prob == 0 or n == 1:
            return x
        var, mean = torch.var_mean(wide(x.detach()), (1, 3, 4), correction=0, keepdim=True)  # (N, 1, c, 1, 1)
        std = (var + 1e-6).sqrt()
        other = (torch.arange(n, device=x.device) + torch.randint(1, n, (1,), device=x.device)) % n  # never itself
        alpha = mean.new_tensor(self.alpha)
        own = torch.distributions.Beta(alpha, alpha).sample((n, 1, 1, 1, 1))
        own = torch.where(torch.rand_like(own) < self.prob, own, 1)
        gain = (own * std + (1 - own) * std[other]) / std
        return (x * gain + (own * mean + (1 - own) * mean[other] - mean * gain)).to(x.dtype)


def in_strips(run: Callable[[Tensor], Tensor], x: Tensor, halo: int, growth: int = 1) -> Tensor:
    """Run convolutions over one strip of rows after another, so that what they hand on stays in a CPU's cache.

    Memory is what convolutions of large frames wait for on a CPU. Elsewhere, in training and in exported networks, the
    input is run as it is. The result is the same, to rounding.

    Args:
        run: (N, c, H, W) -> (N, c', H*s, W*s), of convolutions that pad with zeros.
        x: Its input.
        halo: Rows of the input above and below a row that its output depends on.
        growth: Bytes of the largest result within ``run``, over those of ``x``.
    """
    if x.device.type != 'cpu' or torch.is_grad_enabled() or torch.compiler.is_exporting():
        return run(x)
    height = x.shape[-2]
    count = -(-x.nbytes * growth // STRIP_BYTES)
    rows = max(-(-height // count), 2 * halo)
    if rows >= height:
        return run(x)
    strips = []
    for start in range(0, height, rows):
        end, above = min(start + rows, height), min(start, halo)
        out = run(x[..., start - above:end + halo, :])  # (N, c', (above + rows + below)*s, W*s)
        scale = out.shape[-1] // x.shape[-1]
        strips.append(out[..., above * scale:(above + end - start) * scale, :])
    return torch.cat(strips, dim=-2)  # (N, c', H*s, W*s)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """3x3 convolution that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def zero_init(conv: nn.Conv2d) -> nn.Conv2d:
    """The same convolution with zero weights and bias, so that its branch starts by adding nothing."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


class ResidualBlock(nn.Module):
    """conv, ReLU, conv, and the input added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(channels, channels), nn.ReLU(inplace=True), conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return in_strips(lambda strip: self.body(strip).add_(strip), x, halo=2)
