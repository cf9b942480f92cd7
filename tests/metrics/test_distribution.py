import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from photoreal.errors import CheckpointError, ConfigError
from photoreal.metrics import Distribution
from photoreal.metrics.features import FeatureExtractor
from photoreal.registry import FEATURE_EXTRACTORS

EXTRACTOR = {'type': 'SqueezeNetExtractor', 'side': 48}


def warm(frames):
    """The colours of another camera: red up, blue down."""
    return np.stack([cv2.convertScaleAbs(frames[..., c], alpha=a, beta=b)
                     for c, (a, b) in enumerate([(0.7, 70), (0.8, 20), (0.5, 0)])], axis=-1)


@pytest.fixture
def world(stream, moving_scene):
    """Frames of three real videos and of two virtual ones; what is given makes the predictions of the latter."""
    def of(translate=lambda frames: frames, labels=None):
        frames = []
        for i in range(3):
            scene = warm(moving_scene(length=6, seed=i))
            frames += stream(scene, scene, video=f'r{i}')
        for i in range(2):
            scene = moving_scene(length=6, seed=10 + i)
            frames += stream(translate(scene), scene, domain='virtual', video=f'v{i}')
        for frame in frames:
            frame.labels = labels
        return frames
    return of


def evaluate(metric, frames):
    metric.process(None, frames)
    return metric.evaluate(len(frames))


def test_a_translation_that_works_comes_close_to_real_and_the_rows_tell(world):
    metric = Distribution(EXTRACTOR)
    values = evaluate(metric, world(warm))
    names = {'kid', 'kid_ci95', 'fid', 'rbf_mmd'}
    rows = ('untranslated', 'reinhard', 'lab_matching', 'held_out_real')
    assert values.keys() == {f'distribution/{n}{r}' for n in names for r in ('', *(f'_{row}' for row in rows))}
    assert metric.rows.keys() == {'prediction', *rows}
    assert metric.rows['reinhard']['fid'] == values['distribution/fid_reinhard']
    assert metric.per_video.keys() == {'virtual/v0', 'virtual/v1'}
    for name in ('kid', 'fid', 'rbf_mmd'):
        assert metric.rows['prediction'][name] < 0.5 * metric.rows['untranslated'][name], name
        assert metric.rows['lab_matching'][name] < 0.7 * metric.rows['untranslated'][name], name
    prediction, real = metric.rows['prediction'], metric.rows['held_out_real']
    assert prediction['kid'] < real['kid'] + prediction['kid_ci95']


def test_no_translation_scores_as_the_untranslated_row(world):
    metric = Distribution(EXTRACTOR)
    evaluate(metric, world())
    assert metric.rows['prediction'] == pytest.approx(metric.rows['untranslated'], rel=1e-4)


def test_frames_are_few_and_spread_and_each_has_one_entry(world):
    metric = Distribution(EXTRACTOR, frames=3, crops=2)
    frames = world()
    metric.process(None, frames)
    assert len(metric.results) == len(frames)
    assert [i for i, sample in enumerate(metric.results[:6]) if sample.histogram is not None] == [0, 2, 4]
    metric.evaluate(len(frames))
    assert Distribution(EXTRACTOR, frames=3).results == []


def test_a_second_evaluation_is_the_same_again(world):
    metric = Distribution(EXTRACTOR, frames=2, crops=2)
    assert evaluate(metric, world(warm)) == evaluate(metric, world(warm))


def test_batches_and_the_order_of_videos_make_no_difference(world):
    frames = world(warm)
    by_video = [frames[i:i + 6] for i in range(0, len(frames), 6)]
    backwards = [frame for video in reversed(by_video) for frame in video]
    expected = evaluate(Distribution(EXTRACTOR, batch_size=1), frames)
    assert evaluate(Distribution(EXTRACTOR, batch_size=64), backwards) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_skvd_where_both_domains_have_labels(world):
    labels = np.tile(np.repeat(np.arange(3, dtype=np.uint8), 32), (64, 1))
    metric = Distribution(EXTRACTOR)
    frames = world(warm, labels)
    evaluate(metric, frames)
    row = metric.rows['prediction']
    assert row['skvd_pairs'] + row['skvd_rejected'] == 2 * 6 * 4 and row['skvd_pairs'] > 40
    assert row['skvd'] < metric.rows['untranslated']['skvd']
    for frame in frames[:18]:
        frame.labels = np.full_like(labels, 255)
    evaluate(metric, frames)
    assert metric.rows['prediction']['skvd_rejected'] == 48 and 'skvd' not in metric.rows['prediction']


