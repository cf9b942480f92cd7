"""Exported steps against the eager one, with the state carried, and what the files say of themselves."""

import functools
import json

import numpy as np
import pytest
import torch

from photoreal.bundle import TrainedModel, load_bundle, save_bundle
from photoreal.errors import CheckpointError, ConfigError
from photoreal.export import blank_state, export_onnx, export_torch, read_description
from photoreal.models import ClipPreprocessor
from photoreal.registry import GENERATORS
from photoreal.testing.networks import moving_clip, randomize
from tests import tiny

MODALITIES = dict(blur=dict(type='Blur'), edges=dict(type='Edges'))
NETS = {
    'frnet': dict(type='FRNet', mid_channels=4, num_blocks=1, flow_channels=4),
    'frnet x2': dict(type='FRNet', mid_channels=4, num_blocks=1, flow_channels=4, scale=2, upsample='bicubic'),
    'unet': dict(type='RecurrentUNet', width=4, fold=2, blocks=(1, 1)),
    'unet x2': dict(type='RecurrentUNet', width=4, fold=4, blocks=(0, 1), scale=2),
    'detail': dict(type='DetailUNet', width=4, blocks=(1, 1)),
}
FRAMES = 50


def make_model(net: str, dropout: dict | None = None) -> TrainedModel:
    preprocessor = ClipPreprocessor(MODALITIES, 'blur', dropout)
    generator = GENERATORS.build({**NETS[net], 'in_channels': preprocessor.layout.channels, 'skip': (0, 3)}).eval()
    randomize(generator)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(0.7)  # as in trained networks, rounding does not grow from frame to frame
    config = json.loads(json.dumps({'modalities': MODALITIES, 'image': 'blur', 'generator': NETS[net]}))
    return TrainedModel(generator, preprocessor, config, {'checkpoint': 'here'})


class OnnxStep:
    """An ONNX file at work."""

    def __init__(self, path):
        ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed: pip install photoreal[onnx]')
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(str(path), options)

    def __call__(self, inputs):
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs)))


class TorchStep:
    """A torch.export file at work."""

    def __init__(self, path):
        self.names = ['pred', *(part['output'] for part in read_description(path)['state'].values())]
        self.module = torch.export.load(path).module()

    def __call__(self, inputs):
        with torch.no_grad():
            outputs = self.module(*map(torch.from_numpy, inputs.values()))
        return {name: value.numpy() for name, value in zip(self.names, outputs)}


def write(kind, model, folder, *args):
    if kind == 'onnx':
        pytest.importorskip('onnxscript', reason='onnxscript is not installed: pip install photoreal[onnx]')
        export_onnx(model, folder / 'model.onnx', *args)
        return folder / 'model.onnx', OnnxStep(folder / 'model.onnx')
    export_torch(model, folder / 'model.pt2', *args)
    return folder / 'model.pt2', TorchStep(folder / 'model.pt2')


@pytest.fixture(scope='module')
def of_any_size(tmp_path_factory):
    """(kind, net) -> a model, its exported file for any size, and that file at work."""
    @functools.cache
    def make(kind: str, net: str):
        model = make_model(net)
        return model, *write(kind, model, tmp_path_factory.mktemp('exported'), None, False, {'licence': 'CC0'})
    return make


def largest_error(model: TrainedModel, step, description: dict, size: tuple[int, int], frames: int = FRAMES) -> float:
    """Over a clip, each side carrying its own state."""
    clip = moving_clip(1, frames, 4, *size)
    eager, blank, worst = model.generator.init_state(clip[:, 0]), blank_state(description, *size), 0.0
    assert {name: value.shape for name, value in blank.items()} == \
        {f'state_{name}': tuple(value.shape) for name, value in eager.items()}
    after = None
    for i in range(frames):
        with torch.no_grad():
            expected, eager = model.generator.step(clip[:, i], eager)
        before = blank if after is None else {part['input']: after[part['output']]
                                              for part in description['state'].values()}
        maps = {'blur': clip[:, i, :3], 'edges': clip[:, i, 3:]}
        after = step({name: x.numpy().astype(description['dtype']) for name, x in maps.items()} | before)
        worst = max(worst, float(np.abs(after['pred'].astype(np.float32) - expected.numpy()).max()))
    assert expected.std() > 0.01
    return worst


