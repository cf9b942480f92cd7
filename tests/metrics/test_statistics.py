import numpy as np
import pytest

from photoreal.metrics.distribution import match_labels
from photoreal.metrics.statistics import cubic_kernel, frechet_distance, gaussian_kernel, mmd


def two_sets(n=60, m=60, dimensions=24, shift=0.3, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(dimensions, dimensions)) / dimensions**0.5
    return rng.normal(size=(n, dimensions)), rng.normal(size=(m, dimensions)) @ mix + shift


def test_kernels_of_hand_worked_vectors():
    x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 1.0]])
    np.testing.assert_allclose(cubic_kernel(x, y), [[1.5**3], [2.0**3]])
    apart = 2 - 2 / 2**0.5  # squared distance of the unit vectors
    np.testing.assert_allclose(gaussian_kernel(x, y), [[np.exp(-apart / 200)]] * 2)


@pytest.mark.parametrize('kernel', [cubic_kernel, gaussian_kernel])
@pytest.mark.parametrize('blocks', [False, True])
def test_mmd_equals_the_double_sum(kernel, blocks):
    x, y = two_sets(7, 5, 4)
    expected = (np.mean([kernel(a[None], b[None]).item() for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
                + np.mean([kernel(a[None], b[None]).item() for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
                - 2 * kernel(x, y).mean())
    parts = (np.array([0, 0, 5, 5, 5, 9, 9]), np.array([1, 1, 2, 2, 2])) if blocks else (None, None)
    assert mmd(x, y, kernel, *parts)[0] == pytest.approx(expected, abs=1e-12)


def test_kid_equals_torchmetrics():
    kid = pytest.importorskip('torchmetrics.image.kid', reason='a second implementation: pip install torchmetrics')
    import torch
    x, y = two_sets()
    expected = kid.poly_mmd(*map(torch.from_numpy, (x, y)))
    assert mmd(x, y)[0] == pytest.approx(float(expected), abs=1e-4)


def test_fid_equals_torchmetrics():
    fid = pytest.importorskip('torchmetrics.image.fid', reason='a second implementation: pip install torchmetrics')
    import torch
    x, y = map(torch.from_numpy, two_sets())
    expected = fid._compute_fid(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())
    assert frechet_distance(x.numpy(), y.numpy()) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize('count', [60, 10])  # of 24 dimensions: of full rank, and singular
def test_fid_equals_the_formula_with_a_matrix_root(count):
    linalg = pytest.importorskip('scipy.linalg')
    x, y = two_sets(count, 60)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(linalg.sqrtm(second) @ first @ linalg.sqrtm(second)).real
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_the_error_is_the_spread_over_repetitions():
    blocks = np.arange(40)
    rng = np.random.default_rng(1)
    runs = [mmd(rng.normal(size=(40, 6)), rng.normal(0.4, 1.0, size=(40, 6)), cubic_kernel, blocks, blocks)
            for _ in range(80)]
    spread = np.std([value for value, _ in runs])
    assert np.mean([error for _, error in runs]) == pytest.approx(spread, rel=0.35)


def test_vectors_that_repeat_within_blocks_give_no_false_certainty():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 6)), rng.normal(size=(12, 6))
    alone = mmd(x, y, cubic_kernel, np.arange(12), np.arange(12))[1]
    blocks = np.repeat(np.arange(12), 5)
    repeated = mmd(np.repeat(x, 5, 0), np.repeat(y, 5, 0), cubic_kernel, blocks, blocks)[1]
    as_if_independent = mmd(np.repeat(x, 5, 0), np.repeat(y, 5, 0), cubic_kernel, np.arange(60), np.arange(60))[1]
    assert repeated > 0.6 * alone > 1.2 * as_if_independent


def test_one_block_gives_no_error_and_one_vector_no_value():
    x, y = two_sets(4, 4, 3)
    assert mmd(x, y)[1] is None
    assert mmd(x[:2], y, cubic_kernel, np.array([0, 1]), np.arange(4))[1] is None
    for measure in (mmd, frechet_distance):
        with pytest.raises(ValueError, match='two vectors or more a set, found 1 and 4'):
            measure(x[:1], y)


def test_crops_are_matched_where_more_than_half_of_the_labels_are_equal():
    own = np.array([[1, 1, 2, 2], [3, 3, 3, 3], [255, 255, 255, 1], [1, 2, 0, 0]], np.uint8)
    others = np.array([[1, 1, 2, 0], [1, 1, 2, 2], [255, 255, 255, 1], [0, 0, 0, 0]], np.uint8)
    mine, partners = match_labels(own, others)
    assert mine.tolist() == [0] and partners.tolist() == [1], 'half is not enough, and no class is not a class'
