"""What a visitor may ask for."""

from dataclasses import dataclass, fields

from photoreal.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one visitor from taking the machine from all others.

    Attributes:
        megabytes: Most of an uploaded file.
        seconds: Longest video.
        frames: Most frames of a video.
        side: Longest side of a frame, in pixels.
        jobs: Videos that are worked on at once; the others wait.
        waiting: Most that wait.
        keep_minutes: How long results and uploads are kept.

    Raises:
        ConfigError: One leaves visitors nothing to ask for.
    """

    megabytes: int = 100
    seconds: float = 20.0
    frames: int = 600
    side: int = 1920
    jobs: int = 1
    waiting: int = 8
    keep_minutes: int = 60

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"--{field.name.replace('_', '-')} {value}: expected more than 0")
