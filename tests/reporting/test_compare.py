"""Paired comparisons: hand-worked means, and intervals against theory."""

import numpy as np
import pytest

from photoreal.errors import DataError
from photoreal.reporting.compare import compare, comparison_table


def series(values: np.ndarray) -> dict[str, dict[str, list[float | None]]]:
    return {'psnr': values.tolist()}


def test_means_differences_and_direction() -> None:
    a = {'real/x': {'psnr': [20.0, 22.0], 'tof': [None, 0.5]}, 'real/y': {'psnr': [30.0, 30.0]}}
    b = {'real/x': {'psnr': [21.0, 23.0], 'tof': [None, 0.75]}, 'real/y': {'psnr': [33.0, 33.0]}}
    rows = {(row.video, row.metric): row for row in compare(a, b, ['psnr'])}
    mean = rows['real', 'psnr']
    assert (mean.a, mean.b, mean.difference) == (25.5, 27.5, 2.0)
    assert mean.low < 1.0 and mean.high > 3.0  # two videos tell little of others
    x = rows['real/x', 'psnr']
    assert (x.difference, x.low, x.high, x.better) == (1.0, 1.0, 1.0, 'B')
    assert (rows['real/x', 'tof'].difference, rows['real/x', 'tof'].better) == (0.25, 'A')


def test_equal_predictions_are_not_better() -> None:
    a = {'virtual/x': {'warp_error': [None, 1.0, 2.0, 3.0]}}
    assert {row.better for row in compare(a, a, [])} == {None}


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(200):
        noise = rng.normal(0.3, 1.0, 100)
        row = compare({'real/x': series(np.zeros(100))}, {'real/x': series(noise)}, ['psnr'], 400, seed)[-1]
        covered.append(row.low <= 0.3 <= row.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_intervals_of_correlated_frames_are_wider() -> None:
    rng = np.random.default_rng(0)
    independent = rng.normal(size=400)
    slow = np.repeat(rng.normal(size=20), 20)
    widths = []
    for values in (independent, slow):
        row = compare({'real/x': series(np.zeros(400))}, {'real/x': series(values / values.std())}, ['psnr'])[-1]
        widths.append(row.high - row.low)
    assert widths[0] == pytest.approx(2 * 1.96 / 20, rel=0.3)
    assert widths[1] > 2.5 * widths[0]


def test_the_mean_knows_that_videos_differ() -> None:
    zero = {f'real/{i}': series(np.zeros(50)) for i in range(6)}
    apart = {f'real/{i}': series(np.full(50, float(i))) for i in range(6)}
    mean = compare(zero, apart, ['psnr'])[0]
    assert mean.video == 'real' and mean.low < 1.6 and mean.high > 3.4  # 2.5 +- 1.96 * 1.71 / sqrt(6)


def test_the_input_and_single_classes_are_left_out() -> None:
    a = {'real/x': {'psnr': [1.0], 'psnr_input': [1.0], 'flicker_class_3': [1.0]}}
    assert {row.metric for row in compare(a, a, [])} == {'psnr'}


@pytest.mark.parametrize(('b', 'message'), [
    ({'real/y': {'psnr': [1.0]}}, 'A has predictions of real/x, B of real/y: found no video that both have'),
    ({'real/x': {'psnr': [1.0, 2.0]}}, 'real/x: A has 1 frames and B 2'),
])
def test_what_cannot_be_compared(b: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare({'real/x': {'psnr': [1.0]}}, b, ['psnr'])


def test_the_table_names_the_better() -> None:
    rows = compare({'real/x': series(np.zeros(9))}, {'real/x': series(np.ones(9))}, ['psnr'])
    lines = comparison_table(rows, 'old', 'new').splitlines()
    assert lines[:2] == ['A: old', 'B: new']
    assert any(line.split() == ['real/x', 'psnr', '0', '1', '+1', '+1', 'to', '+1', 'B'] for line in lines)


def test_names_with_a_prefix_have_the_direction_of_the_name() -> None:
    a, b = ({'real/x': {'psnr': [level], 'tecogan/psnr': [level]}} for level in (1.0, 2.0))
    assert {(row.metric, row.better) for row in compare(a, b, ['psnr'])} == {('psnr', 'B'), ('tecogan/psnr', 'B')}


def test_neutral_values_are_left_out() -> None:
    a = {'real/x': {'psnr': [1.0], 'count': [1.0], 'tecogan/count': [1.0]}}
    assert {row.metric for row in compare(a, a, ['psnr'], neutral=['count'])} == {'psnr'}
