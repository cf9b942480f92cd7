"""``photoreal compare``: from paths to a table."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from photoreal.datasets.writers import write_json
from photoreal.errors import ConfigError
from photoreal.judging.footage import Footage, open_footage
from photoreal.judging.table import Setting, as_markdown, measure_rows
from photoreal.look import Look

HELD_OUT_PART = 1 / 3  # of the real videos, where no others are named


def compare_videos(predictions: Sequence[str], render: str | os.PathLike, real: Sequence[str | os.PathLike], *,
                   render_labels: str | os.PathLike | None = None, held_out: Sequence[str | os.PathLike] | None = None,
                   encoders: Sequence[str] = ('squeezenet',), frames: int = 40, crops: int = 4, side: int = 128,
                   first: int | None = None, out: str | os.PathLike | None = None) -> str:
    """Measure predictions of one render side by side.

    Args:
        predictions: ``NAME=VIDEO`` each; see :func:`~photoreal.judging.footage.open_footage` for what a video is; a
            look, ``NAME=look.cube``, is applied to the render.
        render: The video that they were made of.
        real: Real videos to compare with.
        render_labels: Label maps of the render; None: ``segmentation/`` in it, if it is there.
        held_out: Other real videos; None: the last third of ``real``, which is then not compared with.
        encoders: See :data:`photoreal.judging.table.ENCODERS`.
        frames: Frames of each video that patches are cut of.
        crops: Patches of each frame.
        side: Width and height of a patch.
        first: So many frames of the render and of predictions count; None: all.
        out: JSON file for all values; None: none is written.

    Returns:
        Markdown.

    Raises:
        ConfigError: A prediction has no name, or an encoder is unknown.
        DataError: Videos cannot be read, or do not fit each other.
        CheckpointError: No encoder can be had.
    """
    source = open_footage(render)
    named = {name: [video.first(first) for video in videos] for name, videos in open_named(predictions, source).items()}
    real_videos = [open_footage(path) for path in real]
    if held_out is None:
        split = [video.split(1 - HELD_OUT_PART) for video in real_videos]
        real_videos, others = [first for first, _ in split], [second for _, second in split]
    else:
        others = [open_footage(path) for path in held_out]
    if render_labels is None and Path(render, 'segmentation').is_dir():
        render_labels = Path(render, 'segmentation')
    labels = open_footage(render_labels).first(first) if render_labels else None
    setting = Setting(source.first(first), real_videos, others, labels, frames, crops, side)
    rows = measure_rows(setting, named, encoders, _say)
    if out is not None:
        write_json(out, {row.name: {'values': {key: asdict(value) for key, value in row.values.items()},
                                    'spread': row.spread} for row in rows})
    return as_markdown(rows, encoders)


def open_named(texts: Sequence[str], render: Footage | None = None) -> dict[str, list[Footage]]:
    """``NAME=VIDEO`` each -> name -> its videos, in order.

    Args:
        texts: What to open.
        render: The video that a look is applied to, where ``VIDEO`` is a ``.cube`` file.

    Raises:
        ConfigError: One has no name.
        DataError: A video or look cannot be opened.
    """
    named: dict[str, list[Footage]] = {}
    for text in texts:
        name, equals, path = text.partition('=')
        if not (name and equals and path):
            raise ConfigError(f"found '{text}'; expected NAME=VIDEO, such as ours=work_dirs/drive/test")
        if render is not None and Path(path).suffix.lower() == '.cube':
            video = replace(render, change=Look.load(path).apply)
        else:
            video = open_footage(path)
        named.setdefault(name, []).append(video)
    return named


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f'\r{text}\x1b[K', end='', file=sys.stderr, flush=True)
