"""What a camera does, as numbers in a JSON file."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from photoreal.errors import ConfigError
from photoreal.registry import parse_numbers, suggest

# What can be switched off by name -> its settings, in the order in which light meets them.
EFFECTS = {'motion': ('shutter',), 'aberration': ('aberration',), 'glare': ('glare',), 'blur': ('blur',),
           'bloom': ('bloom',), 'vignette': ('vignette',), 'noise': ('noise', 'shot', 'grain'), 'rolloff': ('rolloff',)}


@dataclass(frozen=True)
class CameraSettings:
    """How strong each effect is; 0 leaves it out. Lengths are shares of the frame's height, so that one camera serves
    frames of any size.

    Attributes:
        blur: Sigma of the lens's point spread, a share of the height.
        bloom: Share of the light of highlights that is scattered around them.
        aberration: How much larger the red picture is than the green one, and the blue one smaller.
        vignette: Share of the light that is lacking in the corners.
        noise: Standard deviation of the noise in the dark, for frames in [0, 1].
        shot: Variance of the noise that is added for each unit of brightness; below 0 where tone curve and codec
            leave less noise in bright places than in dark ones, and no less than ``-noise**2``.
        grain: Sigma of the noise's grain, a share of the height.
        rolloff: By how much white falls short of 1; the shoulder begins at twice that below 1.
        shutter: How long the shutter is open, a share of the time between two frames.
        glare: Share of all light that lens and air scatter widely: it softens contrast around what is bright. Set by
            hand, since footage does not tell it from the scene.
    """

    blur: float = 0.0
    bloom: float = 0.0
    aberration: float = 0.0
    vignette: float = 0.0
    noise: float = 0.0
    shot: float = 0.0
    grain: float = 0.0
    rolloff: float = 0.0
    shutter: float = 0.0
    glare: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, signed = getattr(self, field.name), field.name in ('aberration', 'shot')
            if not (isinstance(value, (int, float)) and math.isfinite(value) and (value >= 0 or signed)):
                raise ConfigError(f'camera: {field.name}={value!r}: expected a number' + ' of 0 or more' * (not signed))
        if max(self.vignette, self.bloom, self.glare) >= 1:
            raise ConfigError(f'camera: vignette={self.vignette}, bloom={self.bloom}, glare={self.glare}: expected '
                              'shares below 1')
        if self.rolloff >= 0.5 or self.shutter > 1:
            raise ConfigError(f'camera: rolloff={self.rolloff}, shutter={self.shutter}: expected a roll-off below 0.5 '
                              'and a shutter of 1 at the most')
        if self.noise**2 + self.shot < -1e-12:
            raise ConfigError(f'camera: noise={self.noise}, shot={self.shot}: the variance of the noise, noise**2 + '
                              'shot * brightness, is below 0 in white; expected shot of -noise**2 or more')

    def without(self, *effects: str) -> 'CameraSettings':
        """The same camera with effects (names of :data:`EFFECTS`) switched off.

        Raises:
            ConfigError: One is unknown.
        """
        return replace(self, **dict.fromkeys(settings_of(effects), 0.0))

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
        """The reverse of :meth:`to_json`; what is missing or null is off.

        Raises:
            ValueError: It is no JSON.
            TypeError: It is no object, or has other keys.
            ConfigError: A value is out of range.
        """
        return cls(**{key: 0.0 if value is None else value for key, value in dict(json.loads(text)).items()})

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


def settings_of(effects: Iterable[str]) -> list[str]:
    """Names of effects -> the settings they are made of.

    Raises:
        ConfigError: One is unknown.
    """
    found = []
    for name in effects:
        if name not in EFFECTS:
            raise ConfigError(f"the camera has no effect '{name}'{suggest(name, EFFECTS)}")
        found += EFFECTS[name]
    return found


def parse_settings(texts: Sequence[str]) -> dict[str, float]:
    """``['bloom=0.1']`` -> ``{'bloom': 0.1}``.

    Raises:
        ConfigError: One is not of that form, or names no setting.
    """
    return parse_numbers(texts, [field.name for field in fields(CameraSettings)], 'camera')
