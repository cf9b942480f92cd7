"""Build the report: one HTML file that needs no network and no other file."""

import base64
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from photoreal.datasets.writers import atomic_path
from photoreal.errors import ConfigError
from photoreal.metrics.base import DOMAINS
from photoreal.reporting.charts import frame_charts, training_charts, validation_charts
from photoreal.reporting.compare import compare
from photoreal.reporting.configs import differences
from photoreal.reporting.health import assess, update_threshold
from photoreal.reporting.media import Strips, encode_player, encode_still
from photoreal.reporting.names import CLASS, of_prediction, of_prefix, title_of, without_prefix
from photoreal.reporting.runs import Evaluation, Run, read_run
from photoreal.webpage import assemble

MAX_PLAYER_FRAMES = 300
MAX_STILLS = 4
MEGABYTE = 2 ** 20


def build_report(folders: Sequence[str | os.PathLike], out: str | os.PathLike, max_mb: float = 32.0) -> Path:
    """Write a report of some runs.

    Args:
        folders: Work dirs of tools/train.py, output folders of tools/test.py, or both; see
            :func:`~photoreal.reporting.runs.read_run`. Of two or more, curves lie over each other and configs and
            metrics are compared.
        out: The HTML file.
        max_mb: What videos and pictures may take of it, in MiB. Videos beyond that, the better ones, are linked.

    Returns:
        The file.

    Raises:
        DataError: A folder holds neither a training nor a test, or something damaged.
        ConfigError: ``folders`` is empty, or max_mb negative.
    """
    if not folders:
        raise ConfigError('a report of nothing: name at least one work dir or test folder')
    if max_mb < 0:
        raise ConfigError(f'max_mb={max_mb}; expected 0 or more')
    out = Path(out)
    runs = _named_apart([read_run(folder) for folder in folders])
    media = _Media(out, int(max_mb * MEGABYTE))
    data = {
        'title': ' vs '.join(run.name for run in runs),
        'created': time.strftime('%Y-%m-%d %H:%M'),
        'runs': [_summary(run) for run in runs],
        'domains': _tables(runs),
        'comparison': _comparison(runs),
        'videos': [_video(video, runs, media) for video in _worst_first(runs)],
        'left_out': media.left_out,
        'training': training_charts(runs),
        'validation': validation_charts(runs),
        'config': _config(runs),
    }
    with atomic_path(out) as temporary:
        temporary.write_text(assemble('photoreal.reporting', data, media.videos), encoding='utf-8')
    return out


