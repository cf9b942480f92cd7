"""What a scan of a large data set found, kept in the cache: a folder that has not changed is not read through again.

A folder's own time of change tells whether files were added, removed or renamed in it. A picture that was overwritten
in place is not noticed; check-data, which looks at every file, notices it, and so does reading it.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.datasets.sources import FolderSource, FrameSource
from photoreal.datasets.writers import atomic_path
from photoreal.storage import cache_folder

FEWEST = 1000  # videos of a data set that is worth it; fewer are read through in seconds
_FORMAT = 1
_SETTLED = 2_000_000_000  # nanoseconds after which a second change of a folder surely has another time

Known = dict[str, FolderSource]  # name of a folder -> its pictures, whose size and rate are known


class SurveyIndex:
    """The sound videos of one split that are folders of pictures on a disk, each with all that a scan asks of it.

    Args:
        root: The data set's folder.
        split: ``train`` or ``val``.
        stems: Names of the folders that a video may have.
    """

    def __init__(self, root: Path | LmdbPath, split: str, stems: Sequence[str]) -> None:
        key = json.dumps([_FORMAT, str(Path(root).resolve()) if isinstance(root, Path) else '', split, sorted(stems)])
        self._home = cache_folder() / 'surveys' / f'{hashlib.sha256(key.encode()).hexdigest()[:16]}.json'
        self._old: dict[str, Any] = {}
        self._new: dict[str, Any] = {}
        if isinstance(root, Path):
            try:
                self._old = dict(json.loads(self._home.read_text(encoding='utf-8')))
            except (OSError, TypeError, ValueError):
                pass  # none yet, or one that is damaged: all is read through

    def look_up(self, path: Path | LmdbPath) -> Known | None:
        """The folders of a video as they were found before; None where it is new, or has changed since."""
        key = f'{path.parent.name}/{path.name}'
        if key not in self._old or not isinstance(path, Path):
            return None
        entry = self._old[key]
        try:
            if entry['stamps'] != _stamps(path, entry['folders']):
                return None
            found = {stem: FolderSource.known(path / stem, _unpacked(files), tuple(entry['size']), entry['fps'])
                     for stem, files in entry['folders'].items()}
        except (LookupError, OSError, TypeError):
            return None
        self._new[key] = entry
        return found

    def keep(self, path: Path | LmdbPath, sources: Mapping[str, FrameSource], sizes: set[tuple[int, int]]) -> None:
        """Note a video without faults, whose frames and maps have these sizes; but none that was changed just now."""
        if not isinstance(path, Path) or len(sizes) != 1 or not all(
                isinstance(source, FolderSource) and source.path == path / stem for stem, source in sources.items()):
            return
        stamps = _stamps(path, sources)
        if time.time_ns() - max(stamp for stamp in stamps if stamp is not None) > _SETTLED:
            self._new[f'{path.parent.name}/{path.name}'] = {
                'stamps': stamps, 'size': sizes.pop(), 'fps': sources['frames'].fps,
                'folders': {stem: _packed(source.files) for stem, source in sources.items()}}

    def save(self) -> None:
        """Write it where it differs; where there is no place for it, the next scan reads all again."""
        if self._new == self._old or len(self._new) < FEWEST:
            return
        try:
            with atomic_path(self._home) as temporary:
                temporary.write_text(json.dumps(self._new), encoding='utf-8')
        except OSError:
            pass


def _stamps(path: Path, stems: Mapping[str, Any]) -> list[int | None]:
    """When a video's folder, its meta.json and those of its frames and maps were changed, in nanoseconds."""
    try:
        meta = (path / 'meta.json').stat().st_mtime_ns
    except FileNotFoundError:
        meta = None
    return [path.stat().st_mtime_ns, meta, *((path / stem).stat().st_mtime_ns for stem in stems)]


def _packed(files: list[str]) -> list[Any]:
    """Names of files, in short where they count up."""
    head = re.fullmatch(r'(.*?)(\d+)(\.\w+)', files[0])
    if head:
        short = [head[1], len(head[2]), int(head[2]), head[3], len(files)]
        if _unpacked(short) == files:
            return short
    return files


def _unpacked(packed: list[Any]) -> list[str]:
    if len(packed) == 5 and isinstance(packed[1], int):
        start, digits, first, suffix, count = packed
        return [f'{start}{i:0{digits}d}{suffix}' for i in range(first, first + count)]
    return packed
