import cv2
import numpy as np
import pytest
import torch

from photoreal.errors import CheckpointError, ConfigError
from photoreal.metrics import EdgeAgreement, LabelAgreement
from photoreal.metrics.structure import edge_f1


def street(shift=0):
    image = np.full((80, 120), 60, np.uint8)
    cv2.rectangle(image, (20 + shift, 15), (60 + shift, 60), 200, cv2.FILLED)
    cv2.circle(image, (90 + shift, 40), 15, 120, cv2.FILLED)
    return image


def test_edges_of_a_copy_agree_whatever_its_brightness_and_contrast():
    assert edge_f1(street(), street()) == 1
    assert edge_f1(street() // 2 + 100, street()) > 0.95


def test_edges_may_be_off_by_the_tolerance_alone():
    assert edge_f1(street(2), street(), tolerance=2) > 0.95
    assert edge_f1(street(9), street(), tolerance=2) < 0.6
    assert edge_f1(street(9), street(), tolerance=9) > 0.95


def test_edges_lost_or_invented_lower_the_score():
    lost = street()
    lost[:, 70:] = 60
    assert edge_f1(lost, street()) == pytest.approx(edge_f1(street(), lost), abs=0.05)
    assert 0.3 < edge_f1(lost, street()) < 0.9
    assert edge_f1(np.full_like(lost, 9), street()) == 0
    assert edge_f1(np.full_like(lost, 9), np.full_like(lost, 70)) is None


def test_edge_metric(stream):
    source = [cv2.cvtColor(street(i), cv2.COLOR_GRAY2RGB) for i in range(3)]
    source.append(np.zeros_like(source[0]))
    metric = EdgeAgreement('virtual')
    metric.process(None, stream(source, source, domain='virtual'))
    assert [values for _, values in metric.results] == [{'edge_f1': 1.0}] * 3 + [{}]
    with pytest.raises(ConfigError, match='tolerance=-1'):
        EdgeAgreement('virtual', tolerance=-1)


class _Threshold(torch.nn.Module):
    """Two classes: dark and bright."""

    def forward(self, x):
        grey = x.mean(1, keepdim=True)
        return torch.cat([0.5 - grey, grey - 0.5], dim=1)


PLAIN = {'mean': (0.0,) * 3, 'std': (1.0,) * 3}


@pytest.fixture(scope='module')
def segmenter(tmp_path_factory):
    path = tmp_path_factory.mktemp('nets') / 'segmenter.pt'
    torch.jit.trace(_Threshold(), torch.zeros(1, 3, 8, 8)).save(path)
    return str(path)


def test_label_agreement_is_the_share_of_equal_classes(segmenter, stream):
    source = np.zeros((5, 20, 20, 3), np.uint8)
    source[:, :10] = 255
    pred = source.copy()
    pred[:, 10:, :5] = 200
    metric = LabelAgreement('virtual', segmenter, batch_size=2, **PLAIN)
    metric.process(None, stream(pred, source, domain='virtual'))
    assert metric.evaluate(5) == {'virtual/label_agreement': 0.875}
    small = LabelAgreement('virtual', segmenter, size=(8, 16), **PLAIN)
    small.process(None, stream(pred, source, domain='virtual'))
    assert small.evaluate(5)['virtual/label_agreement'] == pytest.approx(0.875, abs=0.05)


def test_segmenter_as_onnx(tmp_path, stream):
    onnx = pytest.importorskip('onnx', reason='makes the file')
    pytest.importorskip('onnxruntime', reason='runs the file')
    helper, path = onnx.helper, tmp_path / 'segmenter.onnx'
    shape = ['n', 3, 'h', 'w']
    graph = helper.make_graph([helper.make_node('Neg', ['x'], ['y'])], 'negative', [
        helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, shape)], [
        helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, shape)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 16)], ir_version=9), path)
    source = np.zeros((2, 16, 16, 3), np.uint8)
    source[..., 0] = 9  # the class is the weakest channel: 1
    pred = source.copy()
    pred[:, :4, :, 1] = 200  # 2
    metric = LabelAgreement('real', str(path), **PLAIN)
    metric.process(None, stream(pred, source))
    assert metric.evaluate(2) == {'real/label_agreement': 0.75}


def test_a_segmenter_that_is_not_there_or_no_network(tmp_path):
    with pytest.raises(CheckpointError, match='no such file'):
        LabelAgreement('real', str(tmp_path / 'none.pt'))
    weights = tmp_path / 'weights.pth'
    torch.save({'a': torch.zeros(1)}, weights)
    with pytest.raises(CheckpointError, match='as TorchScript.*bare state_dict is not enough'):
        LabelAgreement('real', str(weights))
    assert not LabelAgreement('real', str(weights), required=False).available
