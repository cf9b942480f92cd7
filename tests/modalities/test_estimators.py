import pickle
import sys

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from photoreal.errors import ConfigError
from photoreal.modalities import MonoDepth, Segmentation
from photoreal.testing.modality import ModalityContract, street_frames

PLAIN = dict(mean=(0, 0, 0), std=(1, 1, 1))  # so that the network sees frames / 255


class Scores(nn.Module):
    """The classes of a pixel are its strongest colour: scores (1, 3, h / stride, w / stride)."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(x)


class Two(nn.Module):
    """Two outputs: class numbers, and brightness."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.argmax(1), x.mean(1, keepdim=True)


class Red(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1]


def script(module: nn.Module, path, size=(24, 32)):
    torch.jit.trace(module, torch.rand(1, 3, *size)).save(path)
    return str(path)


def export(module: nn.Module, path, size=(24, 32)):
    torch.export.save(torch.export.export(module, (torch.rand(1, 3, *size),)), path)
    return str(path)


def onnx_of(path, kind='Identity', size=None):
    """An ONNX file by hand: the scores are the colours, or the only map is their mean."""
    onnx = pytest.importorskip('onnx', reason='onnx is not installed: pip install onnx')
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed: pip install photoreal[onnx]')
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    shape = [1, 3, *(size or ('h', 'w'))]
    attributes = {} if kind == 'Identity' else {'axes': [1], 'keepdims': 1}
    node = helper.make_node(kind, ['image'], ['maps'], **attributes)
    graph = helper.make_graph([node], 'tiny', [helper.make_tensor_value_info('image', number, shape)],
                              [helper.make_tensor_value_info('maps', number, [1, 3 if kind == 'Identity' else 1,
                                                                              *shape[2:]])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8), str(path))
    return str(path)


class TestSegmentationContract(ModalityContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path):
        self.path = script(Scores(), tmp_path / 'scores.pt')

    def make(self):
        return Segmentation(self.path, num_classes=3, size=(24, 32))


class TestMonoDepthContract(ModalityContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path):
        self.path = script(Red(), tmp_path / 'red.pt')

    def make(self):
        return MonoDepth(self.path)


def frames(length=2, height=24, width=32):
    return street_frames(np.random.default_rng(3), length, height, width)


@pytest.mark.parametrize('make', [
    lambda folder: script(Scores(), folder / 'm.pt'), lambda folder: export(Scores(), folder / 'm.pt2'),
    lambda folder: onnx_of(folder / 'm.onnx'),
], ids=['torchscript', 'export', 'onnx'])
def test_every_kind_of_file_gives_the_same_classes(tmp_path, make):
    given = frames()
    modality = Segmentation(make(tmp_path), num_classes=3, **PLAIN)
    found = modality.compute(given)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 0], given.argmax(-1))
    one_hot = modality.encode(torch.from_numpy(found).movedim(-1, -3))
    assert one_hot.shape == (2, 3, 24, 32) and (one_hot.sum(1) == 1).all()


def test_mean_and_std_reach_the_network(tmp_path):
    given = frames(1)
    path = script(Scores(), tmp_path / 'm.pt')
    shifted = Segmentation(path, num_classes=3, mean=(0, 0.9, 0.9), std=(1, 1, 1)).compute(given)
    np.testing.assert_array_equal(shifted[..., 0], (given / 255 - (0, 0.9, 0.9)).argmax(-1))