class _Media:
    """The videos of a report, within a budget of bytes."""

    def __init__(self, out: Path, budget: int) -> None:
        self.out = out
        self.left = budget
        self.videos: list[str] = []  # base64
        self.left_out: list[str] = []

    def still(self, strips: Strips, index: int) -> str | None:
        """A picture as a data URI, or None where the budget is used up."""
        uri = encode_still(strips, index) if self.left > 0 else None
        return uri if uri and self._takes(uri) else None

    def player(self, strips: Strips, video: str, worst: int) -> dict[str, Any] | None:
        """A player's data, or None where the budget is used up."""
        if self.left > 0:
            count = min(len(strips), MAX_PLAYER_FRAMES)
            start = min(max(0, worst - count // 2), len(strips) - count) if len(strips) > count else 0
            content, (width, height) = encode_player(strips, range(start, start + count))
            text = base64.b64encode(content).decode()
            if self._takes(text):
                self.videos.append(text)
                return {'id': len(self.videos) - 1, 'panels': strips.panels, 'width': width, 'height': height,
                        'fps': strips.fps, 'first': start, 'count': count, 'length': len(strips)}
        self.left_out.append(video)
        return None

    def _takes(self, text: str) -> bool:
        """Whether it fits; what does is taken off the budget."""
        fits = len(text) <= self.left
        if fits:
            self.left -= len(text)
        return fits


def _named_apart(runs: list[Run]) -> list[Run]:
    """Give each run a name of its own; a training that is that of several tests is shown once."""
    names = [run.name for run in runs]
    for run in runs:
        if names.count(run.name) > 1:
            run.name = '/'.join(run.paths[0].resolve().parts[-2:])
    for i, run in enumerate(runs):
        before = runs[:i]
        if any(run.name == other.name for other in before):
            run.name = f'{run.name} ({i + 1})'
        if run.training and any(other.training and other.training.path == run.training.path for other in before):
            run.training = None
    return runs


def _summary(run: Run) -> dict[str, Any]:
    training = run.training
    health = assess(training.curves, update_threshold(training)) if training else None
    facts = []
    if training and training.curves:
        facts.append(('iterations', str(max(points[-1][0] for points in training.curves.values() if points))))
    if run.test:
        facts.append(('tested', run.test.checkpoint))
    facts += [('folder', str(path)) for path in run.paths[:1]]
    return {'name': run.name, 'facts': facts, 'health': asdict(health) if health else None}


def _tables(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A table a domain: a row for each video of each run, worst first, below the means.

    Metrics that have another prefix than their domain's name get a table of their own.
    """
    tests = [(run, run.test) for run in runs if run.test]
    tables = []
    for domain in dict.fromkeys(['real', 'virtual', *(key.split('/')[0] for _, test in tests for key in test.mean)]):
        rows = [{'video': video, 'run': run.name, 'values': values} for run, test in tests
                for video, values in of_prefix(test.videos, domain).items()]
        # Of a set of crops, say, the value of all is no mean.
        label = 'mean of videos' if domain in DOMAINS else 'all videos'
        means = [{'video': label, 'run': run.name, 'values': _mean_of(test, domain)} for run, test in tests]
        names = list(dict.fromkeys(name for row in [*means, *rows] for name in row['values']))
        if not names:
            continue
        higher = frozenset().union(*(test.higher_is_better for _, test in tests))
        neutral = frozenset().union(*(test.neutral for _, test in tests))
        better = {name: None if name in neutral else 'more' if name in higher else 'less' for name in names}
        _add_ranks(rows, better)
        class_names = next((test.class_names for _, test in tests if test.class_names), ())
        tables.append({'domain': domain, 'columns': [{'name': name, 'title': title_of(name, class_names),
                                                      'better': better[name], 'detail': CLASS in name}
                                                     for name in names],
                       'means': [row for row in means if row['values']],
                       'rows': sorted(rows, key=lambda row: -row['badness'])})
    return tables


def _mean_of(test: Evaluation, domain: str) -> dict[str, float]:
    return {name.split('/', 1)[1]: value for name, value in test.mean.items() if name.startswith(f'{domain}/')}


def _add_ranks(rows: list[dict[str, Any]], better: dict[str, str | None]) -> None:
    """``badness``: the mean over metrics of the share of rows that do better.

    Args:
        rows: To these it is added.
        better: Name -> whether ``more`` or ``less`` is, or neither.
    """
    for row in rows:
        shares = []
        for name, value in row['values'].items():
            if of_prediction(name) and better[name]:
                others = [other['values'][name] for other in rows if name in other['values']]
                ahead = sum(other > value if better[name] == 'more' else other < value for other in others)
                shares.append(ahead / len(others))
        row['badness'] = sum(shares) / len(shares) if shares else 0.0


def _worst_first(runs: Sequence[Run]) -> list[str]:
    """Every tested video, by its worst row; virtual ones, which are what the model is for, before real ones."""
    order = {'virtual': 0, 'real': 1}  # other tables repeat the videos of these
    tables = sorted(_tables(runs), key=lambda table: order.get(table['domain'], len(order)))
    return list(dict.fromkeys(row['video'] for table in tables for row in table['rows']))


def _comparison(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Paired differences of every other test to the first, of the videos of which both have the same frames."""
    tests = [(run.name, run.test) for run in runs if run.test]
    if len(tests) < 2:
        return []
    (name_a, a), *others = tests
    found = []
    for name_b, b in others:
        shared = [video for video in a.frames if video in b.frames]
        alike = {video: a.frames[video] for video in shared if _same_length(a.frames[video], b.frames[video])}
        rows = compare(alike, b.frames, a.higher_is_better | b.higher_is_better,
                       neutral=a.neutral | b.neutral) if alike else []
        if shared:
            found.append({'a': name_a, 'b': name_b, 'rows': [{**asdict(row), 'better': row.better} for row in rows],
                          'left_out': [video for video in shared if video not in alike]})
    return found


def _same_length(a: dict[str, list[float | None]], b: dict[str, list[float | None]]) -> bool:
    return all(len(values) == len(b[name]) for name, values in a.items() if name in b)


def _video(video: str, runs: Sequence[Run], media: _Media) -> dict[str, Any]:
    """The card of one video: its charts, its player and its worst frames."""
    domain, name = video.split('/', 1)
    strips = Strips({run.name: run.test.path for run in runs if run.test and video in run.test.videos}, domain, name)
    card: dict[str, Any] = {'video': video, 'charts': frame_charts(video, runs), 'player': None, 'stills': []}
    if not strips:
        return card
    worst = _worst_frames(video, runs)
    for index, reasons in worst[:MAX_STILLS]:
        uri = media.still(strips, index) if index < len(strips) else None
        if uri:
            card['stills'].append({'index': index, 'reasons': reasons, 'image': uri})
    card['panels'] = strips.panels
    card['player'] = media.player(strips, video, worst[0][0] if worst else 0)
    card['file'] = Path(os.path.relpath(strips.path, media.out.parent)).as_posix()
    return card


def _worst_frames(video: str, runs: Sequence[Run]) -> list[tuple[int, list[str]]]:
    """Frame -> by which metrics it is the worst; those of most metrics first, close ones taken together."""
    found: dict[int, list[str]] = {}
    tests = [(run.name, run.test) for run in runs if run.test]
    for run, test in tests:
        for metric, values in test.frames.get(video, {}).items():
            known = [(value, i) for i, value in enumerate(values) if value is not None]
            name = without_prefix(metric)
            if not known or not of_prediction(name) or name in test.neutral:
                continue
            value, index = min(known) if name in test.higher_is_better else max(known)
            index = next((i for i in found if abs(i - index) <= 2), index)
            found.setdefault(index, []).append(f'{metric} {value:.4g}' + (f' ({run})' if len(tests) > 1 else ''))
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _config(runs: Sequence[Run]) -> dict[str, Any]:
    """Where the configs of several runs differ; the whole config of a single one."""
    known = [(run.name, run.training.config) for run in runs if run.training and run.training.config]
    configs = [config for _, config in known]
    rows = differences(configs) if len(configs) > 1 else [(key, [value]) for c in configs for key, value in c.items()]
    return {'runs': [name for name, _ in known], 'rows': rows}
