import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from photoreal.errors import CheckpointError, ConfigError
from photoreal.metrics import LPIPS, FeatureDistance
from photoreal.models.features import AlexNetFeatures, VGG16Features


def evaluate(metric, frames):
    metric.process(None, frames)
    return metric.evaluate(len(frames))


@pytest.fixture(scope='module')
def alexnet(tmp_path_factory):
    """A weights file of AlexNet's shapes; the published one cannot be shipped."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'alexnet.pth'
    torch.save(dict(AlexNetFeatures().named_parameters()), path)
    return str(path)


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def blurred_scene(moving_scene):
    scene = moving_scene(length=5, height=72, width=88)
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1 + i % 2) for i, frame in enumerate(scene)]), scene


def reference_lpips(features, heads, a, b):
    """LPIPS v0.1 as its paper has it, pixel by pixel."""
    total = 0
    for head, x, y in zip(heads, *(features(torch.from_numpy(i.transpose(2, 0, 1))[None] / 255.0) for i in (a, b))):
        x, y = (v[0].flatten(1).T.double() for v in (x, y))
        x, y = (v / v.norm(dim=1, keepdim=True).clamp(min=1e-10) for v in (x, y))
        total += float(((x - y) ** 2 @ torch.from_numpy(head).double()).mean())
    return total


@torch.no_grad()
def test_lpips_and_tlp_are_the_published_formulas(alexnet, blurred_scene, stream):
    pred, scene = blurred_scene
    metric = LPIPS(weights=alexnet, required=True, batch_size=2)
    frames = stream(pred, scene)
    metric.process(None, frames)
    features = AlexNetFeatures()
    features.load(torch.load(alexnet), alexnet)
    with np.load('photoreal/assets/lpips_v0.1_heads.npz') as file:
        heads = [file[f'alexnet.{i}'] for i in range(5)]

    def distance(a, b):
        return reference_lpips(features, heads, a, b)

    found = [values for _, values in metric.results]
    assert [v['lpips'] for v in found] == pytest.approx([distance(p, t) for p, t in zip(pred, scene)], abs=1e-5)
    assert 'tlp' not in found[0]
    expected = [100 * abs(distance(pred[i - 1], pred[i]) - distance(scene[i - 1], scene[i])) for i in range(1, 5)]
    assert [v['tlp'] for v in found[1:]] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize('make', [lambda **kw: FeatureDistance(**kw), None], ids=['squeeze', 'lpips'])
def test_batches_make_no_difference_and_videos_stay_apart(make, alexnet, blurred_scene, stream):
    make = make or (lambda **kw: LPIPS(weights=alexnet, **kw))
    pred, scene = blurred_scene
    frames = stream(pred, scene, video='a') + stream(pred[2:], scene[2:], video='b')
    found = []
    for size in (1, 3, 16):
        metric = make(batch_size=size)
        metric.process(None, frames)
        found.append([values for _, values in metric.results])
    for values in found[1:]:
        assert [v.keys() for v in values] == [v.keys() for v in found[0]]
        for a, b in zip(values, found[0]):
            assert a == pytest.approx(b, abs=2e-4)
    assert [len(v) for v in found[0]] == [1, 2, 2, 2, 2, 1, 2, 2]


def test_squeeze_distance_orders_and_is_zero_for_a_copy(blurred_scene, stream, moving_scene):
    pred, scene = blurred_scene
    other = moving_scene(length=5, height=72, width=88, seed=9)
    copy, near, far = (evaluate(FeatureDistance(), stream(x, scene)) for x in (scene, pred, other))
    assert copy == pytest.approx({'real/squeeze_distance': 0, 'real/squeeze_temporal': 0}, abs=1e-4)
    assert 0.01 < near['real/squeeze_distance'] < far['real/squeeze_distance'] <= 1
    assert near['real/squeeze_temporal'] > 0.1


def test_protocol_leaves_out_the_ends(stream, moving_scene):
    scene = moving_scene(length=7)
    metric = FeatureDistance(protocol='tecogan')
    metric.process(None, stream(scene, scene))
    assert [len(values) for _, values in metric.results] == [0, 0, 1, 2, 2, 0, 0]


def test_without_weights_it_is_left_out_once_and_the_others_still_run(tmp_path, stream, moving_scene, log):
    scene = moving_scene(length=3)
    evaluator = Evaluator([{'type': 'LPIPS', 'weights': str(tmp_path / 'none.pth')}, {'type': 'PSNR'}])
    evaluator.process(stream(scene, scene))
    assert evaluator.evaluate(3) == {'real/psnr': 100, 'real/psnr_y': 100}
    warnings = [record.getMessage() for record in log.records if record.levelname == 'WARNING']
    assert len(warnings) == 1 and 'LPIPS is left out' in warnings[0] and 'none.pth' in warnings[0]


def test_weights_nowhere_and_no_network_say_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', _no_network)
    with pytest.raises(CheckpointError, match=r'alexnet-owt-7be5be79\.pth from https.*PHOTOREAL_WEIGHTS'):
        LPIPS(required=True)


def _no_network(*args, **kwargs):
    raise OSError('no network')


def test_weights_are_found_in_the_folder_of_the_user(alexnet, tmp_path, monkeypatch):
    monkeypatch.setenv('PHOTOREAL_WEIGHTS', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', _no_network)
    shutil.copy(alexnet, tmp_path / 'alexnet-owt-7be5be79.pth')
    assert LPIPS(required=True).available


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="net='alx' is unknown; did you mean 'alex'"):
        LPIPS(net='alx')
    with pytest.raises(ConfigError, match='batch_size=0'):
        FeatureDistance(batch_size=0)
    with pytest.raises(ConfigError, match="backbone='vgg61' is unknown"):
        FeatureDistance(backbone='vgg61')


def test_layers_of_vgg16_have_the_published_widths():
    with torch.no_grad():
        assert [x.shape[1] for x in VGG16Features()(torch.zeros(1, 3, 32, 32))] == [64, 128, 256, 512, 512]
