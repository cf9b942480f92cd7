"""The errors that a user can cause. Tools print them as they are, without a traceback, and exit with code 1."""

from collections.abc import Iterable


class PhotorealError(Exception):
    """What was wrong, where, what was expected and what to do about it."""

    @classmethod
    def from_faults(cls, headline: str, faults: Iterable[str]) -> 'PhotorealError':
        """One error that lists several faults, each on a line of its own."""
        return cls('\n'.join([headline, *(f'  - {fault}' for fault in faults)]))

    def about(self, subject: object) -> str:
        """The text, with what it is about in front, unless that stands there already."""
        return str(self) if str(self).startswith(str(subject)) else f'{subject}: {self}'


def reason(error: Exception) -> str:
    """What went wrong, in the words of the system or of FFmpeg, without their numbers and functions."""
    return str(getattr(error, 'strerror', None) or error)


class ConfigError(PhotorealError):
    """A config or an override that cannot be used."""


class DataError(PhotorealError):
    """Frames, maps or folders that cannot be used."""


class CheckpointError(PhotorealError):
    """A checkpoint or weights file that is missing, damaged or does not fit."""


class StorageError(PhotorealError):
    """A URL that cannot be reached, read or written."""


class TrainingError(PhotorealError):
    """A training that cannot go on."""


class Interrupted(Exception):
    """A signal has stopped a run in good order; its state is saved.

    Attributes:
        signal: The signal's number.
    """

    def __init__(self, signal: int, message: str) -> None:
        super().__init__(message)
        self.signal = signal
