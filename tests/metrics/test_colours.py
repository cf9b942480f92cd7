import cv2
import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.metrics import HueDifference
from photoreal.metrics.colours import hue_difference


def lab(*pixels: tuple[float, float, float]) -> np.ndarray:
    return np.repeat(np.array(pixels, np.float32), 40, axis=0)


def hsv(hue: int, saturation: int = 200, value: int = 180) -> np.ndarray:
    """(32, 32, 3) of one colour, its hue in degrees."""
    return cv2.cvtColor(np.full((32, 32, 3), (hue // 2, saturation, value), np.uint8), cv2.COLOR_HSV2RGB)


def test_an_angle_is_the_shorter_way_round():
    red = lab((50, 40, 0))
    assert hue_difference(lab((50, 0, 40)), red, 10)[0] == pytest.approx(90)
    assert hue_difference(lab((20, 40 * np.cos(-0.1), 40 * np.sin(-0.1))), red, 10)[0] == pytest.approx(
        np.degrees(0.1), abs=1e-3)
    assert hue_difference(lab((50, -40, -0.001)), red, 10)[0] == pytest.approx(180, abs=0.01)


def test_what_has_more_colour_weighs_more_and_grey_does_not_count():
    source = lab((50, 60, 0), (50, 20, 0), (50, 3, 0))
    pred = lab((50, 0, 60), (50, 20, 0), (50, 0, 60))
    assert hue_difference(pred, source, 10)[0] == pytest.approx(90 * 60 / 80)


def test_an_object_that_turns_grey_shows_in_what_is_left_of_its_chroma():
    assert hue_difference(lab((50, 4, 0)), lab((50, 40, 0)), 10) == (None, pytest.approx(0.1))
    assert hue_difference(lab((50, 40, 0)), lab((50, 4, 0)), 10) == (None, None)


def test_each_object_has_its_own_values(stream):
    source = np.concatenate([hsv(0), hsv(120)], axis=1)
    pred = np.concatenate([hsv(40), hsv(120)], axis=1)
    labels = np.repeat([[13] * 32 + [8] * 32], 32, axis=0).astype(np.uint8)
    result = stream([pred], [source], domain='virtual')[0]
    plain = HueDifference('virtual').update(result)
    assert set(plain) == {'hue', 'chroma'}
    result.labels = labels
    values = HueDifference('virtual').update(result)
    assert values['hue_vegetation'] == pytest.approx(0, abs=1e-4) and values['chroma_vegetation'] == pytest.approx(1)
    assert 20 < values['hue_vehicles'] < 60
    assert values['hue_vegetation'] < values['hue'] < values['hue_vehicles']
    assert 'hue_buildings' not in values
    own = HueDifference('virtual', objects={'left': [13]})
    assert set(own.update(result)) == {'hue', 'chroma', 'hue_left', 'chroma_left'}
    assert own.neutral == {'chroma', 'chroma_left'}


def test_min_chroma_is_checked():
    with pytest.raises(ConfigError, match='min_chroma=0'):
        HueDifference('virtual', min_chroma=0)