def test_scores_of_another_size_are_resized_before_the_choice(tmp_path):
    given = frames(1, 48, 64)
    modality = Segmentation(script(Scores(4), tmp_path / 'm.pt'), num_classes=3, size=(24, 32), **PLAIN)
    small = cv2.resize(given[0], (32, 24), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    pooled = small.reshape(6, 4, 8, 4, 3).mean((1, 3), dtype=np.float32)
    expected = cv2.resize(pooled, (64, 48), interpolation=cv2.INTER_LINEAR).argmax(-1)
    assert (modality.compute(given)[0, ..., 0] == expected).mean() > 0.999  # ties in the last bit


def test_outputs_by_number_and_class_numbers_as_output(tmp_path):
    path, given = script(Two(), tmp_path / 'm.pt'), frames(1)
    numbers = Segmentation(path, num_classes=3, ignore=2, **PLAIN).compute(given)
    expected = given.argmax(-1).astype(np.uint8)
    np.testing.assert_array_equal(numbers[..., 0], np.where(expected == 2, 255, expected))
    depth = MonoDepth(path, limits=(0, 1), output=1, **PLAIN).compute(given)
    np.testing.assert_allclose(depth[..., 0] / 65535, given.mean(-1) / 255, atol=2e-5)
    with pytest.raises(ConfigError, match=r"output=2: the network has '0', '1'"):
        MonoDepth(path, output=2).compute(given)
    with pytest.raises(ConfigError, match='number of classes|no class has the value'):
        Segmentation(path, num_classes=1).compute(given)


def test_output_by_name(tmp_path):
    path = onnx_of(tmp_path / 'm.onnx', 'ReduceMean')
    given = frames(1)
    found = MonoDepth(path, limits=(0, 1), output='maps', **PLAIN).compute(given)
    np.testing.assert_allclose(found[..., 0] / 65535, given.mean(-1) / 255, atol=2e-5)
    with pytest.raises(ConfigError, match="output='depth': the network has 'maps'"):
        MonoDepth(path, output='depth').compute(given)


def test_near_is_one_whatever_the_network_gives(tmp_path):
    path, given = script(Red(), tmp_path / 'm.pt'), frames(1)
    red = given[0, ..., 0] / 255
    relative = MonoDepth(path, **PLAIN)
    found = relative.encode(torch.from_numpy(relative.compute(given)).movedim(-1, -3))[0, 0].numpy()
    np.testing.assert_allclose(found, (red - red.min()) / (red.max() - red.min()), atol=2e-5)
    metric = MonoDepth(path, kind='depth', limits=(0.2, 0.6), **PLAIN).compute(given)[0, ..., 0] / 65535
    np.testing.assert_allclose(metric, 1 - np.clip((red - 0.2) / 0.4, 0, 1), atol=2e-5)
    assert (relative.compute(np.full((1, 24, 32, 3), 9, np.uint8)) == 0).all()


def test_a_clip_does_not_change_its_frames_maps_and_pickling_keeps_it(tmp_path):
    modality, given = Segmentation(script(Scores(), tmp_path / 'm.pt'), num_classes=3), frames(3)
    whole = modality.compute(given)
    for i in range(3):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(modality)).compute(given[i:i + 1])[0], whole[i])


@pytest.mark.parametrize(('arguments', 'said'), [
    (dict(model='nowhere/m.onnx'), "model='nowhere/m.onnx': no such file"),
    (dict(model='m.keras'), "suffix '.keras'"),
    (dict(model=None, size=(3, 4, 5)), 'size='),
    (dict(model=None, size=0), 'size'),
    (dict(model=None, mean=(0, 0)), 'mean='),
    (dict(model=None, std=(1, 1, 0)), 'std='),
    (dict(model=None, output=1.5), 'output=1.5'),
])
def test_wrong_arguments(arguments, said):
    for kind in (Segmentation, MonoDepth):
        with pytest.raises(ConfigError, match=said):
            kind(**arguments)


def test_wrong_arguments_of_depth():
    wrong = {'kind=': dict(kind='far'), 'low < high': dict(limits=(2, 1)), 'limits=3': dict(limits=3)}
    for said, arguments in wrong.items():
        with pytest.raises(ConfigError, match=said):
            MonoDepth(None, **arguments)


def test_without_onnxruntime(tmp_path, monkeypatch):
    (tmp_path / 'm.onnx').write_bytes(b'')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[onnx\]'"):
        MonoDepth(str(tmp_path / 'm.onnx'))


def test_files_that_are_no_networks_or_do_not_fit(tmp_path):
    (tmp_path / 'm.pt').write_bytes(b'no network')
    with pytest.raises(ConfigError, match='cannot be read as a network'):
        MonoDepth(str(tmp_path / 'm.pt')).compute(frames(1))
    with pytest.raises(ConfigError, match='model=None'):
        MonoDepth(None).compute(frames(1))
    with pytest.raises(ConfigError, match='gives 3 maps; expected num_classes=19'):
        Segmentation(script(Scores(), tmp_path / 's.pt')).compute(frames(1))
    with pytest.raises(ConfigError, match='gives 3 maps; expected one'):
        MonoDepth(str(tmp_path / 's.pt')).compute(frames(1))
    fixed = export(Red(), tmp_path / 'f.pt2')
    with pytest.raises(ConfigError, match='frame of 20x10 pixels'):
        MonoDepth(fixed).compute(frames(1, 10, 20))


def test_frames_for_the_network_are_shrunk_as_pictures():
    frames = street_frames(np.random.default_rng(0), 1, 8, 12)
    means = frames.reshape(1, 4, 2, 6, 2, 3).mean((2, 4))
    found = Segmentation(None, num_classes=3).shrink(frames, 2)
    assert np.abs(found - means).max() <= 0.5
