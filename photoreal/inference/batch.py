"""Predict whole folders of videos, shared by several processes; what is done stays done."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch.distributed

from photoreal.datasets.sources import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    FolderSource,
    VideoSource,
    natural_key,
    open_source,
    visible,
)
from photoreal.datasets.writers import with_mark
from photoreal.errors import ConfigError, DataError, PhotorealError
from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.files import Done, enhance_file
from photoreal.inference.inputs import Reading, find_source, is_live
from photoreal.inference.interruption import Interruption
from photoreal.inference.keeping import option
from photoreal.inference.outputs import Writing
from photoreal.inference.places import Place, guard, place_of

_FRAMES_FOR_A_VIDEO = 10
_NAMED = 5  # of what is passed over
_KEPT = ('.mp4', '.m4v', '.mov', '.mkv')  # containers that hold every codec; other videos become .mkv


class Job(NamedTuple):
    """One video of several.

    Attributes:
        source: A video file, a folder of pictures, or a data set's video.
        out: The video file or folder to make of it.
    """

    source: Path
    out: Path

    @property
    def partial(self) -> Path:
        """Where the output is until it is complete."""
        return with_mark(self.out, '.partial')


def find_jobs(source: str, out: str, codec: str, say: Callable[[str], None] = lambda text: None) -> list[Job]:
    """The videos in a folder, or those that a pattern in a shell's manner fits, in natural order.

    A folder that holds a data set's video, or pictures, is one input. Where pictures and video files lie together, the
    pictures are one input if there are more than ten of them for each video, and else strays.

    Args:
        source: The folder or the pattern.
        out: The folder for what is made of them.
        codec: Of the videos to make.
        say: Told of what is passed over.

    Returns:
        One job each; none where the text names one input rather than several.

    Raises:
        ConfigError: ``out`` is no folder.
        DataError: Two of them would become one file, or one of them would be overwritten.
    """
    path = Path(source)
    if not source or is_live(source) or path.is_file():
        return []
    if path.is_dir():
        if open_source(path, 'frames'):
            return []
        found = visible(path)
        pictures = [p for p in found if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
        files = [p for p in found if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
        if pictures and len(pictures) > _FRAMES_FOR_A_VIDEO * len(files):
            _say_rest(source, files, say)
            return []
    else:
        found = sorted(map(Path, glob.glob(source)), key=lambda p: natural_key(str(p)))
    videos = [p for p in found if _is_video(p)]
    if not videos:
        return []
    if out == '-' or Path(out).suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
        raise ConfigError(f'--out {out}: {source} holds {len(videos)} videos; name a folder for what is made of them')
    if place_of(out) is not Place.FOLDER:
        raise ConfigError(f'--out {out} is {place_of(out).value}: {source} holds {len(videos)} videos; name a folder')
    _say_rest(source, [p for p in found if p not in videos], say)
    jobs = [Job(video, Path(out) / _name(video, codec)) for video in videos]
    _check(jobs, out, [path] if path.is_dir() else [])
    return jobs


def _say_rest(source: str, rest: Sequence[Path], say: Callable[[str], None]) -> None:
    if rest:
        names = ', '.join(p.name for p in rest[:_NAMED]) + f' and {len(rest) - _NAMED} more' * (len(rest) > _NAMED)
        say(f'{source}: passed over: {names}')


def _check(jobs: Sequence[Job], out: str, folders: Sequence[Path]) -> None:
    """See that each has an output of its own, and that none is an input."""
    first: dict[Path, Path] = {}
    for job in jobs:
        if first.setdefault(job.out, job.source) != job.source:
            raise DataError(f'{first[job.out]} and {job.source} would both become {job.out}: rename one')
    sources = [*folders, *(job.source for job in jobs)]
    guard(out, Place.FOLDER, sources, [path.name for job in jobs for path in (job.out, job.partial)])


def own_share(jobs: Sequence[Job], rank: int, processes: int) -> list[Job]:
    """The jobs of one process: the largest are dealt out first, whether they are done or not."""
    largest_first = sorted(jobs, key=lambda job: (-_weight(job.source), natural_key(str(job.source))))
    return largest_first[rank::processes]


def enhance_jobs(enhancer: VideoEnhancer, jobs: Sequence[Job], modalities: Sequence[str] = (),
                 reading: Reading | None = None, writing: Writing | None = None, skip_bad: bool = False,
                 at_once: int = 1, say: Callable[[str], None] = print) -> None:
    """Predict videos; those whose output is there already are passed over.

    Args:
        enhancer: The model at work.
        jobs: The videos.
        modalities: ``name=folder`` of recorded modalities: in each folder a video file or a folder of pictures that is
            called like the video. Those that lie in a data set's video are found without.
        reading: How to read.
        writing: How to write.
        skip_bad: As for :func:`photoreal.inference.enhance_file`.
        at_once: How many are at work at the same time, each in a thread; the enhancer's ``streams``.
        say: Told of everything that is done.

    Raises:
        PhotorealError: Some could not be predicted; the others are done.
        KeyboardInterrupt: The work was interrupted.
    """
    def enhance(job: Job, interruption: Interruption | None = None) -> str | None:
        """Do one and tell about it; what was wrong with it is returned."""
        if job.out.exists():
            say(f'{job.out} is there already')
            return None
        try:
            done = _enhance(enhancer, job, modalities, reading, writing or Writing(), skip_bad, say, interruption)
        except PhotorealError as error:
            fault = error.about(job.source)
            say(f'error: {fault}')
            return fault
        say(f'{job.out}: {done.frames} frames in {done.seconds:.1f} s')
        return None

    if at_once == 1:
        faults = [enhance(job) for job in jobs]
    else:
        with Interruption() as interruption, ThreadPoolExecutor(at_once) as pool:
            futures = [pool.submit(enhance, job, interruption) for job in jobs]
            faults = [future.result() for future in interruption.between(as_completed(futures))]
    if any(faults):
        raise DataError.from_faults(f'{len(faults) - faults.count(None)} of {len(faults)} videos could not be '
                                    'predicted:', filter(None, faults))


def _enhance(enhancer: VideoEnhancer, job: Job, modalities: Sequence[str], reading: Reading | None, writing: Writing,
             skip_bad: bool, say: Callable[[str], None], interruption: Interruption | None) -> Done:
    of_video = job.out.suffix.lower() in VIDEO_SUFFIXES
    if of_video:
        target, writing = str(job.out), replace(writing, partial=job.partial)
    else:
        target, writing = f'{job.partial}{os.sep}', replace(writing, codec='h264', crf=None)
    done = enhance_file(enhancer, job.source, target, [_own(text, job.source) for text in modalities], reading, writing,
                        skip_bad, say, interruption)
    if of_video:
        job.partial.unlink(missing_ok=True)
    else:
        os.replace(job.partial, job.out)
    return done


def own_device() -> str | None:
    """The GPU of this process among several that torchrun started; None: it is the only one, or has no GPU."""
    if 'LOCAL_RANK' not in os.environ or not torch.cuda.is_available():
        return None
    return f'cuda:{int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count()}'


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """This process's number, and how many torchrun has started; at the end they wait for each other.

    Else the first one to end with a fault would have torchrun end the others.
    """
    rank, count = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    if count > 1:
        torch.distributed.init_process_group('gloo', timeout=timedelta(days=30))
    try:
        yield rank, count
    except PhotorealError:
        _wait_for_others(count)
        raise
    _wait_for_others(count)


def _wait_for_others(count: int) -> None:
    if count > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _is_video(path: Path) -> bool:
    if path.is_dir():
        return bool(open_source(path, 'frames')) or any(p.suffix.lower() in IMAGE_SUFFIXES for p in visible(path))
    return path.suffix.lower() in VIDEO_SUFFIXES


def _name(video: Path, codec: str) -> str:
    if isinstance(find_source(str(video)), FolderSource):
        return video.name
    suffix = video.suffix.lower() if video.is_file() else '.mp4'
    return (video.name if video.is_dir() else video.stem) + (suffix if suffix in _KEPT and codec != 'ffv1' else '.mkv')


def _weight(video: Path) -> int:
    """Bytes of a video: what tells best, at no cost, how long it will take."""
    source = find_source(str(video))
    paths = [source.path] if isinstance(source, VideoSource) else [source.file(i) for i in range(len(source))]
    return sum(path.stat().st_size for path in paths)


def _own(text: str, video: Path) -> str:
    """The part of ``name=folder`` that belongs to a video."""
    name, _, folder = text.partition('=')
    stem = video.stem if video.is_file() else video.name
    source = open_source(folder, stem) if Path(folder).is_dir() else None
    if source is None:
        raise DataError(f'{option(text)}: there is no {stem} in there, neither a video nor a folder of pictures')
    return f'{name}={source.path}'
