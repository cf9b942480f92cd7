"""A report as text for the console: findings first."""

from collections.abc import Iterator, Sequence

from photoreal.datasets.sources import size_text
from photoreal.inspect.check import Report
from photoreal.inspect.gap_meter import VERDICTS

_MOST_LINES = 20  # videos of a table


def summary(report: Report) -> str:
    """The findings, a table of the videos, and the gap meter."""
    parts = [[f'{finding.level}: {finding.text}' for finding in report.findings] or ['no findings'],
             _videos(report), _gap(report), [verdict(report)]]
    return '\n\n'.join('\n'.join(lines) for lines in parts if lines)


def verdict(report: Report) -> str:
    """One line."""
    levels = [finding.level for finding in report.findings]
    count = {level: levels.count(level) for level in ('error', 'warning', 'note')}
    found = ', '.join(f'{n} {level}{"s" * (n != 1)}' for level, n in count.items())
    return f'{"training would FAIL" if report.failed else "training can start"}: {found}'


def video_rows(report: Report) -> Iterator[list[str]]:
    """A row for each video, for :data:`VIDEO_COLUMNS`."""
    for look in report.looks:
        video, overshoot = look.video, look.edges.overshoot()
        yield [f'{video.split}/{video.domain}/{video.name}', str(len(video)), size_text(video.size),
               f'{video.fps:.4g}', str(len(look.cuts)), str(len(look.frozen)),
               '-' if overshoot is None else f'{overshoot:.0%}', str(look.usable_clips(report.plan.clip_length)),
               'all' if look.looked == len(video) else str(look.looked)]


VIDEO_COLUMNS = ['video', 'frames', 'size', 'fps', 'cuts', 'repeated', 'halos', 'clips', 'looked at']


def _videos(report: Report) -> list[str]:
    rows = list(video_rows(report))
    if not rows:
        return []
    more = len(rows) - _MOST_LINES
    left = [f'... and {more} more videos'] if more > 0 else []
    frames = sum(len(look.video) for look in report.looks)
    return [*_aligned([VIDEO_COLUMNS, *rows[:_MOST_LINES]]), *left,
            f'{len(rows)} videos, {frames} frames; clips: of {report.plan.clip_length} frames, '
            'without cuts and repeated frames']


def _gap(report: Report) -> list[str]:
    if not report.gap:
        return []
    rows = [['gap meter', 'real/virtual', 'real/real', 'gap'],
            *([r.name, f'{r.accuracy:.0%}', '-' if r.within_real is None else f'{r.within_real:.0%}', r.verdict]
              for r in report.gap)]
    if report.gap_without_look:
        before = ['without the look', *(f'{r.accuracy:.0%}' for r in report.gap_without_look)]
        rows = [[row[0], was, *row[1:]] for row, was in zip(rows, before, strict=True)]
    found = {r.verdict for r in report.gap}
    return [*_aligned(rows),
            'how often a linear probe tells patches of virtual from real video, and of real videos from each other; '
            '50% is ideal', *(f'{word}: {meaning}' for word, meaning in VERDICTS.items() if word in found)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
