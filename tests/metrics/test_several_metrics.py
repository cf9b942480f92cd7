"""Metrics of the same names side by side: nothing that one has measured is lost to another."""

import pytest
from mmengine.evaluator import Evaluator

from photoreal.engine.summary import by_video, summary
from photoreal.report import table
from photoreal.reporting.compare import compare

EXTRACTOR = {'type': 'SqueezeNetExtractor', 'side': 48}


@pytest.fixture
def evaluated(stream, moving_scene):
    """PSNR and Distribution twice each, over a real video of 7 frames, one of 5, and a virtual one."""
    evaluator = Evaluator([
        {'type': 'PSNR'}, {'type': 'PSNR', 'protocol': 'tecogan', 'prefix': 'tecogan'},
        {'type': 'Distribution', 'extractor': EXTRACTOR, 'frames': 3},
        {'type': 'Distribution', 'extractor': EXTRACTOR, 'frames': 3, 'crops': 2, 'prefix': 'few'}])
    frames = []
    for video, length, wrong in (('x', 7, 1), ('y', 5, 8)):
        scene = moving_scene(length=length, seed=length)
        pred = scene.copy()
        pred[2:-2] ^= wrong
        frames += stream(pred, scene, video=video)
    scene = moving_scene(length=4, seed=9)
    frames += stream(scene, scene, domain='virtual', video='z')
    evaluator.process(frames)
    return evaluator.metrics, evaluator.evaluate(len(frames))


def test_values_of_another_prefix_keep_it(evaluated):
    metrics, mean = evaluated
    report = summary(metrics, mean)
    videos = [report['videos'][f'real/{name}'] for name in 'xy']
    for video in videos:
        assert video.keys() == {'psnr', 'psnr_y', 'tecogan/psnr', 'tecogan/psnr_y'}
        assert video['psnr'] > video['tecogan/psnr'] + 1, 'plain has equal frames too'
    assert report['mean']['real/psnr'] == pytest.approx(sum(video['psnr'] for video in videos) / 2)
    assert report['mean']['tecogan/psnr'] == pytest.approx(sum(video['tecogan/psnr'] for video in videos) / 2)
    assert report['videos']['virtual/z'].keys() == {'kid', 'few/kid'}
    assert {'prediction', 'untranslated', 'few/prediction', 'few/untranslated'} <= report['distribution'].keys()
    assert report['distribution']['prediction']['fid'] == report['mean']['distribution/fid']
    assert report['distribution']['few/prediction']['fid'] == report['mean']['few/fid']


def test_frames_of_both_are_there_and_compared(evaluated):
    metrics, _ = evaluated
    frames = by_video(metrics, 'per_frame')
    assert frames['real/y']['tecogan/psnr'][:2] == [None, None] and frames['real/y']['psnr'][:2] == [100.0, 100.0]
    assert {row.metric for row in compare(frames, frames, ['psnr'])} == {'psnr', 'psnr_y', 'tecogan/psnr',
                                                                         'tecogan/psnr_y'}


def test_the_mean_over_frames_weighs_each_frame_the_same(evaluated):
    metrics, mean = evaluated
    report, frames = summary(metrics, mean), by_video(metrics, 'per_frame')
    for key, name in (('real/psnr', 'psnr'), ('tecogan/psnr', 'tecogan/psnr')):
        values = [value for video in 'xy' for value in frames[f'real/{video}'][name] if value is not None]
        assert report['mean_over_frames'][key] == pytest.approx(sum(values) / len(values))
        assert abs(report['mean_over_frames'][key] - report['mean'][key]) > 0.1
    assert report['mean_over_frames'].keys() == {'real/psnr', 'real/psnr_y', 'tecogan/psnr', 'tecogan/psnr_y'}


def test_directions_are_of_names_without_prefix(evaluated):
    report = summary(*evaluated)
    assert report['higher_is_better'] == ['psnr', 'psnr_y']
    assert {'psnr_input', 'kid_ci95'} <= set(report['neutral'])


def test_the_text_has_a_section_a_prefix(evaluated):
    report = summary(*evaluated)
    sections = {section.splitlines()[0].split('  ')[0] + section.splitlines()[-1].split('  ')[0]: section.splitlines()
                for section in table(report).split('\n\n')}
    lines = sections['videotecogan: all videos']
    assert lines[0].split() == ['video', 'psnr', 'psnr_y'] and len(lines) == 5
    assert lines[2].split()[:2] == ['real/x', f"{report['videos']['real/x']['tecogan/psnr']:.4g}"]
    assert lines[4].split()[3] == f"{report['mean']['tecogan/psnr']:.4g}"
    assert sections['videoreal: mean of videos'][0].split() == ['video', 'psnr', 'psnr_y']
    assert sections['videofew: all videos'][2].startswith('virtual/z')