QUICK = {('onnx', 'unet'), ('onnx', 'detail'), ('torch', 'frnet')}  # tracing for any size takes seconds


@pytest.mark.parametrize('kind, net', [
    pytest.param(kind, net, marks=[] if (kind, net) in QUICK else pytest.mark.slow)
    for kind in ('onnx', 'torch') for net in NETS])
def test_any_size_agrees_with_eager_over_fifty_frames(kind, net, of_any_size):
    model, path, step = of_any_size(kind, net)
    description = read_description(path)
    for size in ((37, 51), (64, 96), (45, 77)):
        assert largest_error(model, step, description, size) < 1e-4


@pytest.mark.parametrize('kind', ['onnx', 'torch'])
@pytest.mark.parametrize('net', ['frnet', 'unet'])
def test_a_fixed_odd_size_agrees_with_eager(kind, net, tmp_path):
    model = make_model(net)
    path, step = write(kind, model, tmp_path, (37, 51))
    assert largest_error(model, step, read_description(path), (37, 51)) < 1e-4


@pytest.mark.parametrize('kind', ['onnx', pytest.param('torch', marks=pytest.mark.slow)])
@pytest.mark.parametrize('net', ['frnet', 'unet'])
def test_half_precision(kind, net, tmp_path):
    model = make_model(net)
    path, step = write(kind, model, tmp_path, (24, 32), True)
    description = read_description(path)
    assert description['dtype'] == 'float16'
    assert largest_error(model, step, description, (24, 32), frames=3) < 0.1


@pytest.mark.parametrize('kind', ['onnx', pytest.param('torch', marks=pytest.mark.slow)])
def test_the_file_says_what_it_is(kind, of_any_size):
    _, path, _ = of_any_size(kind, 'unet')
    found = read_description(path)
    assert found['model']['modalities']['blur']['type'] == 'Blur' and found['model']['image'] == 'blur'
    assert found['metadata'] == {'checkpoint': 'here', 'licence': 'CC0'}
    assert (found['scale'], found['size'], found['dtype']) == (1, None, 'float32')
    assert found['inputs'] == {'blur': [1, 3, ['height', 1, 1], ['width', 1, 1]],
                               'edges': [1, 1, ['height', 1, 1], ['width', 1, 1]]}
    assert found['state']['encoded'] == {'input': 'state_encoded', 'output': 'next_encoded',
                                         'shape': [1, 4, ['height', 8, 4], ['width', 8, 4]]}
    assert found['state']['pred']['shape'] == [1, 3, ['height', 8, 8], ['width', 8, 8]]
    if kind == 'onnx':
        import onnx
        graph = onnx.load(path)
        onnx.checker.check_model(graph, full_check=True)
        assert graph.opset_import[0].version >= 16
        axes = {value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
                for value in [*graph.graph.input, *graph.graph.output]}
        folded = ['4*ceil(height/8)', '4*ceil(width/8)']
        assert axes == {
            'blur': [1, 3, 'height', 'width'], 'edges': [1, 1, 'height', 'width'], 'state_encoded': [1, 4, *folded],
            'state_hidden': [1, 4, *folded], 'state_pred': [1, 3, '8*ceil(height/8)', '8*ceil(width/8)'],
            'pred': [1, 3, 'height', 'width'], 'next_encoded': [1, 4, *folded], 'next_hidden': [1, 4, *folded],
            'next_pred': [1, 3, '8*ceil(height/8)', '8*ceil(width/8)']}


@pytest.mark.parametrize('kind', ['onnx', 'torch'])
def test_a_modality_may_be_missing(kind, tmp_path):
    model = make_model('unet', dict(prob=dict(edges=0.5)))
    path, step = write(kind, model, tmp_path, (24, 32))
    description = read_description(path)
    assert description['inputs']['edges_given'] == [1, 1, 1, 1]
    maps = {'blur': torch.randint(0, 256, (1, 3, 24, 32), dtype=torch.uint8),
            'edges': torch.randint(0, 2, (1, 1, 24, 32), dtype=torch.uint8)}
    predicted = []
    for names in (['blur', 'edges'], ['blur']):
        condition = model.preprocessor.encode({name: maps[name] for name in names})
        with torch.no_grad():
            expected, _ = model.generator.step(condition, model.generator.init_state(condition))
        inputs = {'blur': condition[:, :3], 'edges': condition[:, 3:4],
                  'edges_given': torch.full((1, 1, 1, 1), float('edges' in names))}
        after = step({name: x.numpy() for name, x in inputs.items()} | blank_state(description, 24, 32))
        np.testing.assert_allclose(after['pred'], expected.numpy(), atol=1e-4)
        predicted.append(after['pred'])
    assert np.abs(predicted[0] - predicted[1]).max() > 1e-3


