import numpy as np
import pytest
import torch

from photoreal.errors import DataError
from photoreal.look import Look, fit_look
from photoreal.look.grade import MOST_TINT, SLOPES, Grade, change_rgb
from photoreal.look.oklab import from_oklab, to_oklab
from photoreal.look.summary import summarise


def scene(seed, count=3):
    """Frames with a bright sky, grey roads, pale walls and a few vivid things, and their labels."""
    rng = np.random.default_rng(seed)
    frames, labels = [], []
    for _ in range(count):
        frame, label = np.zeros((90, 120, 3)), np.zeros((90, 120), np.uint8)
        regions = [(slice(0, 30), (0.72, 0.8, 0.88), 10), (slice(30, 55), (0.5, 0.42, 0.36), 2),
                   (slice(55, 62), (0.25, 0.4, 0.2), 8), (slice(62, 90), (0.4, 0.4, 0.4), 0)]
        for rows, colour, number in regions:
            height = rows.stop - rows.start
            shade = rng.uniform(0.35, 1.25, (height, 120, 1))
            frame[rows] = np.array(colour) * shade + rng.normal(0, 0.02, (height, 120, 3))
            label[rows] = number
        frame[62:70, 40:60], label[62:70, 40:60] = rng.uniform(0.3, 1, (8, 20, 1)) * [0.8, 0.1, 0.1], 13
        frames.append((np.clip(frame, 0, 1) * 255).astype(np.uint8))
        labels.append(label)
    return frames, labels


def changed(frames, change):
    return [np.rint(np.clip(change(frame / 255), 0, 1) * 255).astype(np.uint8) for frame in frames]


def saturate(rgb, factor):
    grey = rgb @ [0.2126, 0.7152, 0.0722]
    return grey[..., None] + factor * (rgb - grey[..., None])


MADE_UP = {  # a change of colours, and the mean error in levels of 255 to which a fit finds it
    'nothing': (lambda x: x, 0.5),
    'a darker gamma': (lambda x: x ** 1.3, 3),
    'a brighter gamma': (lambda x: x ** 0.85, 1.5),
    'less gain': (lambda x: 0.85 * x, 3),
    'contrast': (lambda x: np.clip(0.5 + 1.25 * (x - 0.45), 0, 1), 4),
    'less saturation': (lambda x: saturate(x, 0.8), 1),
    'more saturation': (lambda x: saturate(x, 1.25), 1.5),
    'a cooler balance': (lambda x: x * [0.96, 1, 1.03], 1.5),
    'lift': (lambda x: 0.04 + 0.96 * x, 1),
}


QUICK = ('a darker gamma', 'less saturation')


@pytest.mark.parametrize('name', [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
                                  for name in MADE_UP])
def test_a_change_that_was_made_up_is_found(name):
    change, bound = MADE_UP[name]
    (frames, labels), (others, other_labels) = scene(0), scene(1)
    look = fit_look(frames, changed(others, change), labels, other_labels)
    wanted = np.stack(changed(frames, change)).astype(float)
    error = np.abs(look.apply(np.stack(frames)) - wanted)
    assert error.mean() < bound
    if name != 'nothing':
        assert error.mean() < 0.5 * np.abs(np.stack(frames) - wanted).mean()


def test_without_labels_a_change_is_found_too():
    look = fit_look(scene(0)[0], changed(scene(1)[0], lambda x: x ** 1.3))
    frames = np.stack(scene(2)[0])
    assert np.abs(look.apply(frames) - 255 * (frames / 255) ** 1.3).mean() < 4


@pytest.mark.slow
def test_what_fills_the_picture_does_not_bend_the_rest():
    frames, labels = scene(0)
    real = changed(frames, lambda x: x ** 1.2)
    crowded = [np.concatenate([frame[:30], frame[:30], frame], axis=0) for frame in real]  # three times the sky
    more = [np.concatenate([label[:30], label[:30], label], axis=0) for label in labels]
    plain, bent = fit_look(frames, real, labels, labels), fit_look(frames, crowded, labels, more)
    test = np.stack(frames)
    assert np.abs(plain.apply(test).astype(float) - bent.apply(test)).mean() < 2


@pytest.mark.slow
def test_a_class_that_one_side_lacks_is_left_out():
    frames, labels = scene(0)
    real = changed(frames, lambda x: x ** 1.2)
    painted = [frame.copy() for frame in real]
    for frame, label in zip(painted, labels):
        frame[label == 8] = [255, 0, 255]
    other = [np.where(label == 8, 9, label).astype(np.uint8) for label in labels]
    found, wanted = fit_look(frames, painted, labels, other), fit_look(frames, real, labels, labels)
    assert (found.table - wanted.table).abs().mean() < 0.02


