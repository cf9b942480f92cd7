"""Web pages that need no network and no other file: markup, style, script, data and media in one."""

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any


def assemble(package: str, data: Any, media: Sequence[str]) -> str:
    """Fill the page in the folder ``page`` of a package.

    Args:
        package: Where ``page/page.html``, ``page.css`` and ``page.js`` are; the first has ``{{style}}``,
            ``{{script}}``, ``{{media}}`` and ``{{data}}`` where these belong.
        data: What the script reads from the element ``data``, as JSON; numbers that JSON cannot hold become null.
        media: Texts that come into elements of their own, ``media-0`` and so on: pictures or videos in base64.
    """
    folder = files(package) / 'page'
    page, style, script = ((folder / name).read_text('utf-8') for name in ('page.html', 'page.css', 'page.js'))
    # '<' could end the element that holds the data.
    text = json.dumps(_finite(data), ensure_ascii=False, allow_nan=False).replace('<', '\\u003c')
    elements = '\n'.join(f'<script type="text/plain" id="media-{i}">{item}</script>' for i, item in enumerate(media))
    parts = {'style': style, 'script': script, 'media': elements, 'data': text}
    before, *pieces = page.split('{{')
    return before + ''.join(parts[name] + rest for name, rest in (piece.split('}}', 1) for piece in pieces))


def _finite(data: Any) -> Any:
    """None in place of numbers that JSON cannot hold."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
