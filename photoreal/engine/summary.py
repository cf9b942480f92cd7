"""All numbers of an evaluation, from its metrics."""

from collections.abc import Iterable, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric


def summary(metrics: Sequence[BaseMetric], mean: dict[str, Any]) -> dict[str, Any]:
    """All numbers of an evaluation.

    Args:
        metrics: The metrics, after it.
        mean: Its results.

    Returns:
        'mean' (``<prefix>/<name>`` -> mean over videos of the means over their frames), 'mean_over_frames' (the same
        -> mean over all frames), 'videos' (``<domain>/<video>`` -> name -> value) and 'distribution' (what is compared
        with real video -> name -> value); in both what a metric with another than its default prefix has measured is
        called ``<prefix>/<name>`` and ``<prefix>/<row>``. 'higher_is_better' and 'neutral' are names without prefix;
        of all others less is better.
    """
    return {'mean': {key: float(value) for key, value in mean.items()},
            'mean_over_frames': {f'{metric.prefix}/{name}': value for metric in metrics
                                 for name, value in getattr(metric, 'mean_over_frames', {}).items()},
            'videos': by_video(metrics, 'per_video'),
            'distribution': {_own_name(metric, row): values for metric in metrics
                             for row, values in getattr(metric, 'rows', {}).items()},
            'higher_is_better': sorted(frozenset().union(*(metric.higher_is_better for metric in metrics))),
            'neutral': sorted(frozenset().union(*(getattr(metric, 'neutral', ()) for metric in metrics)))}


def by_video(metrics: Iterable[BaseMetric], values_of: str) -> dict[str, dict[str, Any]]:
    """Join what several metrics say of the same videos.

    Args:
        metrics: The metrics, after an evaluation.
        values_of: ``per_video`` or ``per_frame``.

    Returns:
        ``<domain>/<video>`` -> name -> value or values; see :func:`summary` for the names.
    """
    videos: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        for video, values in getattr(metric, values_of).items():
            videos.setdefault(video, {}).update({_own_name(metric, name): value for name, value in values.items()})
    return videos


def _own_name(metric: BaseMetric, name: str) -> str:
    """A name that no other metric uses, as prefixes tell metrics of the same names apart."""
    return name if metric.prefix == metric.default_prefix else f'{metric.prefix}/{name}'
