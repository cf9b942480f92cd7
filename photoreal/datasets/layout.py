"""Finds the videos of a data set, and checks all of it before anything is trained on it.

The layout: ``<root>/<split>/<domain>/<video>/{frames,<modality>...}/<name>.png``, where ``frames.mp4`` may stand for
the folder ``frames/``, and ``<modality>.mp4`` likewise; or an LMDB of all that. ``frames.lmdb`` may be an LMDB of
TecoGAN-PyTorch, or a link to one, that has a video of the folder's name. ``target/`` beside virtual frames is what a
teacher made of them.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from photoreal.datasets.index import FEWEST, SurveyIndex
from photoreal.datasets.lmdb_path import LmdbPath, data_path
from photoreal.datasets.sources import FrameSource, open_source, size_text, visible
from photoreal.errors import DataError
from photoreal.modalities.base import Modality

TARGET = 'target'  # folder of what a teacher made of virtual frames
_CHUNK = 256  # frames a task of the thread pool
_LISTED = 5  # faults of one kind in one folder, before they are only counted


@dataclass(frozen=True)
class VideoRecord:
    """One video of a data set.

    Attributes:
        name: Name of the video's folder.
        domain: ``real`` or ``virtual``.
        split: ``train`` or ``val``.
        path: The video's folder.
        frames: The frames.
        recorded: Name of a modality -> its recorded maps, of those that it has.
        target: What a teacher made of the frames, of the same names and size; None where there is none, or where nobody
            has asked for it.
    """

    name: str
    domain: str
    split: str
    path: Path | LmdbPath
    frames: FrameSource
    recorded: dict[str, FrameSource]
    target: FrameSource | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames."""
        return self.frames.size

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.frames.fps


def is_absent(data_root: str | os.PathLike, split: str, domain: str) -> bool:
    """Whether there is no folder for the videos of a domain, or nothing in it: what lies there is meant to be used."""
    root = data_path(data_root)
    folder = root / split / domain
    return root.is_dir() and (not folder.is_dir() or not visible(folder))


def absence(data_root: str | os.PathLike, split: str, domain: str) -> str:
    """What follows from videos to validate or test on that are not there; training needs none."""
    what = {'real': 'how close predictions come to real frames is not measured',
            'virtual': 'predictions of virtual video are neither shown nor measured'}[domain]
    return f'{data_path(data_root) / split / domain} holds no videos: {what}; training needs none'


def scan(data_root: str | os.PathLike, split: str, domains: Sequence[str], modalities: Mapping[str, Modality], *,
         min_length: int = 1, min_size: tuple[int, int] = (1, 1), optional: Collection[str] = (),
         targets: bool = False) -> list[VideoRecord]:
    """Find the videos and check everything that can be checked without decoding them.

    Args:
        data_root: The data set's folder, an LMDB that it was packed into, or a URL of either.
        split: ``train`` or ``val``.
        domains: Some of ``real`` and ``virtual``.
        modalities: Those with a ``folder`` must be recorded beside the frames.
        min_length: Frames that every video must have.
        min_size: (height, width) in pixels that every frame must have.
        optional: Names of modalities that a video may lack.
        targets: Whether ``target/`` beside virtual frames is of interest; a video may lack it.

    Returns:
        The videos, domain after domain, in natural order of their names.

    Raises:
        DataError: It lists all faults, each with its path.
    """
    videos, faults = survey(data_root, split, domains, modalities, min_length=min_length, min_size=min_size,
                            optional=optional, targets=targets, afresh=False)
    if faults:
        count = f'{len(faults)} faults' if len(faults) > 1 else 'a fault'
        raise DataError.from_faults(f'{data_root}: found {count} in the data (split {split}):', faults)
    return videos