def test_exporting_leaves_the_model_as_it_was(tmp_path):
    model = make_model('frnet')
    before = {key: value.clone() for key, value in model.generator.state_dict().items()}
    export_torch(model, tmp_path / 'm.pt2', (24, 32), half=True)
    assert all(torch.equal(value, before[key]) for key, value in model.generator.state_dict().items())


def test_files_that_are_something_else(tmp_path):
    model = make_model('frnet')
    with pytest.raises(CheckpointError, match="ends in '.onnx'"):
        export_onnx(model, tmp_path / 'm.pt2')
    with pytest.raises(CheckpointError, match="ends in '.pt2'"):
        export_torch(model, tmp_path / 'm.onnx')
    for name in ('m.pt2', 'm.onnx'):
        with pytest.raises(CheckpointError, match='no exported model'):
            read_description(tmp_path / name)
    (tmp_path / 'm.pt2').write_bytes(b'no such thing')
    with pytest.raises(CheckpointError, match='cannot be read as a torch.export program'):
        read_description(tmp_path / 'm.pt2')
    pytest.importorskip('onnx', reason='onnx is not installed: pip install photoreal[onnx]')
    (tmp_path / 'm.onnx').write_bytes(b'no such thing')
    with pytest.raises(CheckpointError, match='cannot be read as an ONNX model'):
        read_description(tmp_path / 'm.onnx')


def test_without_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package 'onnx': pip install '\.\[onnx\]'"):
        export_onnx(make_model('frnet'), tmp_path / 'm.onnx')


def test_a_bundle_in_half_the_space(tmp_path):
    model = make_model('unet')
    save_bundle(model, tmp_path / 'whole.safetensors')
    save_bundle(model, tmp_path / 'half.safetensors', half=True)
    weights = sum(value.nbytes for value in model.generator.state_dict().values())
    saved = (tmp_path / 'whole.safetensors').stat().st_size - (tmp_path / 'half.safetensors').stat().st_size
    assert saved == pytest.approx(weights / 2, rel=0.1)
    loaded = load_bundle(tmp_path / 'half.safetensors').generator.state_dict()
    for key, value in model.generator.state_dict().items():
        assert loaded[key].dtype == torch.float32
        torch.testing.assert_close(loaded[key], value, rtol=1e-3, atol=1e-4)


def test_a_bundle_is_not_written_over_itself(tmp_path):
    save_bundle(make_model('frnet'), tmp_path / 'm.safetensors')
    (tmp_path / 'link.safetensors').symlink_to('m.safetensors')
    before = (tmp_path / 'm.safetensors').read_bytes()
    for out in (tmp_path / 'm.safetensors', tmp_path / 'link.safetensors', f'{tmp_path}/./m.safetensors'):
        ended = tiny.run('export', tmp_path / 'm.safetensors', '--half', '--out', out)
        assert ended.code == 1 and 'is what is read, and would be overwritten' in ended.err
        assert (tmp_path / 'm.safetensors').read_bytes() == before


def test_the_tool(trained, tmp_path):
    args = (trained.config, '--checkpoint', trained.work_dir)
    ended = tiny.run('export', *args, '--out', tmp_path / 'm.safetensors', '--note', 'licence=CC0')
    assert ended.code == 0, ended.err
    ended = tiny.run('export', tmp_path / 'm.safetensors', '--to', 'torch', '--size', '40x56', '--out',
                     tmp_path / 'm.pt2')
    assert ended.code == 0, ended.err
    found = read_description(tmp_path / 'm.pt2')
    assert found['size'] == [40, 56] and found['metadata']['licence'] == 'CC0'
    assert tiny.run('export', *args, '--to', 'torch', '--size', '40', '--out', 'm.pt2').code == 2
    assert tiny.run('export', *args, '--size', '40x56', '--out', 'm.safetensors').code == 2
    ended = tiny.run('export', *args, '--to', 'onnx', '--out', tmp_path / 'm.pt2')
    assert ended.code == 1 and "ends in '.onnx'" in ended.err
