"""Training clips as pictures in a folder, or as one HTML page."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from photoreal.datasets.writers import atomic_path, write_image
from photoreal.inspect.browse import ClipView, picture_of, strips
from photoreal.inspect.html import escape, page, picture


def write_pictures(folder: str | os.PathLike, views: Iterable[ClipView]) -> Iterator[Path]:
    """Write ``clip_<number>.png`` for each clip; yields the paths."""
    for view in views:
        path = Path(folder) / f'clip_{view.number:06d}.png'
        write_image(path, picture_of(view))
        yield path


def write_page(path: str | os.PathLike, views: Iterable[ClipView], title: str) -> None:
    """Write one page with all clips."""
    text = page(title, [f'<h1>{escape(title)}</h1>', *map(_section, views)])
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(text, encoding='utf-8')


def _section(view: ClipView) -> str:
    rows = [picture(strip, escape(view.caption(name)), lossless=True) for name, strip in strips(view).items()]
    return f'<h2>{escape(view.title)}</h2>' + ''.join(rows)
