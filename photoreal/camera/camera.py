"""What lens, sensor and codec do to a picture, applied last.

Simple models, each of one number or two, and 0 leaves it out. They follow Carlson et al., "Modeling Camera Effects to
Improve Visual Learning from Synthetic Data", ECCV Workshops 2018 (arXiv 1803.07721); the noise grows with brightness as
in Foi et al., "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data", IEEE TIP 2008. All
lengths are shares of the frame's height, so that one camera serves frames of any size.

Legend: N batch, H height, W width.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.registry import suggest

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
TILE = 512  # side of the noise, of which each frame gets another part
SHARED = 0.75  # of the noise that the three channels have in common: demosaicking and codecs mix them


@dataclass(frozen=True)
class CameraSettings:
    """How strong each effect is.

    Attributes:
        blur: Sigma of the lens's point spread, a share of the height.
        bloom: Share of the light of highlights that is scattered around them.
        aberration: How much larger the red picture is than the green one, and the blue one smaller.
        vignette: Share of the light that is lacking in the corners.
        noise: Standard deviation of the noise in the dark, for frames in [0, 1].
        shot: Variance of the noise that is added for each unit of brightness.
        grain: Sigma of the noise's grain, a share of the height.
    """

    blur: float = 0.0
    bloom: float = 0.0
    aberration: float = 0.0
    vignette: float = 0.0
    noise: float = 0.0
    shot: float = 0.0
    grain: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and (value >= 0 or field.name ==
                                                                                  'aberration')):
                raise ConfigError(f'camera: {field.name}={value!r}: expected a number of 0 or more')
        if self.vignette >= 1 or self.bloom >= 1:
            raise ConfigError(f'camera: vignette={self.vignette}, bloom={self.bloom}: expected shares below 1')

    def blend(self, strength: float) -> 'CameraSettings':
        """A weaker camera, whose grain is as coarse.

        Args:
            strength: 0 (nothing) to 1 (the whole).

        Raises:
            ConfigError: The strength is out of range.
        """
        if not 0 <= strength <= 1:
            raise ConfigError(f"the camera's strength is {strength}; expected 0 to 1")
        if strength == 1:
            return self
        weaker = {field.name: strength * getattr(self, field.name) for field in fields(self) if field.name != 'grain'}
        return replace(self, **weaker | {'shot': strength**2 * self.shot})  # a variance

    def to_json(self) -> str:
        """All settings as a JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> 'CameraSettings':
        """The reverse of :meth:`to_json`; what is missing is 0.

        Raises:
            ValueError: It is no JSON.
            TypeError: It is no object, or has other keys.
            ConfigError: A value is out of range.
        """
        return cls(**json.loads(text))

    def save(self, path: str | Path) -> None:
        """Write a JSON file."""
        Path(path).write_text(self.to_json() + '\n', encoding='utf-8')

    @classmethod
    def load(cls, path: str | Path) -> 'CameraSettings':
        """Read a JSON file.

        Raises:
            ConfigError: There is no such file, or it is no camera.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding='utf-8'))
        except FileNotFoundError as error:
            raise ConfigError(f"camera '{path}' does not exist") from error
        except (ValueError, TypeError) as error:
            raise ConfigError(f"camera '{path}' cannot be read ({error}): expected a JSON object of "
                              f'{", ".join(field.name for field in fields(cls))}') from error


def parse_settings(texts: Sequence[str]) -> dict[str, float]:
    """``['bloom=0.1']`` -> ``{'bloom': 0.1}``.

    Raises:
        ConfigError: One is not of that form, or names no setting.
    """
    names, found = [field.name for field in fields(CameraSettings)], {}
    for text in texts:
        name, _, value = text.partition('=')
        if name not in names:
            raise ConfigError(f"camera setting '{text}' is unknown{suggest(name, names)}")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ConfigError(f"camera setting '{text}': expected a number, such as {name}=0.1") from error
    return found


class Camera(nn.Module):
    """Apply a camera's effects to frames, in the order in which light meets them: lens, sensor, noise.

    Args:
        settings: How strong each is.
        seed: Of the noise, which is the same in each run, and another one in each frame.
    """

    def __init__(self, settings: CameraSettings, seed: int = 0) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        rng = torch.Generator().manual_seed(seed)
        white = torch.randn(4, 1, TILE, TILE, generator=rng)
        self.register_buffer('white', white, persistent=False)  # one that the channels share, and three of their own

    @torch.inference_mode()
    def film(self, frame: np.ndarray, index: int, strength: float = 1.0) -> np.ndarray:
        """One frame (H, W, 3) uint8 RGB, the ``index``-th of its video -> likewise; strength as in :meth:`forward`."""
        x = torch.from_numpy(frame).permute(2, 0, 1).unsqueeze(0).float() / 255
        x = self(x.contiguous(), torch.tensor([index]), strength)
        return (x[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()

    def forward(self, frames: Tensor, indices: Tensor, strength: float = 1.0) -> Tensor:
        """Frames as this camera would have filmed them.

        Args:
            frames: (N, 3, H, W) RGB in [0, 1].
            indices: (N,) each frame's number, which decides on its noise.
            strength: Of all effects, 0 to 1.

        Returns:
            (N, 3, H, W), not clamped.
        """
        s, height = self.settings.blend(strength), frames.shape[-2]
        x = frames
        if s.aberration:
            x = self._spread_colours(x, s.aberration)
        if s.bloom:
            x = self._bloom(x, s.bloom)
        if s.blur:
            x = gaussian(x, s.blur * height)
        if s.vignette:
            x = x * self._vignette(x, s.vignette)
        if s.noise or s.shot:
            noise = torch.stack([self._noise(x.shape[-2:], int(i)) for i in indices]).to(x)
            x = x + noise * (s.noise**2 + s.shot * x.clamp(0, 1)).sqrt()
        return x

    def _spread_colours(self, x: Tensor, aberration: float) -> Tensor:
        red, green, blue = x.split(1, dim=1)
        return torch.cat([self._scale(red, 1 - aberration), green,
                          self._scale(blue, 1 + aberration)], dim=1)

    @staticmethod
    def _scale(channel: Tensor, factor: float) -> Tensor:
        """(N, 1, H, W) looked up at positions that lie farther from the middle by the factor."""
        theta = channel.new_tensor([[factor, 0, 0], [0, factor, 0]]).expand(len(channel), 2, 3)
        grid = F.affine_grid(theta, list(channel.shape), align_corners=False)
        return F.grid_sample(channel, grid, padding_mode='border', align_corners=False)

    @staticmethod
    def _bloom(x: Tensor, share: float) -> Tensor:
        """Highlights scattered at an eighth of the size, where a wide blur costs little."""
        height, width = x.shape[-2:]
        luma = (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        light = F.avg_pool2d(x * ((luma - 0.8) / 0.2).clamp(0, 1), 8, ceil_mode=True, count_include_pad=False)
        glow = (gaussian(light, height / 320) + gaussian(light, height / 90)) / 2
        glow = F.interpolate(glow, (height, width), mode='bilinear', align_corners=False)
        return 1 - (1 - x) * (1 - share * glow)

    @staticmethod
    def _vignette(x: Tensor, share: float) -> Tensor:
        """(H, W): the share of the light that arrives; it falls with the square of the distance from the middle."""
        height, width = x.shape[-2:]
        y = torch.linspace(-height, height, height, device=x.device, dtype=x.dtype).view(-1, 1)
        at = torch.linspace(-width, width, width, device=x.device, dtype=x.dtype)
        return 1 - share * (y**2 + at**2) / (height**2 + width**2)

    def _noise(self, size: tuple[int, int], index: int) -> Tensor:
        """(3, H, W) of variance 1."""
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        height, width = size
        rows, columns, flip = (int(torch.randint(TILE, (), generator=rng)) for _ in range(3))
        reps = (-(-height // TILE) + 1, -(-width // TILE) + 1)
        tile = self._grained(height).repeat(1, *reps)[:, rows:rows + height, columns:columns + width]
        return tile.flip(-1) if flip % 2 else tile

    def _grained(self, height: int) -> Tensor:
        """The tile (3, TILE, TILE) with the grain of frames this high."""
        key = height
        if getattr(self, '_tile', (None,))[0] != key:
            white = gaussian(self.white, self.settings.grain * height, mode='circular')
            white = white / white.std()
            tile = SHARED**0.5 * white[0] + (1 - SHARED)**0.5 * white[1:, 0]
            self._tile = key, tile
        return self._tile[1]


def gaussian(x: Tensor, sigma: float, mode: str = 'replicate') -> Tensor:
    """(N, c, H, W) blurred; sigma in pixels."""
    radius = math.ceil(3 * sigma)
    if sigma < 0.1:
        return x
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype) / sigma) ** 2)
    taps = (kernel / kernel.sum()).tolist()
    # Sums of shifted pictures: for three channels and few taps quicker than a convolution, on CPUs by ten times.
    height, width = x.shape[-2:]
    x = F.pad(x, (radius,) * 4, mode=mode)
    x = sum(tap * x[..., i:i + width] for i, tap in enumerate(taps))
    return sum(tap * x[..., i:i + height, :] for i, tap in enumerate(taps))
