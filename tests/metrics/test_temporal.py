import cv2
import numpy as np
import pytest

from photoreal.errors import DataError
from photoreal.metrics import TOF, InputTOF, WarpError
from photoreal.metrics.temporal import estimate_flow, visibility, warp, warp_error


def evaluate(metric, frames):
    metric.process(None, frames)
    return metric.evaluate(len(frames))


def grey(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize('step', [(3, 0), (-3, 0), (0, 2), (2, -3)])
def test_flow_points_to_where_the_pixel_was(moving_scene, step):
    before, now = moving_scene(length=2, step=step)
    flow = estimate_flow(grey(now), grey(before))
    inner = flow[8:-8, 8:-8]
    np.testing.assert_allclose(inner.mean((0, 1)), np.negative(step), atol=0.1)

    everywhere = np.zeros((64, 96), bool)
    everywhere[8:-8, 8:-8] = True
    along, against = warp_error(now, before, flow, everywhere), warp_error(now, before, -flow, everywhere)
    still = warp_error(now, before, np.zeros_like(flow), everywhere)
    assert along < 0.05 * still and against > 1.5 * still


def test_warp_by_whole_pixels_is_exact():
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    flow = np.zeros((12, 16, 2), np.float32)
    flow[..., 0], flow[..., 1] = 2, -1
    np.testing.assert_array_equal(warp(image, flow)[1:, :-2], image[:-1, 2:])


@pytest.mark.parametrize('step', [(3, 0), (-2, 1), (0, -4)])
def test_warp_error_of_a_known_translation_with_its_exact_flow_is_zero(step):
    """The content moves by ``step`` pixels (x, y), so each pixel was at ``-step`` from where it is."""
    dx, dy = step
    plane = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    previous, current = plane[8:32, 8:40], plane[8 - dy:32 - dy, 8 - dx:40 - dx]
    flow = np.full((24, 32, 2), (-dx, -dy), np.float32)
    visible = np.zeros((24, 32), bool)
    visible[max(dy, 0):24 + min(dy, 0), max(dx, 0):32 + min(dx, 0)] = True
    assert warp_error(current, previous, flow, visible) == 0
    assert warp_error(current, previous, -flow, visible) > 1000


def test_warp_error_counts_what_is_visible_only():
    previous = np.zeros((4, 4, 3), np.uint8)
    current = previous.copy()
    current[0, 0], current[3, 3] = 10, 200
    visible = np.ones((4, 4), bool)
    visible[3, 3] = False
    assert warp_error(current, previous, np.zeros((4, 4, 2), np.float32), visible) == pytest.approx(100 / 15)


def test_pixels_uncovered_or_from_outside_are_not_visible(moving_scene):
    background = moving_scene(length=1, height=128, width=192)[0]
    square = 255 - moving_scene(length=1, seed=2)[0][:32, :32]
    frames = []
    for left in (64, 70):
        frames.append(background.copy())
        frames[-1][32:64, left:left + 32] = square
    before, now = map(grey, frames)
    visible = visibility(estimate_flow(now, before), estimate_flow(before, now))
    assert visible[34:62, 64:70].mean() < 0.3, 'the strip that the square has left'
    assert visible[36:60, 76:96].all(), 'the square itself'
    assert visible[:16].all() and visible[:, :16].all(), 'the still background, to the rim'

    outward = np.zeros((8, 10, 2), np.float32)
    outward[..., 0] = 1
    inside = np.ones((8, 10), bool)
    inside[:, -1] = False
    np.testing.assert_array_equal(visibility(outward, -outward), inside)


@pytest.mark.parametrize('domain', ['real', 'virtual'])
def test_perfect_prediction_has_the_floor_of_the_input_near_zero(domain, stream, moving_scene):
    scene = moving_scene()
    values = evaluate(WarpError(domain), stream(scene, scene, domain=domain))
    assert values[f'{domain}/warp_error'] == values[f'{domain}/warp_error_input'] < 3
    still = np.square(np.diff(scene.astype(float), axis=0)).mean()
    assert values[f'{domain}/warp_error'] < 0.01 * still


def test_flow_comes_from_the_source_not_from_the_prediction(stream, moving_scene):
    source, other_way = moving_scene(step=(3, 0)), moving_scene(step=(-3, 0))
    values = evaluate(WarpError('virtual'), stream(other_way, source, domain='virtual'))
    assert values['virtual/warp_error'] > 100 * values['virtual/warp_error_input']


def test_flicker_of_each_class(stream, moving_scene):
    scene = moving_scene(length=4, step=(0, 0)) // 2
    pred = scene.copy()
    pred[1::2, :, :32] += 8
    pred[1::2, :, 32:48] += 2
    frames = stream(pred, scene, domain='virtual')
    for frame in frames:
        frame.labels = np.full((32, 48), 255, np.uint8)  # of half the size of the prediction
        frame.labels[:, :16], frame.labels[:, 16:20] = 7, 0
    metric = WarpError('virtual')
    values = {name: value for name, value in evaluate(metric, frames).items() if 'flicker' in name}
    assert values == pytest.approx({'virtual/flicker': (32 * 8 + 16 * 2) / 96, 'virtual/flicker_class_7': 8,
                                    'virtual/flicker_class_0': 2}, abs=1e-3)


def test_what_changes_in_the_input_too_is_no_flicker(stream, moving_scene):
    scene = moving_scene(step=(0, 0)) // 2
    scene[1::2] += 20  # the light changes
    values = evaluate(WarpError('virtual'), stream(scene, scene, domain='virtual'))
    assert values['virtual/flicker'] == 0 < values['virtual/warp_error']


@pytest.mark.parametrize('domain', ['real', 'virtual'])
def test_input_tof_is_the_motion_that_the_prediction_missed(domain, stream, moving_scene):
    scene = moving_scene(height=96, width=128, step=(2, 0))
    name = f'{domain}/input_tof'
    assert evaluate(InputTOF(domain), stream(scene, scene, domain=domain)) == {name: 0}
    frozen = np.stack([scene[0]] * len(scene))
    assert evaluate(InputTOF(domain), stream(frozen, scene, domain=domain))[name] == pytest.approx(2, rel=0.15)
    larger = np.stack([cv2.resize(frame, None, fx=2, fy=2) for frame in scene])
    assert evaluate(InputTOF(domain), stream(scene, larger, domain=domain))[name] < 0.1


def test_flicker_raises_the_error_by_its_energy(stream, moving_scene):
    scene = moving_scene(step=(0, 0)) // 2
    flicker = scene.copy()
    flicker[1::2] += 10
    values = evaluate(WarpError('virtual'), stream(flicker, scene, domain='virtual'))
    expected = {'virtual/warp_error': 100.0, 'virtual/warp_error_input': 0.0, 'virtual/flicker': 10.0}
    assert values == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize('scale', [2, 0.5])
def test_source_frames_of_another_size_are_resized(scale, stream, moving_scene):
    scene = moving_scene(height=96, width=128, step=(4, 2))
    source = np.stack([cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in scene])
    values = evaluate(WarpError('virtual'), stream(scene, source, domain='virtual'))
    still = np.square(np.diff(scene.astype(float), axis=0)).mean()
    assert values['virtual/warp_error'] < 0.03 * still


def test_flow_of_large_frames_is_estimated_small_and_scaled_back(stream, moving_scene):
    small = moving_scene(length=2, height=80, width=400, step=(3, 1))
    large = np.stack([cv2.resize(frame, (1600, 240), interpolation=cv2.INTER_CUBIC) for frame in small])
    values = evaluate(WarpError('virtual'), stream(large, large, domain='virtual'))
    still = np.square(np.diff(large.astype(float), axis=0)).mean()
    assert values['virtual/warp_error'] < 0.03 * still


def test_nothing_is_carried_from_one_video_to_the_next(stream, moving_scene):
    a, b = moving_scene(length=3), moving_scene(length=3, seed=7, step=(-2, 0))
    together = WarpError('real')
    together.process(None, stream(a, a, video='a') + stream(b, b, video='b'))
    together.evaluate(6)
    for video, scene in (('a', a), ('b', b)):
        alone = evaluate(WarpError('real'), stream(scene, scene, video=video))
        assert together.per_video[f'real/{video}']['warp_error'] == alone['real/warp_error']


def test_frames_too_small_for_flow(stream, moving_scene):
    tiny = moving_scene(length=2, height=8, width=40)
    with pytest.raises(DataError, match='frame 1 .*40x8 pixels is too small for optical flow: expected at least 12x12'):
        WarpError('virtual').process(None, stream(tiny, tiny, domain='virtual'))


def test_tof_is_zero_for_a_copy_and_the_motion_missed_for_a_frozen_frame(stream, moving_scene):
    scene = moving_scene(height=96, width=128, step=(2, 0))
    assert evaluate(TOF(), stream(scene, scene))['real/tof'] == 0
    frozen = np.stack([scene[0]] * len(scene))
    assert evaluate(TOF(), stream(frozen, scene))['real/tof'] == pytest.approx(2, rel=0.15)


def test_tof_has_no_value_for_the_first_frame_that_counts(stream, moving_scene):
    scene = moving_scene(length=7)
    for protocol, expected in (('plain', [1, 2, 3, 4, 5, 6]), ('tecogan', [3, 4])):
        metric = TOF(protocol=protocol)
        metric.process(None, stream(scene, scene))
        assert [i for i, (_, values) in enumerate(metric.results) if values] == expected


def test_a_frame_of_which_nothing_was_visible_has_no_value(stream):
    noise = np.random.default_rng(0).integers(0, 256, (200, 12, 12, 3), dtype=np.uint8)
    metric = WarpError('real')
    metric.process(None, stream(noise, noise))
    values = [values for _, values in metric.results[1:]]
    assert {} in values, 'noise has no motion to be found'
    assert all(np.isfinite(list(v.values())).all() for v in values)


def test_a_teacher_s_own_flicker_is_told_beside_the_prediction_s(stream, moving_scene):
    scene = moving_scene(step=(0, 0)) // 2
    frames = stream(scene, scene, domain='virtual')
    for i, frame in enumerate(frames):
        frame.target = scene[i] + np.uint8(10 * (i % 2))
    values = evaluate(WarpError('virtual'), frames)
    assert (values['virtual/warp_error'], values['virtual/warp_error_target']) == (0, 100)
    assert 'virtual/warp_error_target' not in evaluate(WarpError('virtual'), stream(scene, scene, domain='virtual'))
