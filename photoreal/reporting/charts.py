"""What the charts of a report show. A chart is plain data, drawn by the page's script."""

import math
from collections.abc import Sequence
from typing import Any

from photoreal.reporting.health import update_threshold
from photoreal.reporting.names import CLASS, INPUT, class_of, without_input
from photoreal.reporting.runs import Curves, Run

MAX_POINTS = 600
Chart = dict[str, Any]
Points = Sequence[tuple[float, float | None]]


def training_charts(runs: Sequence[Run]) -> list[Chart]:
    """Losses, the discriminator, learning rates, throughput and whatever else a run has logged."""
    curves = {run.name: _with_derived(run.training.curves) for run in runs if run.training}
    names = list(dict.fromkeys(name for run in curves.values() for name in run))
    thresholds = {update_threshold(run.training) for run in runs if run.training} - {None}
    groups: list[tuple[str, list[str], dict[str, Any]]] = [
        ('Losses of the generator, weighted', [n for n in names if n.startswith('g_') and n != 'g_fake'],
         {'log': True}),
        ('Mean logits of the discriminator', ['d_real', 'd_fake'], {'lines': [(0.0, 'undecided')]}),
        ("The discriminator's lead", ['d_lead'],
         {'lines': [(threshold, 'update_threshold') for threshold in sorted(thresholds)]}),
        ('Accuracy of the discriminator', ['d_accuracy'], {'lines': [(0.5, 'guessing')]}),
        ('Share of iterations that updated the discriminator', ['updates per iteration'], {}),
        ('Loss of the discriminator', ['d_total'], {}),
        ('Learning rates', [n for n in names if n.endswith('lr')], {'log': True}),
        ('Throughput, iterations per second', ['iterations/s'], {}),
        ('Share of the time spent waiting for data', ['waiting'], {}),
    ]
    used = {name for _, members, _ in groups for name in members} | {'time', 'data_time', 'd_updates', 'g_fake'}
    groups += [(name, [name], {}) for name in names if name not in used]
    return [chart for title, members, how in groups for chart in _grouped(title, members, curves, how)]


def validation_charts(runs: Sequence[Run]) -> list[Chart]:
    """Each metric over the iterations; that of the untouched input, where there is one, beside it."""
    curves: dict[str, Curves] = {}
    for run in runs:
        for entry in run.training.validations if run.training else []:
            for name, value in entry.items():
                if name != 'iter':
                    curves.setdefault(run.name, {}).setdefault(name, []).append((int(entry['iter']), value))
    return _beside_input(curves, 'iteration', _class_names(runs), dots=True)


def frame_charts(video: str, runs: Sequence[Run]) -> list[Chart]:
    """Each metric over the frames of a video."""
    frames = {run.name: {name: list(enumerate(values)) for name, values in run.test.frames[video].items()}
              for run in runs if run.test and video in run.test.frames}
    return _beside_input(frames, 'frame', _class_names(runs))


def _class_names(runs: Sequence[Run]) -> Sequence[str]:
    return next((run.test.class_names for run in runs if run.test and run.test.class_names), ())


def _beside_input(runs: dict[str, dict[str, Points]], across: str, class_names: Sequence[str],
                  dots: bool = False) -> list[Chart]:
    """A chart a metric: every run's, and that of the input. The classes of one run share a chart."""
    names = list(dict.fromkeys(name for points in runs.values() for name in points))
    charts = []
    for name in without_input([name for name in names if CLASS not in name]):
        series = [_series(run if len(runs) > 1 else 'prediction', points[name], color, dots=dots)
                  for color, (run, points) in enumerate(runs.items()) if name in points]
        inputs = [points[name + INPUT] for points in runs.values() if name + INPUT in points]
        if inputs:
            series.append(_series('input', inputs[0], -1, dashed=True))
        charts.append(_chart(name, across, series))
    if len(runs) == 1:
        points = next(iter(runs.values()))
        for base in dict.fromkeys(name.split(CLASS)[0] for name in names if CLASS in name):
            classes = [name for name in names if name.startswith(base + CLASS)]
            charts.append(_chart(f'{base}, by class', across,
                                 [_series(class_of(name, class_names), points[name], color, dots=dots)
                                  for color, name in enumerate(classes)]))
    return charts


def _with_derived(curves: Curves) -> Curves:
    """The curves, and those that follow from two of them."""
    derived = dict(curves)
    updates = curves.get('d_updates', [])
    derived['updates per iteration'] = [
        (i, (n - before) / (i - past)) for (past, before), (i, n) in zip(updates, updates[1:], strict=False)]
    time, waiting = dict(curves.get('time', [])), dict(curves.get('data_time', []))
    derived['iterations/s'] = [(i, 1 / seconds) for i, seconds in time.items() if seconds > 0]
    derived['waiting'] = [(i, waiting[i] / seconds) for i, seconds in time.items() if seconds > 0 and i in waiting]
    return {name: points for name, points in derived.items() if points}


def _grouped(title: str, names: Sequence[str], runs: dict[str, Curves], how: dict[str, Any]) -> list[Chart]:
    """One chart of several curves of one run; of several runs, one chart a curve, as colours tell runs apart then."""
    names = [name for name in names if any(name in curves for curves in runs.values())]
    if not names:
        return []
    if len(runs) == 1:
        curves = next(iter(runs.values()))
        return [_chart(title, 'iteration', [_series(name, curves[name], color) for color, name in enumerate(names)],
                       **how)]
    return [_chart(title if len(names) == 1 else f'{title}: {name}', 'iteration',
                   [_series(run, curves[name], color) for color, (run, curves) in enumerate(runs.items())
                    if name in curves], **how) for name in names]


def _chart(title: str, across: str, series: list[dict[str, Any]], log: bool = False,
           lines: Sequence[tuple[float, str]] = ()) -> Chart:
    return {'title': title, 'across': across, 'log': log, 'series': series,
            'lines': [{'y': y, 'label': label} for y, label in lines]}


def _series(name: str, points: Points, color: int, dashed: bool = False, dots: bool = False) -> dict[str, Any]:
    points = _thinned(points)
    return {'name': name, 'color': color, 'dashed': dashed, 'dots': dots or len(points) < 2,
            'x': [x for x, _ in points], 'y': [_short(y) for _, y in points]}


def _thinned(points: Points) -> Points:
    """At most MAX_POINTS, each the mean of its neighbours."""
    size = math.ceil(len(points) / MAX_POINTS)
    if size < 2:
        return points
    thin = []
    for start in range(0, len(points), size):
        group = points[start:start + size]
        known = [y for _, y in group if y is not None and math.isfinite(y)]
        thin.append((group[len(group) // 2][0], sum(known) / len(known) if known else None))
    return thin


def _short(value: float | None) -> float | None:
    """Five digits; None for what JSON cannot hold."""
    return float(f'{value:.5g}') if value is not None and math.isfinite(value) else None
