"""What a name for an output means, and whether it may be written: nothing that is read is ever replaced."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from tempfile import TemporaryFile

from photoreal.datasets.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from photoreal.datasets.writers import identities, not_written, with_mark
from photoreal.errors import ConfigError, DataError, reason

# What looks like the type of a file, and not like a version (.v2) or a date (.2024).
_TYPE = re.compile(r'\.(?!v\d)[a-z][a-z0-9]{1,4}', re.IGNORECASE)


class Place(Enum):
    """What an output is."""

    PIPE = 'the standard output'
    DEVICE = 'a named pipe or a device, which is there and is written to'
    VIDEO = 'a video file'
    PICTURE = 'one picture'
    FOLDER = 'a folder of pictures'


def place_of(out: str) -> Place:
    """What a text names as an output.

    Raises:
        ConfigError: A file of a type that cannot be written, or that has no name.
        DataError: The system does not take the name, or something else lies there.
    """
    if out == '-':
        return Place.PIPE
    if not out:  # a variable of a shell that is not set
        raise ConfigError("--out '': expected a name")
    path = Path(out)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except (OSError, ValueError) as error:  # a name that is too long, a file in place of a folder, a zero byte
        raise DataError(f'--out {out} cannot be written: {reason(error)}') from error
    if mode is not None and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return Place.DEVICE
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f'--out {out} is neither a file nor a folder nor a pipe: choose another name')
    return _by_name(out, path, mode)


def _by_name(out: str, path: Path, mode: int | None) -> Place:
    suffix, is_folder = path.suffix.lower(), mode is not None and stat.S_ISDIR(mode)
    like_folder = out.endswith(tuple(filter(None, (os.sep, os.altsep))))
    if path.name.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES) and not is_folder:
        raise ConfigError(f"--out {out}: expected a name before '{path.name}'")
    if mode is not None and like_folder and not is_folder:
        raise DataError(f'--out {out} is a file, and named like a folder: choose another name')
    if suffix in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES) and not like_folder:
        if is_folder:
            raise DataError(f'--out {out} is a folder, and named like a file: choose another name, or write '
                            f'{out}{os.sep} for a folder of pictures')
        return Place.VIDEO if suffix in VIDEO_SUFFIXES else Place.PICTURE
    if mode is not None and not is_folder:
        raise DataError(f'--out {out} is a file whose suffix is neither that of a video nor that of a picture: choose '
                        'another name')
    if _TYPE.fullmatch(suffix) and not is_folder and not like_folder:
        raise ConfigError(f"--out {out}: '{suffix}' cannot be written; expected a video (.mp4, .mkv, .mov ...), a "
                          f'picture (.png, .jpg ...), or a folder, which has no suffix or ends in {os.sep}')
    return Place.FOLDER


def followed(out: str) -> Path:
    """Where a file really comes to lie: a link is written to, not replaced."""
    return Path(os.path.realpath(out))


def free_partial(path: Path, reads: Iterable[Path]) -> Path:
    """A name for a video while it grows: ``NAME.partial.SUFFIX``, or one like it where that is what is read."""
    taken, n = identities(reads), 1
    while identities([partial := with_mark(path, '.partial' + str(n) * (n > 1))]) & taken:
        n += 1
    return partial


def guard(out: str, place: Place, reads: Sequence[Path], names: Sequence[str] | None = None) -> None:
    """Refuse to write over what is read, by whatever name it is called.

    Args:
        out: The output.
        place: What that is.
        reads: Files and folders that are read.
        names: Of the files that come into a folder; None: nobody knows.

    Raises:
        DataError: The output is, or would replace, something that is read.
    """
    if place is Place.PIPE:
        return
    taken = identities(reads)
    if identities([out]) & taken:
        raise DataError(f'--out {out} is where the input lies, which would be overwritten: choose another name')
    if place is not Place.FOLDER or not os.path.isdir(out):
        return
    for name in os.listdir(out) if names is None else names:
        if identities([Path(out) / name]) & taken:
            raise DataError(f'--out {out}: {name} in there is read, and would be overwritten: choose another folder')


def try_folder(folder: Path) -> None:
    """Make a folder, and see that files can be put there.

    Raises:
        DataError: They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise not_written(folder, error) from error
