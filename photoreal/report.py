"""Results as text."""

from typing import Any

from photoreal.metrics.base import DOMAINS
from photoreal.reporting.names import CLASS, of_prefix


def table(report: dict[str, Any]) -> str:
    """The metrics of a test as a table: a row a video, a row for the mean over videos of each domain, the same of the
    metrics of each prefix of their own, and how far the predictions and what they compare with are from real video.
    Metrics of single classes are left to the report.

    Args:
        report: What :func:`photoreal.engine.runner.test` returns.
    """
    sections = []
    for prefix in dict.fromkeys([*DOMAINS, *(key.split('/')[0] for key in report['mean'])]):
        videos = of_prefix(report['videos'], prefix)
        names = {name for values in videos.values() for name in values}
        mean = {key.split('/', 1)[1]: value for key, value in report['mean'].items() if key.startswith(f'{prefix}/')}
        mean = {name: value for name, value in mean.items() if name in names or prefix in DOMAINS}
        if videos:
            label = 'mean of videos' if prefix in DOMAINS else 'all videos'
            sections.append(_section('video', [*videos.items(), (f'{prefix}: {label}', mean)]))
    if report.get('distribution'):
        sections.append(_section('distance to real video', list(report['distribution'].items())))
    return '\n\n'.join(sections)


def _section(title: str, rows: list[tuple[str, dict[str, float]]]) -> str:
    columns = list(dict.fromkeys(name for _, values in rows for name in values if CLASS not in name))
    cells = [[title, *columns]]
    cells += [[name, *(f'{values[c]:.4g}' if c in values else '-' for c in columns)] for name, values in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns) + 1)]
    lines = ['  '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in cells]
    lines.insert(1, '-' * len(lines[0]))
    return '\n'.join(lines)
