import cv2
import numpy as np
import pytest

from photoreal.colour import apply_tables, lab_histogram, matching_tables, reinhard_tables


def picture(seed=0, low=0, high=256):
    noise = np.random.default_rng(seed).integers(low, high, (60, 80, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


@pytest.mark.parametrize('make_tables', [reinhard_tables, matching_tables])
def test_a_picture_takes_on_the_colours_of_another(make_tables):
    source, target = picture(0, 0, 120), cv2.convertScaleAbs(picture(1), alpha=0.5, beta=100)
    found = apply_tables(source, make_tables(lab_histogram(source), lab_histogram(target)))
    moments = [[x(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), (0, 1)) for x in (np.mean, np.std)]
               for image in (source, found, target)]
    np.testing.assert_allclose(moments[1], moments[2], atol=2)
    assert np.abs(np.subtract(moments[0], moments[2])).max() > 20


def test_matching_brings_over_the_whole_distribution():
    source, target = picture(0, 0, 120), (255 * (picture(1) / 255) ** 3).astype(np.uint8)
    tables = matching_tables(lab_histogram(source), lab_histogram(target))
    found = np.sort(tables[0][cv2.cvtColor(source, cv2.COLOR_RGB2LAB)[..., 0]].ravel())
    wanted = np.sort(cv2.cvtColor(target, cv2.COLOR_RGB2LAB)[..., 0].ravel())
    assert np.abs(found.astype(int) - wanted).mean() < 1.5


@pytest.mark.parametrize('make_tables', [reinhard_tables, matching_tables])
def test_equal_histograms_leave_colours_as_they_are(make_tables):
    histogram = lab_histogram(picture())
    tables = make_tables(histogram, histogram)
    for table, counts in zip(tables, histogram, strict=True):
        used = counts.nonzero()[0]
        np.testing.assert_array_equal(table[used], used)


def test_a_flat_picture_is_translated_without_a_fault():
    flat = np.full((8, 8, 3), 90, np.uint8)
    for make_tables in (reinhard_tables, matching_tables):
        found = apply_tables(flat, make_tables(lab_histogram(flat), lab_histogram(picture())))
        assert found.std((0, 1)).max() == 0