def test_one_real_video_is_halved(world):
    metric = Distribution(EXTRACTOR)
    evaluate(metric, world(warm)[12:])
    assert 'held_out_real' in metric.rows


@pytest.mark.parametrize('part', [slice(18), slice(18, None)])
def test_one_domain_alone_gives_no_values_and_a_warning(part, world, caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        assert evaluate(Distribution(EXTRACTOR), world()[part]) == {}
    finally:
        logger.removeHandler(caplog.handler)
    assert 'needs videos of both domains' in caplog.text


class _Mean(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3)), x


def test_extractor_from_a_torchscript_file(tmp_path, world):
    path = tmp_path / 'mean.pt'
    torch.jit.trace(_Mean(), torch.zeros(1, 3, 8, 8)).save(path)
    config = {'type': 'NetworkFileExtractor', 'path': str(path), 'side': 16, 'mean': (0.0,) * 3, 'std': (1.0,) * 3}
    extractor = FEATURE_EXTRACTORS.build(config).to('cpu')
    images = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(extractor(images), images.mean((2, 3)))
    metric = Distribution(config)
    evaluate(metric, world(warm))
    assert metric.rows['prediction']['fid'] < 0.2 * metric.rows['untranslated']['fid']


def test_clip_from_a_folder(tmp_path):
    transformers = pytest.importorskip('transformers', reason='CLIP needs it')
    config = transformers.CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                                           num_attention_heads=2, image_size=32, patch_size=16, projection_dim=8)
    transformers.CLIPVisionModelWithProjection(config).save_pretrained(tmp_path)
    extractor = FEATURE_EXTRACTORS.build({'type': 'CLIPExtractor', 'model': str(tmp_path)}).to('cpu')
    with torch.no_grad():
        assert extractor(torch.rand(2, 3, extractor.side, extractor.side)).shape == (2, 8)


@pytest.mark.parametrize('config, message', [
    ({'type': 'InceptionExtractor', 'weights': 'none.pt'}, "'none.pt': no such file"),
    ({'type': 'VGGExtractor', 'weights': 'none.pth'}, 'none.pth'),
])
def test_an_extractor_that_cannot_be_had(config, message, world):
    with pytest.raises(CheckpointError, match=message):
        Distribution(config, required=True)
    assert evaluate(Distribution(config), world()) == {}


def test_a_package_that_is_not_installed(monkeypatch, world):
    monkeypatch.setitem(__import__('sys').modules, 'timm', None)
    with pytest.raises(ConfigError, match='timm.*pip install'):
        Distribution({'type': 'TimmExtractor'}, required=True)
    assert evaluate(Distribution({'type': 'TimmExtractor'}), world()) == {}


def test_wrong_arguments():
    with pytest.raises(ConfigError, match='crops=0'):
        Distribution(crops=0)
    with pytest.raises(ConfigError, match='side=8'):
        Distribution({'type': 'SqueezeNetExtractor', 'side': 8})


@pytest.mark.parametrize('config, message', [
    ({'type': 'SqueezNetExtractor'}, "extractor.*did you mean 'SqueezeNetExtractor'"),
    ({'type': 'SqueezeNetExtractor', 'sid': 48}, "extractor.*'sid'"),
    ({'side': 48}, 'extractor.*expected a dict with a type'),
    ('SqueezeNetExtractor', "extractor.*'SqueezeNetExtractor'.*expected a dict with a type"),
    ({'type': torch.nn.Identity}, 'extractor.*Identity.*expected a subclass of'),
])
@pytest.mark.parametrize('required', [True, False])
def test_a_misspelt_extractor_names_the_key(config, message, required):
    with pytest.raises(ConfigError, match=f'Distribution: {message}'):
        Distribution(config, required=required)


def test_every_name_but_the_predictions_own_distances_is_neutral(world):
    labels = np.tile(np.repeat(np.arange(3, dtype=np.uint8), 32), (64, 1))
    values = evaluate(Distribution(EXTRACTOR), world(warm, labels))
    names = {name.removeprefix('distribution/') for name in values}
    assert {'skvd_pairs', 'kid_ci95', 'fid_lab_matching'} <= names
    assert names - Distribution.neutral == {'kid', 'fid', 'rbf_mmd', 'skvd'}


def test_every_extractor_is_registered_under_the_interface():
    assert all(issubclass(kind, FeatureExtractor) for kind in FEATURE_EXTRACTORS.module_dict.values())
    assert 'SqueezeNetExtractor' in FEATURE_EXTRACTORS.module_dict
