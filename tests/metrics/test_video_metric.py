import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import METRICS

from photoreal.errors import ConfigError, DataError
from photoreal.metrics import PSNR, VideoMetric, WarpError


class MeanLevel(VideoMetric):
    """Mean of pred, and how many frames of the video came before: state that must not leak between videos."""

    def reset_video(self):
        self.seen = 0

    def update(self, result):
        self.seen += 1
        values = {'seen': float(self.seen)}
        if result.pred.any():
            values['level'] = float(result.pred.mean())
        return values


def flat(levels):
    return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


def results(stream, levels, **kwargs):
    return stream(flat(levels), flat(levels), **kwargs)


def test_each_video_weighs_the_same_and_the_mean_over_frames_is_kept(stream):
    metric = MeanLevel('real')
    metric.process(None, results(stream, [10, 20], video='a') + results(stream, [40], video='b'))
    assert metric.evaluate(3) == {'real/level': 27.5, 'real/seen': 1.25}
    assert metric.per_video == {'real/a': {'level': 15.0, 'seen': 1.5}, 'real/b': {'level': 40.0, 'seen': 1.0}}
    assert metric.mean_over_frames == pytest.approx({'level': 70 / 3, 'seen': 4 / 3})


def test_a_frame_without_a_value_does_not_count(stream):
    metric = MeanLevel('real')
    metric.process(None, results(stream, [0, 30, 50]))
    assert metric.evaluate(3)['real/level'] == 40.0


def test_one_entry_a_frame_and_other_domains_are_passed_over(stream):
    frames = results(stream, [10, 20], domain='virtual', video='v') + results(stream, [30], domain='real', video='r')
    real, virtual = MeanLevel('real'), MeanLevel('virtual')
    for metric in (real, virtual):
        metric.process(None, frames)
        assert len(metric.results) == 3
    assert real.evaluate(3) == {'real/level': 30.0, 'real/seen': 1.0}
    assert virtual.evaluate(3) == {'virtual/level': 15.0, 'virtual/seen': 1.5}
    assert list(virtual.per_video) == ['virtual/v']


def test_ground_truth_is_not_asked_of_the_other_domain(stream):
    metric = PSNR()
    metric.process(None, results(stream, [10], domain='virtual') + results(stream, [20], domain='real'))
    assert metric.evaluate(2) == {'real/psnr': 100.0, 'real/psnr_y': 100.0}


def test_videos_of_the_same_name_in_both_domains_stay_apart(stream):
    metric = MeanLevel('virtual')
    metric.process(None, results(stream, [10], domain='real') + results(stream, [20], domain='virtual'))
    assert metric.evaluate(2)['virtual/level'] == 20.0


def test_a_second_evaluation_starts_afresh(stream):
    metric = MeanLevel('real')
    metric.process(None, results(stream, [10, 20], video='a'))
    metric.evaluate(2)
    metric.process(None, results(stream, [50], video='b'))
    assert metric.evaluate(1) == {'real/level': 50.0, 'real/seen': 1.0}
    assert list(metric.per_video) == ['real/b']
    assert metric.mean_over_frames == {'level': 50.0, 'seen': 1.0}


def test_an_evaluation_that_was_cut_short_leaves_nothing_behind(stream):
    metric = MeanLevel('real')
    metric.process(None, results(stream, [10, 20, 30])[:2])
    metric.results.clear()
    metric.process(None, results(stream, [10]))
    assert metric.evaluate(1)['real/seen'] == 1.0


@pytest.mark.parametrize('metric, message', [
    (lambda: MeanLevel('real'), "no video of the domain 'real' was seen"),
    (lambda: WarpError('virtual'), 'no frame gave a value in virtual/clip'),
])
def test_what_has_no_value_is_absent_with_a_warning(metric, message, stream, caplog, moving_scene):
    metric = metric()
    still = moving_scene(length=1)
    metric.process(None, stream(still, still, domain='virtual'))
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        assert metric.evaluate(1) == {}
    finally:
        logger.removeHandler(caplog.handler)
    assert message in caplog.text


def test_frames_out_of_order_are_an_error(stream):
    frames = results(stream, [1, 2, 3], video='a')
    metric = MeanLevel('real')
    with pytest.raises(DataError, match=r"frame 2 \('0002'\) of real/a does not follow.*StreamDataset"):
        metric.process(None, [frames[0], frames[2]])


def test_a_video_torn_apart_between_processes_is_an_error(stream):
    with pytest.raises(DataError, match='frame 1 .* of real/a does not follow'):
        MeanLevel('real').process(None, results(stream, [1, 2], video='a')[1:])


