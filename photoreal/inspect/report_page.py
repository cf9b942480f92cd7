"""A report as one HTML page, with pictures of every video and every modality."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from photoreal.datasets.writers import atomic_path
from photoreal.inspect.check import Report
from photoreal.inspect.colours import CHANNELS
from photoreal.inspect.contact import contact_sheet
from photoreal.inspect.gap_meter import VERDICTS
from photoreal.inspect.halos import REACH
from photoreal.inspect.html import bar, curves, escape, page, picture, table
from photoreal.inspect.look import VideoLook
from photoreal.inspect.text import VIDEO_COLUMNS, verdict, video_rows

_REAL, _VIRTUAL = '#2e8b57', '#b0539a'
_COLOURS = {'real': _REAL, 'virtual': _VIRTUAL}
_PICTURES = ((40, 8), (200, 4))  # up to so many videos, so many pictures of each; beyond: 2
_CHARTED = 40  # classes of a table


def write_report(path: str | os.PathLike, report: Report) -> None:
    """Write the page."""
    text = page(f'Data check: {report.root}', _body(report))
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(text, encoding='utf-8')


def _body(report: Report) -> Iterator[str]:
    yield f'<h1>Data check: {escape(str(report.root))}</h1>'
    yield f'<p class="finding {"error" if report.failed else "ok"}">{escape(verdict(report))}</p>'
    for finding in report.findings:
        yield f'<p class="finding {finding.level}"><b>{finding.level}:</b> {escape(finding.text)}</p>'
    if not report.looks:
        return
    yield '<h2>Videos</h2>'
    yield table(VIDEO_COLUMNS, ([escape(cell) for cell in row] for row in video_rows(report)))
    yield (f'<p class="dim">Clips: an estimate of the frames that a clip of {report.plan.clip_length} frames without '
           'cuts and repeated frames can start with. Halos: how far edges overshoot, as a part of their step; '
           'camera footage has less than 5 %, sharpened footage more than 10 %. Of a video that was not looked at as a '
           'whole, runs of 24 consecutive frames spread over it were.</p>')
    yield from _gap(report)
    yield from _colours(report)
    for name in report.label_maps():
        yield from _classes(report, name)
    yield from _edges(report)
    yield '<h2>Contact sheets</h2>'
    yield '<p class="dim">Modalities as the network sees them, with the fixed parameters of validation.</p>'
    count = next((n for most, n in _PICTURES if len(report.looks) <= most), 2)
    for look in report.looks:
        yield from _sheets(report, look, count)


def _gap(report: Report) -> Iterator[str]:
    if not report.gap:
        return
    yield '<h2>Gap meter</h2>'
    held_out = 'videos' if report.gap[0].by_video else 'parts of the videos'
    yield (f'<p>How well a linear probe tells which domain a patch is from, on held-out {held_out}. 50 % is '
           'ideal: then what the generator learned on real video holds for virtual video. The second number tells one '
           'half of the real videos from the other, which different content alone makes possible.</p>')
    yield table(['', 'real from virtual', '', 'real from real', 'gap', 'patches real, virtual'], (
        [escape(r.name), bar(2 * r.accuracy - 1), f'{r.accuracy:.1%}',
         '-' if r.within_real is None else f'{r.within_real:.1%}', r.verdict, f'{r.patches[0]}, {r.patches[1]}']
        for r in report.gap))
    meanings = '; '.join(f'{word}: {meaning}' for word, meaning in VERDICTS.items())
    yield f'<p class="dim">The bars begin at 50 %. Gap: {escape(meanings)}.</p>'
    if report.gap_without_look:
        yield '<p>Without the look of the config: ' + ', '.join(
            f'{escape(r.name)} {r.accuracy:.1%}' for r in report.gap_without_look) + '.</p>'


def _colours(report: Report) -> Iterator[str]:
    domains = {domain: report.colours(domain) for domain in _COLOURS if report.of_domain(domain)}
    yield '<h2>Colours</h2>'
    yield table(['', *CHANNELS, 'clipped'], (
        [domain, *(f'{c.mean[channel]:.3f} ± {c.std[channel]:.3f}' for channel in CHANNELS), f'{c.clipped:.1%}']
        for domain, c in domains.items()))
    yield '<p class="dim">Mean and standard deviation, 0 to 1; clipped: part of the pixels that is black or white.</p>'
    yield ''.join(curves(channel, {domain: (_COLOURS[domain], c.curve(channel)) for domain, c in domains.items()})
                  for channel in CHANNELS)


def _classes(report: Report, name: str) -> Iterator[str]:
    shares = {domain: found for domain in _COLOURS if (found := report.classes(name, domain)) is not None}
    number = max(map(len, shares.values())) - 1
    present = [k for k in range(number + 1) if any(s[k] > 0 for s in shares.values())]
    most = max(float(s.max()) for s in shares.values())
    yield f'<h2>Classes of {escape(name)}</h2>'
    rows = []
    for k in present[:_CHARTED]:
        row = ['no class' if k == number else str(k)]
        for domain, share in shares.items():
            row += [bar(share[k] / most, _COLOURS[domain]), f'{share[k]:.2%}']
        rows.append(row)
    yield table(['class', *(cell for domain in shares for cell in (domain, ''))], rows)
    yield '<p class="dim">Part of the pixels of up to 16 maps of each video.</p>'


def _edges(report: Report) -> Iterator[str]:
    profiles = {domain: [p for look in report.of_domain(domain) if (p := look.edges.median()) is not None]
                for domain in _COLOURS}
    lines = {domain: (_COLOURS[domain], np.mean(found, axis=0)) for domain, found in profiles.items() if found}
    if lines:
        yield '<h2>Edges</h2>'
        yield (f'<p class="dim">Median profile across strong edges, {REACH} pixels to each side, from dark to bright. '
               'Rims below the dark or above the bright level are halos of sharpening.</p>')
        yield curves('edge profile', lines)


def _sheets(report: Report, look: VideoLook, count: int) -> Iterator[str]:
    video = look.video
    yield f'<h3>{video.split}/{video.domain}/{escape(video.name)}</h3>'
    for name, modality in [('frames', None), *report.plan.modalities.items()]:
        if modality is not None and modality.folder is not None and name not in video.recorded:
            continue
        sheet = contact_sheet(video, modality, name, count, report.plan.scale)
        if sheet is not None:
            yield picture(sheet, escape(name), lossless=modality is not None and modality.channels != 3)
