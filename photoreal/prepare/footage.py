"""What is prepared: frames and maps that lie somewhere, and which of them make one video.

Legend: T time, H height, W width, c channels of one map.
"""

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from photoreal.datasets.sources import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    FolderSource,
    FrameSource,
    VideoSource,
    natural_key,
    size_text,
    visible,
)
from photoreal.errors import ConfigError, DataError

_SAMPLED = 1 << 16  # bytes


@dataclass(frozen=True)
class Track:
    """Some frames, or maps, of a source, in order. Plain data that pickles.

    Attributes:
        source: Where they are read.
        indices: Which of the source; None: all.
        raw: Read as they are stored (16 bits, class numbers) instead of as uint8 RGB; resized by nearest neighbour.
        decode: From maps as stored, (T, H, W, c), to what is written: uint8 or uint16, (T, H, W, 1 or 3). It raises
            ValueError where they hold what it does not know. A function of a module, since it must pickle.
    """

    source: FrameSource
    indices: Sequence[int] | None = None
    raw: bool = False
    decode: Callable[[np.ndarray], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.source) if self.indices is None else len(self.indices)

    @property
    def places(self) -> Sequence[int]:
        """Indices of the source."""
        return range(len(self.source)) if self.indices is None else self.indices

    def select(self, positions: Iterable[int]) -> 'Track':
        """Some of this track's frames."""
        places = self.places
        return replace(self, indices=[places[i] for i in positions])

    def read(self, position: int) -> np.ndarray:
        """One frame or map, (H, W, c).

        Raises:
            DataError: It cannot be decoded.
        """
        index = self.places[position]
        maps = self.source.read([index], raw=self.raw)
        if self.decode is not None:
            try:
                maps = self.decode(maps)
            except ValueError as error:
                raise DataError(f'{self.source.where(index)}: {error}') from error
        return maps[0]

    def fingerprint(self) -> str:
        """16 characters that tell one source from another of the same name, without reading all of it."""
        files = [self.source.path]
        if self.source.has_file_names:
            files = [Path(self.source.where(index)) for index in self.places]
        digest = hashlib.sha256(repr([file.stat().st_size for file in files]).encode())
        for file in {files[0]: None, files[-1]: None}:
            with file.open('rb') as opened:
                digest.update(opened.read(_SAMPLED))
                opened.seek(max(0, file.stat().st_size - _SAMPLED))
                digest.update(opened.read())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Footage:
    """One video to be made.

    Attributes:
        name: Name of its folder.
        origin: Name of the file or folder it came from.
        frames: The frames.
        maps: Folder beside ``frames`` -> recorded maps, one for each frame.
        fps: Frames per second; None: what the source says.
        is_stretch: Whether it is what gaps have left of a longer video, and so may be too short to be of use.
    """

    name: str
    origin: str
    frames: Track
    maps: dict[str, Track] = field(default_factory=dict)
    fps: float | None = None
    is_stretch: bool = False

    def select(self, positions: Sequence[int], **changes: object) -> 'Footage':
        """Some of the frames, with their maps."""
        return replace(self, frames=self.frames.select(positions),
                       maps={name: track.select(positions) for name, track in self.maps.items()}, **changes)

    def check(self) -> None:
        """See whether frames and maps fit each other.

        Raises:
            DataError: The source cannot be opened, or frames and maps differ in count or size.
        """
        size = self.frames.source.size
        for name, track in self.maps.items():
            if len(track) != len(self.frames):
                raise DataError(f'{track.source.path}: found {len(track)} maps; expected {len(self.frames)}, one for '
                                f"each frame of {self.frames.source.path}; add what is missing, or move '{name}' away")
            if track.source.size != size:
                raise DataError(f'{track.source.path}: found maps of {size_text(track.source.size)} pixels; expected '
                                f'{size_text(size)} as the frames of {self.frames.source.path}')


def find_footage(patterns: Sequence[str]) -> tuple[list[Footage], list[str]]:
    """Find video files and folders of pictures.

    Videos are called as their files or folders (a folder ``frames`` as the one above it); where two would share a
    name, folders above are put in front.

    Args:
        patterns: Paths, or patterns with ``*``, ``?``, ``[...]`` and ``**``. A folder that holds video files or folders
            of pictures, instead of pictures, stands for all of these.

    Returns:
        The videos in natural order of their paths, and a sentence for each path that is no source.
    """
    paths, faults = [], []
    for pattern in patterns:
        found = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)
        if not found:
            faults.append(f'{pattern}: found nothing there; expected a video file, a folder of pictures, or a pattern '
                          "such as 'footage/*.mp4'")
        paths += [path for p in sorted(found, key=natural_key) for path in _films(Path(p))]
    paths = list(dict.fromkeys(path.resolve() for path in paths))
    opened = []
    for path in paths:
        try:
            opened.append((path, _open(path)))
        except DataError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(f'{path}: cannot be read ({error.strerror})')
    names = unique_names([path for path, _ in opened])
    return [Footage(name, path.name, Track(source))
            for name, (path, source) in zip(names, opened, strict=True)], faults


def _films(path: Path) -> list[Path]:
    """What lies in a folder of films; of anything else, the path itself."""
    entries = visible(path) if path.is_dir() else []
    if any(_is_picture(entry) for entry in entries):
        return [path]
    films = [film for entry in entries for film in (entry, entry / 'frames')
             if film.is_dir() and any(map(_is_picture, visible(film)))
             or film.is_file() and film.suffix.lower() in VIDEO_SUFFIXES]
    return films or [path]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _open(path: Path) -> FrameSource:
    if path.is_dir():
        return FolderSource(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise DataError(f"{path}: '{path.suffix}' is no suffix of a video; expected a folder of pictures, or a file "
                        f'with one of {", ".join(VIDEO_SUFFIXES)}')
    return VideoSource(path)


def unique_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its last part, and as many of those above as tell it from the others."""
    parts = [[part.strip('.') or '_' for part in (*path.parts[1:-1], path.stem if path.is_file() else path.name)]
             for path in paths]
    parts = [p[:-1] if p[-1] == 'frames' and len(p) > 1 else p for p in parts]
    depths = [1] * len(parts)
    while True:
        names = ['_'.join(p[-depth:]) for p, depth in zip(parts, depths, strict=True)]
        # Compared without case, since some file systems take A and a for one.
        counts = Counter(name.lower() for name in names)
        deeper = [depth + (counts[name.lower()] > 1 and depth < len(p))
                  for name, p, depth in zip(names, parts, depths, strict=True)]
        if deeper == depths:
            break
        depths = deeper
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):  # a/b.mp4 and a/b.avi
        seen[name.lower()] += 1
        if seen[name.lower()] > 1:
            names[i] = f'{name}_{seen[name.lower()]}'
    return names


def with_fps(footage: Iterable[Footage], fps: float) -> list[Footage]:
    """The same footage, with this rate for all that is not read from video files.

    Raises:
        ConfigError: ``fps`` is not above 0.
    """
    if not 0 < fps < float('inf'):
        raise ConfigError(f'fps={fps!r}: expected frames per second above 0')
    return [one if isinstance(one.frames.source, VideoSource) else replace(one, fps=fps) for one in footage]
