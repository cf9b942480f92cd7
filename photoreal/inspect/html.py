"""Self-contained HTML: no scripts, nothing from the network, pictures inside the page."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from string import Template

import numpy as np

from photoreal.datasets.writers import encode_image

__all__ = ['bar', 'curves', 'escape', 'page', 'picture', 'table']

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2024; background: #fff; max-width: 1320px; margin: 2em auto;
       padding: 0 1.2em; }
h1 { font-size: 1.5em; margin-bottom: .2em; } h2 { font-size: 1.15em; margin: 2em 0 .5em; }
h3 { font-size: 1em; margin: 1.2em 0 .3em; } p { max-width: 60em; margin: .4em 0; } .dim { color: #667; }
table { border-collapse: collapse; } td, th { padding: .25em .8em; text-align: right; vertical-align: middle;
       border-bottom: 1px solid #e3e6ea; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; padding-left: 0; } th { font-weight: 600; color: #556; }
.scroll { overflow-x: auto; }
.finding { border-left: 4px solid; padding: .3em .8em; margin: .4em 0; overflow-wrap: anywhere; background: #f7f8fa; }
.error { border-color: #c62828; } .warning { border-color: #e08a00; } .note { border-color: #4a7fc1; }
.ok { border-color: #2e8b57; } .finding b { text-transform: capitalize; }
.bar { display: inline-block; width: 220px; height: .8em; background: #eceff3; vertical-align: middle; }
.bar i { display: block; height: 100%; background: var(--c); }
figure { margin: .3em 0; overflow-x: auto; } figcaption { color: #556; font-size: .85em; }
img { display: block; max-width: none; } img.pixels { image-rendering: pixelated; }
svg { margin: .3em 1.5em .3em 0; vertical-align: top; }
</style></head><body>
$body
</body></html>
""")


def page(title: str, body: Iterable[str]) -> str:
    """A whole page; the parts of its body are HTML."""
    return _PAGE.substitute(title=escape(title), body='\n'.join(body))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are HTML."""
    lines = [f'<tr>{"".join(f"<th>{cell}</th>" for cell in header)}</tr>']
    lines += [f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>' for row in rows]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def bar(part: float, colour: str = '#4a7fc1') -> str:
    """A bar filled to ``part``, 0 to 1."""
    return f'<span class="bar" style="--c:{colour}"><i style="width:{100 * min(1.0, max(0.0, part)):.1f}%"></i></span>'


def picture(image: np.ndarray, caption: str, *, lossless: bool = False) -> str:
    """A picture (H, W, 3) uint8 RGB within the page, as PNG where ``lossless``, else as JPEG; the caption is HTML."""
    kind = 'png' if lossless else 'jpeg'
    data = base64.b64encode(encode_image(f'picture.{kind}', image)).decode()
    return (f'<figure><figcaption>{caption}</figcaption><img width="{image.shape[1]}" height="{image.shape[0]}" '
            f'class="{"pixels" if lossless else "photo"}" alt="" src="data:image/{kind};base64,{data}"></figure>')


def curves(title: str, lines: dict[str, tuple[str, Sequence[float]]], low: float = 0.0) -> str:
    """A small chart.

    Args:
        title: Above it.
        lines: Label -> colour and values, from left to right.
        low: Value at the bottom, or less where a line goes lower.
    """
    width, height, head = 300, 110, 20
    values = [v for _, line in lines.values() for v in line]
    bottom, top = min([low, *values]), max([*values, low + 1e-6])
    drawn = [f'<text x="0" y="12" font-weight="600">{escape(title)}</text>']
    for place, (label, (colour, line)) in enumerate(lines.items()):
        points = ' '.join(f'{i * width / max(1, len(line) - 1):.1f},'
                          f'{head + (height - head) * (top - v) / (top - bottom):.1f}' for i, v in enumerate(line))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        x = width - 60 * (len(lines) - 1 - place)
        drawn.append(f'<text x="{x}" y="12" text-anchor="end" fill="{colour}">{escape(label)}</text>')
    return (f'<svg width="{width}" height="{height + 4}" font-size="12" font-family="system-ui, sans-serif">'
            f'<line x1="0" x2="{width}" y1="{height}" y2="{height}" stroke="#ccd"/>{"".join(drawn)}</svg>')
