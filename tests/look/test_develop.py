"""Development by hand: exposure, contrast, saturation."""

import numpy as np
import pytest

from photoreal.errors import ConfigError
from photoreal.look import Development, Look
from tests import tiny
from tests.look.helpers import colours, warm_look

GREYS = np.linspace(0, 1, 257)[:, None].repeat(3, 1)


def to_light(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def test_a_stop_doubles_the_light_below_the_knee():
    dark = GREYS[to_light(GREYS[:, 0]) < 0.29]
    np.testing.assert_allclose(to_light(Development(exposure=1).apply(dark)), 2 * to_light(dark), atol=1e-6)


def test_the_defaults_change_nothing():
    np.testing.assert_allclose(Development().apply(GREYS), GREYS, atol=1e-9)


@pytest.mark.parametrize('exposure', [0.05, 0.45, 1.5, 3])
def test_highlights_are_held_back_and_never_clip(exposure):
    bright = Development(exposure=exposure).apply(GREYS)[:, 0]
    assert (np.diff(bright) > 0).all() and bright[-1] == pytest.approx(1)
    assert bright[-9] > 1 - 1.1 * (1 - GREYS[-9, 0])  # no steeper there than before


@pytest.mark.parametrize('contrast', [-0.9, 0.4, 0.9])
def test_contrast_turns_around_the_middle_and_keeps_the_order(contrast):
    curve = Development(contrast=contrast).apply(GREYS)[:, 0]
    plain = Development().apply(GREYS)[:, 0]
    slope = np.gradient(curve, plain)
    assert (np.diff(curve) > 0).all() and curve[0] == 0
    assert slope[np.abs(plain - 0.5).argmin()] == pytest.approx(1 + contrast, abs=0.02)


def test_saturation_scales_the_difference_from_grey():
    rgb, luma = np.array([[0.5, 0.3, 0.2]]), [0.299, 0.587, 0.114]
    half = Development(saturation=0.5).apply(rgb)
    np.testing.assert_allclose(half - half @ luma, 0.5 * (rgb - rgb @ luma), atol=1e-6)
    assert np.ptp(Development(saturation=0).apply(rgb)) < 1e-9


def test_a_look_then_another_is_both_in_one_table():
    first, second = warm_look(), Development(exposure=0.4, contrast=0.3).look()
    frame = colours()
    both = second.apply(first.apply(frame)).astype(int)
    assert np.abs(first.then(second).apply(frame) - both).max() <= 3


@pytest.mark.parametrize(('texts', 'message'), [
    (['exposre=1'], "look setting 'exposre=1' is unknown; did you mean 'exposure'"),
    (['exposure'], "look setting 'exposure': expected a number, such as exposure=0.5"),
    (['saturation=5'], 'look: saturation=5.0: expected 0.0 to 2.0'),
    (['contrast=nan'], 'look: contrast=nan: expected -0.9 to 0.9')])
def test_what_cannot_be_set_is_named(texts, message):
    with pytest.raises(ConfigError, match=message):
        Development.parse(texts)


def test_the_command_needs_no_footage(tmp_path):
    out = tmp_path / 'photo.cube'
    ended = tiny.run('fit_look', '--develop', 'exposure=0.45', 'saturation=0.8', '--out', out)
    assert ended.code == 0, ended.err
    wanted = Development(exposure=0.45, saturation=0.8).look()
    assert np.abs(Look.load(out).table.numpy() - wanted.table.numpy()).max() < 1e-5


def test_the_command_develops_what_it_has_fitted(tmp_path):
    root = tiny.make_data(tmp_path / 'data')
    (root / 'val/virtual').rename(root / 'train/virtual')
    plain, developed = tmp_path / 'plain.cube', tmp_path / 'developed.cube'
    for out, options in ((plain, ()), (developed, ('--develop', 'contrast=0.5'))):
        ended = tiny.run('fit_look', root, '--out', out, *options)
        assert ended.code == 0, ended.err
    wanted = Look.load(plain).then(Development(contrast=0.5).look())
    assert np.abs(Look.load(developed).table.numpy() - wanted.table.numpy()).max() < 1e-4
