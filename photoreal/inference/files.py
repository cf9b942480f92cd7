"""Predict video files and folders of pictures."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from photoreal.datasets.sources import VIDEO_SUFFIXES, FolderSource, FrameSource, VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.errors import DataError
from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.prefetch import prefetch


def enhance_file(enhancer: VideoEnhancer, source: str | Path, out: str | Path, modalities: Sequence[str] = (),
                 start: int = 0, end: int | None = None, crf: int = 18) -> tuple[int, float]:
    """Predict a video file or a folder of pictures.

    Args:
        enhancer: The model at work.
        source: What to predict.
        out: A video file (the suffix says so), else a folder for PNGs with the frames' names.
        modalities: ``name=path`` of recorded modalities: folders or video files with as many maps as frames.
        start: First frame.
        end: Frame after the last; None: to the end.
        crf: Quality of an H.264 file.

    Returns:
        Frames written, and the seconds that took.

    Raises:
        DataError: Nothing to read there, or frames and maps that do not fit.
    """
    for path in (source, *(text.partition('=')[2] for text in modalities)):
        if Path(out).resolve() == Path(path).resolve():
            raise DataError(f'--out {out} is where the input lies, which would be overwritten: choose another name')
    frames = _open(Path(source))
    chosen = range(len(frames))[start:end]
    if not chosen:
        raise DataError(f'{source} has {len(frames)} frames: there is none from {start} to {end or len(frames)}')
    recorded = {}
    for text in modalities:
        name, equals, path = text.partition('=')
        modality = enhancer.modalities.get(name)
        if not equals or modality is None:
            raise DataError(f"--modality '{text}': expected name=path with one of {', '.join(enhancer.modalities)}")
        maps = _open(Path(path))
        if len(maps) != len(frames):
            raise DataError(f'{path} has {len(maps)} maps of {name!r} for {len(frames)} frames: expected one each')
        recorded[name] = _read(maps, chosen, modality.raw)
    began, out = time.monotonic(), Path(out)
    predictions = prefetch(enhancer(_read(frames, chosen, raw=False), recorded), depth=4)
    if out.suffix.lower() in VIDEO_SUFFIXES:
        with VideoWriter(out, frames.fps, crf=crf) as writer:
            for pred in predictions:
                writer.write(pred)
    else:
        for i, pred in zip(chosen, predictions, strict=True):
            write_image(out / f'{frames.names[i]}.png', pred)
    return len(chosen), time.monotonic() - began


def _open(path: Path) -> FrameSource:
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise DataError(f'there is no file or folder {path}')
    return VideoSource(path)


def _read(source: FrameSource, chosen: range, raw: bool) -> Iterator[np.ndarray]:
    for i in chosen:
        yield source.read([i], raw=raw)[0]