def survey(data_root: str | os.PathLike, split: str, domains: Sequence[str], modalities: Mapping[str, Modality], *,
           min_length: int = 1, min_size: tuple[int, int] = (1, 1), optional: Collection[str] = (),
           targets: bool = False, afresh: bool = True) -> tuple[list[VideoRecord], list[str]]:
    """As :func:`scan`, for those who want to see the sound videos too where others have faults.

    Args:
        data_root: As there, and so are the others.
        split: Likewise.
        domains: Likewise.
        modalities: Likewise.
        min_length: Likewise.
        min_size: Likewise.
        optional: Likewise.
        targets: Likewise.
        afresh: Read through what an earlier scan of a large data set has found in order, too.

    Returns:
        The videos without faults, and all faults of the others.

    Raises:
        DataError: The data root is no folder.
    """
    root = data_path(data_root)
    if not root.is_dir():
        is_sample = root.parts[-2:] == ('data', 'sample')
        remedy = ("run 'make sample', which makes it" if is_sample else
                  'point it at your data with --cfg-options data_root=/path')
        raise DataError(f'{root}: the data root is no folder that exists; {remedy}')
    folders = {name: modality.folder for name, modality in modalities.items() if modality.folder is not None}
    needed = {'frames', *(folder for name, folder in folders.items() if name not in optional)}
    reasons = {'frames': 'every video needs its frames'}
    for name, folder in folders.items():
        reasons.setdefault(folder, f"modality '{name}' is recorded there")
    faults: list[str] = []
    paths = [(domain, path) for domain in domains for path in _video_folders(root, split, domain, faults)]
    stems = [*reasons, *([TARGET] if targets else [])]
    index = SurveyIndex(root, split, stems) if len(paths) >= FEWEST else None
    known = {path: found for _, path in (paths if index and not afresh else [])
             if (found := index.look_up(path)) and needed <= found.keys()}
    fresh = [(path, {**({TARGET: ''} if targets and domain == 'virtual' else {}), **reasons})
             for domain, path in paths if path not in known]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda one: _open_sources(*one, needed), fresh)
        opened = {path: sources for (path, _), sources in zip(fresh, found, strict=True)}
    faults += [fault for _, odd in opened.values() for fault in odd]
    sizes = _probe([source for sources, _ in opened.values() for source in sources.values()])
    videos = []
    for domain, path in paths:
        sources, odd = opened.get(path) or (known[path], [])
        found = _faults_of_frames(path, sources.get('frames'), sizes, min_length, min_size)
        if path in opened:
            found = [*_faults_of_sources(sources, sizes), *found]
        faults.extend(found)
        if not odd and not found:
            if index and path in opened:
                index.keep(path, sources, {size for source in sources.values() for size in sizes[source.path]})
            videos.append(VideoRecord(path.name, domain, split, path, sources['frames'],
                                      {name: sources[folder] for name, folder in folders.items() if folder in sources},
                                      sources.get(TARGET) if targets and domain == 'virtual' else None))
    if index:
        index.save()
    return videos, faults


def _video_folders(root: Path | LmdbPath, split: str, domain: str, faults: list[str]) -> list[Path | LmdbPath]:
    folder = root / split / domain
    if folder.is_dir():
        found = visible(folder)
        videos = [p for p in found if p.is_dir()]
        if videos:
            return videos
        what = f'no folders in it, only files such as {found[0].name}' if found else 'an empty folder'
    else:
        here = next(p for p in folder.parents if p.is_dir())
        what = f'no such folder ({here} holds {_some([p.name for p in visible(here)])})'
    other = ('; the ones to be predicted may be among them: nobody has filmed what they should become, so there is '
             'no answer to leak' if (split, domain) == ('train', 'virtual') else ', or choose other domains')
    faults.append(f"{folder}: found {what}; expected one folder a video, {domain}/<video>/frames/; "
                  f"put the {domain} videos of '{split}' there{other}")
    return []


def _open_sources(path: Path | LmdbPath, reasons: Mapping[str, str],
                  needed: Collection[str]) -> tuple[dict[str, FrameSource], list[str]]:
    """Folder -> what lies there, of the folders of ``reasons``, which tell what each is for; and what is wrong."""
    sources: dict[str, FrameSource] = {}
    faults: list[str] = []
    for stem, reason in reasons.items():
        try:
            source = open_source(path, stem)
            if source is None:
                if stem in needed:
                    faults.append(f'{path}: found no {stem}/ and no video {stem}.mp4, only '
                                  f'{_some([p.name for p in visible(path)])}; {reason}; add it, or '
                                  + ('remove this folder' if stem == 'frames' else
                                     'leave the modality out, or let videos lack it (model.dropout)'))
                continue
            len(source)  # a video file is read through here
            if stem == 'frames':
                source.fps  # noqa: B018  a faulty meta.json is told now
            sources[stem] = source
        except DataError as error:
            faults.append(str(error))
    return sources, faults


