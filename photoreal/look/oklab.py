"""OKLab: lightness and two opponent colours, such that equal distances look about equal and hue keeps its angle.

B. Ottosson, "A perceptual color space for image processing", 2020, https://bottosson.github.io/posts/oklab/.
RGB is sRGB.
"""

import torch
from torch import Tensor

_LMS = torch.tensor([[0.4122214708, 0.5363325363, 0.0514459929],
                     [0.2119034982, 0.6806995451, 0.1073969566],
                     [0.0883024619, 0.2817188376, 0.6299787005]], dtype=torch.float64)
_LAB = torch.tensor([[0.2104542553, 0.7936177850, -0.0040720468],
                     [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]], dtype=torch.float64)
_BISECTIONS = 14


def to_oklab(rgb: Tensor) -> Tensor:
    """sRGB (..., 3) in [0, 1] -> L (0 black to 1 white), a and b (some tenths at most) (..., 3)."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)
    lms = linear @ _LMS.to(rgb).T
    return lms.clamp(min=0).pow(1 / 3) @ _LAB.to(rgb).T


def from_oklab(lab: Tensor) -> Tensor:
    """L, a and b (..., 3) -> sRGB (..., 3), beyond [0, 1] where there is no such colour."""
    linear = (lab @ torch.linalg.inv(_LAB).to(lab).T).pow(3) @ torch.linalg.inv(_LMS).to(lab).T
    curved = 1.055 * linear.clamp(min=0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved)


def most_chroma(lightness: Tensor, hue: Tensor) -> Tensor:
    """The greatest chroma that sRGB has at a lightness (n,) and a hue (n,) in radians: (n,)."""
    low, high = torch.zeros_like(lightness), torch.full_like(lightness, 0.4)
    direction = torch.stack([hue.cos(), hue.sin()], dim=-1)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        rgb = from_oklab(torch.cat([lightness[:, None], middle[:, None] * direction], dim=-1))
        inside = ((rgb >= -1e-6) & (rgb <= 1 + 1e-6)).all(dim=-1)
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return low
