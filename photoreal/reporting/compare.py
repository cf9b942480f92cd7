"""Is A better than B? Paired differences of two sets of predictions of the same videos, with intervals."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from photoreal.errors import DataError
from photoreal.reporting.names import of_prediction, without_prefix
from photoreal.reporting.runs import PerFrame

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """One line of a comparison: a metric in one video, or over all videos of a domain.

    Attributes:
        video: ``<domain>/<video>``, or ``<domain>`` for the mean over its videos.
        metric: Its name.
        a: Mean of A.
        b: Mean of B.
        difference: B - A.
        low: Lower end of the interval of the difference.
        high: Upper end.
        higher_is_better: Whether more of this metric is better.
    """

    video: str
    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    higher_is_better: bool

    @property
    def better(self) -> str | None:
        """``A`` or ``B`` where the interval leaves 0 out; None where the difference may be chance."""
        if self.low <= 0 <= self.high:
            return None
        return 'B' if (self.difference > 0) == self.higher_is_better else 'A'


def compare(a: PerFrame, b: PerFrame, higher_is_better: Iterable[str], draws: int = 2000,
            seed: int = 0, neutral: Iterable[str] = ()) -> list[Difference]:
    """Compare frame by frame.

    Intervals are those of the percentile bootstrap at 95 %. Frames of a video resemble their neighbours, so they are
    drawn in blocks of sqrt(length) that wrap around the end (Politis and Romano, "A circular block-resampling
    procedure for stationary data", 1992); for the mean of a domain whole videos are drawn first, then blocks within
    each. As blocks and videos are few, the intervals are widened as Student's t is wider than the normal
    distribution. With one video the interval tells of that video alone.

    Args:
        a: ``<domain>/<video>`` -> metric -> value of each frame, None where it has none.
        b: The same videos of the other.
        higher_is_better: The metrics of which more is better, without prefix.
        draws: How many samples are drawn.
        seed: The intervals are the same for the same seed.
        neutral: Those that are left out as neither more nor less of them is better, without prefix.

    Returns:
        Domain after domain, first the means over its videos, then the videos.

    Raises:
        DataError: A and B have no video in common, or differ in the frames of one.
    """
    if not set(a) & set(b):
        raise DataError(f'A has predictions of {_some(a)}, B of {_some(b)}: found no video that both have; '
                        'expected predictions of the same videos; test both with the same data and --domains')
    higher, neutral = frozenset(higher_is_better), frozenset(neutral)
    rng = np.random.default_rng(seed)
    pairs = {video: _pairs(video, a[video], b[video], neutral) for video in a if video in b}
    rows: list[Difference] = []
    for domain in sorted({video.split('/')[0] for video in pairs}):
        videos = {video: metrics for video, metrics in pairs.items() if video.startswith(f'{domain}/')}
        samples = {(video, name): _draw_blocks(values[1] - values[0], draws, rng)
                   for video, metrics in videos.items() for name, values in metrics.items()}
        for name in dict.fromkeys(name for metrics in videos.values() for name in metrics):
            having = {video: metrics[name] for video, metrics in videos.items() if name in metrics}
            means = np.array([values.mean(axis=1) for values in having.values()])  # (videos, 2)
            sample = _draw_videos(np.stack([samples[video, name] for video in having]), rng)
            rows.append(_row(domain, name, means.mean(axis=0), sample, without_prefix(name) in higher))
        rows += [_row(video, name, values.mean(axis=1), samples[video, name], without_prefix(name) in higher)
                 for video, metrics in videos.items() for name, values in metrics.items()]
    return rows


def comparison_table(rows: Iterable[Difference], name_a: str, name_b: str) -> str:
    """A comparison as text."""
    cells = [['video', 'metric', 'A', 'B', 'B - A', '95 % interval', 'better']]
    cells += [[row.video if '/' in row.video else f'{row.video}: mean of videos', row.metric, f'{row.a:.4g}',
               f'{row.b:.4g}', f'{row.difference:+.3g}', f'{row.low:+.3g} to {row.high:+.3g}', row.better or '-']
              for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = ['  '.join(cell.ljust(width) if i < 2 else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in cells]
    lines.insert(1, '-' * len(lines[0]))
    return '\n'.join([f'A: {name_a}', f'B: {name_b}', '', *lines, '',
                      'Paired by frame; intervals by bootstrap over blocks of frames, and over videos for the means. '
                      "'-': the difference may be chance."])


def _pairs(video: str, a: dict[str, list[float | None]], b: dict[str, list[float | None]],
           neutral: frozenset[str]) -> dict[str, np.ndarray]:
    """Metric -> values of A and B, (2, frames), of the frames for which both have one."""
    pairs = {}
    for name in a:
        if name not in b or not of_prediction(name) or without_prefix(name) in neutral:
            continue
        if len(a[name]) != len(b[name]):
            raise DataError(f'{video}: A has {len(a[name])} frames and B {len(b[name])}; expected the same frames; '
                            'test both with the same data')
        both = [(x, y) for x, y in zip(a[name], b[name], strict=True) if _is_number(x) and _is_number(y)]
        if both:
            pairs[name] = np.array(both, dtype=np.float64).T
    return pairs


def _draw_blocks(differences: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Means (draws,) of samples of a series (frames,) made of blocks."""
    length = len(differences)
    block = max(1, math.isqrt(length))
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([differences, differences[:block]]))])
    blocks = (sums[block:] - sums[:-block])[:length] / block  # mean of the block that starts at each frame
    sample = blocks[rng.integers(length, size=(draws, -(-length // block)))].mean(axis=1)
    return _widened(sample, length / block)


def _draw_videos(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means (draws,) over videos drawn with replacement, of (videos, draws)."""
    videos, draws = samples.shape
    chosen = rng.integers(videos, size=(videos, draws))
    return _widened(samples[chosen, rng.integers(draws, size=(videos, draws))].mean(axis=0), videos)


def _widened(sample: np.ndarray, count: float) -> np.ndarray:
    """Correct a bootstrap over ``count`` things for their small number.

    It takes the spread of what was drawn from, whose variance is too small by (count - 1) / count, as known.
    """
    if count < 2:
        return sample
    z, freedom = 1.96, count - 1
    # Student's quantile by its expansion about the normal one (Abramowitz and Stegun, 26.7.5).
    student = z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
    mean = sample.mean()
    return mean + (sample - mean) * student / z * math.sqrt(count / freedom)


def _row(video: str, metric: str, means: np.ndarray, sample: np.ndarray, higher: bool) -> Difference:
    low, high = np.quantile(sample, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    a, b = means.tolist()
    return Difference(video, metric, a, b, b - a, float(low), float(high), higher)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _some(videos: Iterable[str]) -> str:
    names = sorted(videos)
    return (', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')) or 'nothing'