def test_frames_of_two_videos_mixed_are_an_error(stream):
    a, b = results(stream, [1, 2], video='a'), results(stream, [1, 2], video='b')
    with pytest.raises(DataError, match='frame 1 .* of real/a does not follow'):
        MeanLevel('real').process(None, [a[0], b[0], a[1], b[1]])


def test_errors_name_metric_video_and_frame(stream, moving_scene):
    scene = moving_scene(length=2)
    with pytest.raises(DataError, match=r"PSNR: frame 0 \('0000'\) of real/clip: the ground truth is \(64, 96, 3\), "
                                        r'the prediction \(32, 96, 3\)'):
        PSNR().process(None, stream(scene[:, ::2], scene))


def test_unknown_domain_suggests_the_nearest():
    with pytest.raises(ConfigError, match="'vitual'; did you mean 'virtual'"):
        WarpError('vitual')


@pytest.mark.parametrize('name, key', [('PSNR', 'psnr'), ('SSIM', 'ssim'), ('TOF', 'tof')])
def test_virtual_frames_are_compared_with_what_a_teacher_made(stream, moving_scene, name, key):
    taught = stream(moving_scene(seed=1), moving_scene(), domain='virtual', video='taught')
    for result, image in zip(taught, moving_scene(seed=2), strict=True):
        result.target = image
    expected = METRICS.build({'type': name, 'domain': 'real'})
    expected.process(None, stream(moving_scene(seed=1), moving_scene(seed=2)))
    found = METRICS.build({'type': name, 'domain': 'virtual'})
    found.process(None, taught + stream(moving_scene(seed=1), moving_scene(), domain='virtual', video='untaught'))
    length = len(moving_scene())
    assert found.evaluate(2 * length)[f'virtual/{key}'] == expected.evaluate(length)[f'real/{key}']
    assert found.per_video['virtual/untaught'] == {}


def test_two_protocols_side_by_side_by_prefix(stream, moving_scene):
    scene = moving_scene()
    noisy = scene ^ 1
    evaluator = Evaluator([
        {'type': 'PSNR'}, {'type': 'PSNR', 'protocol': 'tecogan', 'prefix': 'tecogan'},
        {'type': 'SSIM'}, {'type': 'TOF'}, {'type': 'WarpError', 'domain': 'real'}])
    evaluator.process(stream(noisy, scene))
    values = evaluator.evaluate(len(scene))
    assert set(values) == {'real/psnr', 'real/psnr_y', 'tecogan/psnr', 'tecogan/psnr_y', 'real/tof', 'real/ssim',
                           'real/warp_error', 'real/warp_error_input', 'real/flicker'}
    assert all(isinstance(value, float) and math.isfinite(value) for value in values.values())


_RANK = """
import json, sys
import numpy as np, torch.distributed as dist
from photoreal.metrics import PSNR
from photoreal.structures import FrameResult

rank = int(sys.argv[1])
dist.init_process_group('gloo', init_method=f'file://{sys.argv[2]}', rank=rank, world_size=2)
metric = PSNR()
for video, length in {0: {'a': 5}, 1: {'b': 1, 'c': 2}}[rank].items():
    for i in range(length):
        target = np.full((8, 8, 3), 100, np.uint8)
        pred = target + np.uint8({'a': 1, 'b': 2, 'c': 4}[video] + i)
        info = dict(domain='real', video=video, name=str(i), index=i, length=length, fps=25.0)
        metric.process(None, [FrameResult(pred, target, target, None, info)])
values = metric.evaluate(8)
print(json.dumps([values, metric.per_video]))
dist.destroy_process_group()
"""


def test_two_processes_with_videos_of_unequal_length(tmp_path):
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path), 'OMP_NUM_THREADS': '1',
                                'GLOO_SOCKET_IFNAME': 'lo'}
    ranks = [subprocess.Popen([sys.executable, '-c', _RANK, str(rank), str(tmp_path / 'store')], cwd=tmp_path,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
             for rank in range(2)]
    outputs = [process.communicate(timeout=120) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], outputs
    main, other = (json.loads(out.splitlines()[-1]) for out, _ in outputs)

    def decibels(*levels):
        return float(np.mean([20 * math.log10(255 / level) for level in levels]))

    per_video = {'real/a': decibels(1, 2, 3, 4, 5), 'real/b': decibels(2), 'real/c': decibels(4, 5)}
    assert {video: values['psnr'] for video, values in main[1].items()} == pytest.approx(per_video)
    assert main[0]['real/psnr'] == pytest.approx(np.mean(list(per_video.values())))
    assert other[0] == main[0], 'all processes get the values'
    assert {path.name for path in tmp_path.iterdir()} <= {'store'}, 'gathering leaves no files behind'