def extreme_grades():
    """Grades whose numbers are as large as no fit makes them."""
    for seed in range(6):
        torch.manual_seed(seed)
        grade = Grade()
        for parameter in grade.parameters():
            parameter.data += 3 * torch.randn_like(parameter)
        yield grade.double()


def test_lightness_rises_within_the_bounds_of_its_slope():
    levels = torch.linspace(0, 1, 400, dtype=torch.float64)
    for grade in extreme_grades():
        slope = grade.curve(levels).diff() / levels.diff()
        assert slope.min() > SLOPES[0] - 0.05 and slope.max() < SLOPES[1] + 0.05
        assert grade.curve(levels).max() <= 1


def test_saturated_things_keep_their_hue():
    hue = torch.arange(72) * (2 * torch.pi / 72)
    for chroma, bound in ((0.08, 3.5), (0.12, 1.5)):
        lab = torch.stack([torch.full_like(hue, 0.6), chroma * hue.cos(), chroma * hue.sin()], dim=1).double()
        rgb = from_oklab(lab)
        there = ((rgb > 0) & (rgb < 1)).all(1)
        for grade in extreme_grades():
            with torch.no_grad():
                found = to_oklab(change_rgb(grade, rgb[there]))
            turned = torch.atan2(found[:, 2], found[:, 1]) - hue[there]
            turned = torch.rad2deg(torch.atan2(turned.sin(), turned.cos())).abs()
            assert turned.max() < bound


def test_greys_get_no_more_than_the_bounded_tint():
    greys = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None].expand(-1, 3)
    for grade in extreme_grades():
        with torch.no_grad():
            found = to_oklab(change_rgb(grade, greys))[:, 1:].norm(dim=1)
        assert found.max() < MOST_TINT + 1e-3
        assert found[0] < 1e-3 and found[-1] < 1e-3  # black and white have none


def test_a_new_grade_changes_nothing():
    rgb = torch.rand(500, 3, dtype=torch.float64)
    with torch.no_grad():
        assert (change_rgb(Grade().double(), rgb) - rgb).abs().max() < 0.01


def test_a_fitted_look_is_smooth_and_can_be_inverted():
    (frames, labels), (others, other_labels) = scene(0), scene(1)
    look = fit_look(frames, changed(others, lambda x: saturate(x ** 1.3, 0.7) * [0.95, 1, 1.05]), labels, other_labels)
    ramp = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    steps = np.diff(look.apply(ramp), axis=0)
    assert steps.min() > 0 and steps.max() < 3 / 255  # no band, and no level twice
    test = np.stack(frames)
    assert np.abs(look.inverse().apply(look.apply(test)).astype(int) - test).mean() < 0.7


@pytest.mark.slow
def test_the_same_seed_gives_the_same_look():
    frames, labels = scene(0, count=1)
    assert fit_look(frames, frames, labels, labels, seed=3) == fit_look(frames, frames, labels, labels, seed=3)


@pytest.mark.parametrize(('arguments', 'message'), [
    (lambda f, m: ([], f), 'no virtual ones'),
    (lambda f, m: (f, []), 'no real ones'),
    (lambda f, m: (f, f, m, None), 'labels of both sides, or of neither'),
    (lambda f, m: (f, f, m[:1], m), 'virtual labels: found 1 maps for 3 frames'),
    (lambda f, m: (f, f, m, [label + 50 for label in m]), r'classes \[0, 2, 8, 10, 13\], those of real ones \[50'),
])
def test_what_cannot_be_fitted_is_told(arguments, message):
    with pytest.raises(DataError, match=message):
        fit_look(*arguments(*scene(0)))


def test_a_summary_tells_what_was_done():
    found = {line.name: line for line in summarise(Look.from_function(lambda x: 0.75 * saturate(x, 0.5)))}
    assert float(found['exposure'].value.split()[0]) == pytest.approx(2.4 * np.log2(0.75), abs=0.25)
    assert float(found['saturation'].value.split()[1]) == pytest.approx(0.4, abs=0.1)
    assert float(found['white'].value) == pytest.approx(0.8, abs=0.03)
    warm = {line.name: line for line in summarise(Look.from_function(lambda x: x * [1, 0.97, 0.85]))}
    assert 'warmer' in warm['white balance'].meaning
    plain = {line.name: line.value for line in summarise(Look.identity())}
    assert plain['exposure'] == '+0.00 stops' and plain['contrast'] == 'x 1.00' and plain['saturation'] == 'x 1.00'