def _probe(sources: Iterable[FrameSource]) -> dict[Path | LmdbPath, list[tuple[int, int] | DataError]]:
    """Path of a source -> the size of every frame, or why it cannot be read."""
    tasks = [(source, range(start, min(start + _CHUNK, len(source))))
             for source in sources for start in range(0, len(source), _CHUNK)]
    sizes: dict[Path | LmdbPath, list[tuple[int, int] | DataError]] = {}
    with ThreadPoolExecutor() as pool:
        for (source, _), found in zip(tasks, pool.map(lambda task: _probe_some(*task), tasks), strict=True):
            sizes.setdefault(source.path, []).extend(found)
    return sizes


def _probe_some(source: FrameSource, span: range) -> list[tuple[int, int] | DataError]:
    found: list[tuple[int, int] | DataError] = []
    for index in span:
        try:
            found.append(source.probe(index))
        except DataError as error:
            found.append(error)
    return found


def _faults_of_sources(sources: Mapping[str, FrameSource],
                       sizes: Mapping[Path | LmdbPath, list[tuple[int, int] | DataError]]) -> list[str]:
    """What is wrong with frames and maps, whatever they are for."""
    faults: list[str] = []
    frames = sources.get('frames')
    known = [s for s in sizes[frames.path] if isinstance(s, tuple)] if frames else []
    for source in sources.values():
        faults.extend(_gaps(source))
        faults.extend(_cut([str(s) for s in sizes[source.path] if isinstance(s, DataError)], source.path))
        if known:
            faults.extend(_odd_sizes(source, sizes[source.path], known[0]))
        if frames and source is not frames:
            faults.extend(_mismatch(source, frames))
    return faults


def _faults_of_frames(path: Path | LmdbPath, frames: FrameSource | None,
                      sizes: Mapping[Path | LmdbPath, list[tuple[int, int] | DataError]],
                      min_length: int, min_size: tuple[int, int]) -> list[str]:
    """Too few frames for a clip, or too small ones for a crop."""
    if frames is None:
        return []
    faults: list[str] = []
    known = [s for s in sizes.get(frames.path) or [frames.size] if isinstance(s, tuple)]
    if len(frames) < min_length:
        faults.append(f'{frames.path}: found {len(frames)} frames; expected at least {min_length} for a clip of '
                      f'{min_length} frames; remove {path.name}, or set a smaller clip_length')
    if known and (known[0][0] < min_size[0] or known[0][1] < min_size[1]):
        faults.append(f'{frames.path}: found frames of {size_text(known[0])} pixels; expected at least '
                      f'{size_text(min_size)} for the crop; remove {path.name}, or set a smaller crop_size')
    return faults


def _gaps(source: FrameSource) -> list[str]:
    if not source.has_file_names:
        return []
    numbers = [re.search(r'\d+$', name) for name in source.names]
    gaps = [f'after {a.string} comes {b.string}' for a, b in pairwise(numbers)
            if a and b and int(b[0]) != int(a[0]) + 1]
    if not gaps:
        return []
    return [f'{source.path}: found a gap in the numbers: {_some(gaps)}; expected numbers that step by 1; '
            'add what is missing, or split the video there']


def _odd_sizes(source: FrameSource, sizes: Sequence[tuple[int, int] | DataError],
               expected: tuple[int, int]) -> list[str]:
    return _cut([f'{source.where(i)}: found {size_text(size)} pixels; expected {size_text(expected)}, the size of the '
                 "video's first frame; make all frames and maps the same size"
                 for i, size in enumerate(sizes) if isinstance(size, tuple) and size != expected], source.path)


def _mismatch(source: FrameSource, frames: FrameSource) -> list[str]:
    if not (source.has_file_names and frames.has_file_names):
        if len(source) == len(frames):
            return []
        return [f'{source.path}: found {len(source)} maps; expected {len(frames)}, one for each frame of {frames.path}']
    there, expected = set(source.names), set(frames.names)
    missing = [name for name in frames.names if name not in there]
    extra = [name for name in source.names if name not in expected]
    if not missing and not extra:
        return []
    found = [f'{what} {_some(names)}' for what, names in (('no map called', missing), ('no frame for', extra)) if names]
    return [f'{source.path}: found {len(source)} maps for {len(frames)} frames: {", ".join(found)}; expected the same '
            f'names as in {frames.path}; add, remove or rename maps']


def _some(names: Sequence[str]) -> str:
    shown = ', '.join(names[:_LISTED]) or 'nothing'
    return shown + (f' and {len(names) - _LISTED} more' if len(names) > _LISTED else '')


def _cut(faults: list[str], folder: Path | LmdbPath) -> list[str]:
    more = len(faults) - _LISTED
    return faults if more <= 0 else [*faults[:_LISTED], f'{folder}: the same holds for {more} more files in it']
