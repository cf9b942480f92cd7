"""Weights of TecoGAN-PyTorch: renamed without loss, and nothing in their file is run."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from photoreal.engine.checkpoint import load_weights, read_checkpoint
from photoreal.errors import CheckpointError
from photoreal.migrate import convert_weights, convert_weights_file
from photoreal.models import VideoGAN
from photoreal.models.discriminators import SpatialDiscriminator, SpatioTemporalDiscriminator
from photoreal.models.generators import FRNet
from tests.goldens import rules

ROOT = Path(__file__).parents[2]
DISCRIMINATORS = {'STNet': SpatioTemporalDiscriminator, 'SNet': SpatialDiscriminator}


def generator(scale: int = 2, seed: int = 1) -> dict[str, torch.Tensor]:
    return rules.fill(rules.generator_shapes(4, 2, scale), seed)


@pytest.mark.parametrize('scale', [2, 4])
def test_every_weight_of_a_generator_finds_its_place(scale):
    published, net = generator(scale), FRNet(3, mid_channels=4, num_blocks=2, scale=scale, skip=(0, 3))
    converted = convert_weights(published)
    net.load_state_dict(converted)
    assert {id(tensor) for tensor in converted.values()} == {id(tensor) for tensor in published.values()}
    assert torch.equal(net.flow_net.decoder[1][2].weight, published['fnet.decoder2.2.weight'])
    assert torch.equal(net.blocks[1].body[0].bias, published['srnet.resblocks.1.conv.0.bias'])
    assert torch.equal(net.conv_out.weight, published['srnet.conv_out.weight'])


@pytest.mark.parametrize('kind', DISCRIMINATORS)
def test_every_weight_of_a_discriminator_finds_its_place(kind):
    published, net = rules.fill(rules.discriminator_shapes(kind, 32), 2), DISCRIMINATORS[kind](3, spatial_size=32)
    net.load_state_dict(convert_weights(published))
    assert torch.equal(net.trunk.blocks[3][1].running_var, published['discriminator_block.block4.1.running_var'])
    assert torch.equal(net.trunk.head[1].weight, published['dense.weight'])


def test_weights_of_several_gpus_and_derived_kernels():
    expected = convert_weights(generator())
    wrapped = {f'module.{key}': value for key, value in generator().items()}
    wrapped |= {'module.srnet.upsample_func.kernels': torch.zeros(4, 4), 'upsample_func.kernels': torch.zeros(4, 4)}
    found = convert_weights(wrapped)
    assert found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in found)


@pytest.mark.parametrize('state, message', [
    (generator() | {'srnet.attention.weight': torch.zeros(1)}, "1 unknown keys, the first 'srnet.attention.weight'"),
    ({'conv1.weight': torch.zeros(1), 'fc.bias': torch.zeros(1)}, "2 unknown keys, the first 'conv1.weight'"),
    ({}, 'no weights; expected keys such as'),
    ({'kernels': torch.zeros(4, 4)}, 'no weights; expected keys such as')])
def test_weights_of_another_network(state, message):
    with pytest.raises(CheckpointError, match=message):
        convert_weights(state)


def test_converted_file_is_a_checkpoint(tmp_path):
    source, target = tmp_path / 'G_iter10.pth', tmp_path / 'made' / 'generator.pth'
    torch.save(generator(), source)
    assert convert_weights_file(source, target) == 'generator'
    model = VideoGAN(modalities=dict(frame=dict(type='ImageFolder', folder='lr')), image='frame',
                     generator=dict(type='FRNet', mid_channels=4, num_blocks=2, scale=2),
                     losses=dict(pixel=dict(type='PixelLoss')))
    load_weights(model, read_checkpoint(target)['state_dict'], str(target))
    for net in (model.generator, model.trained_generator):
        assert torch.equal(net.conv_in[0].weight, generator()['srnet.conv_in.0.weight'])


def test_converted_discriminator(tmp_path):
    torch.save(rules.fill(rules.discriminator_shapes('SNet', 32), 2), tmp_path / 'D.pth')
    assert convert_weights_file(tmp_path / 'D.pth', tmp_path / 'out.pth') == 'discriminator'
    state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert all(key.startswith('discriminator.trunk.') for key in state)


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_the_file_is_run(tmp_path):
    touched, target = tmp_path / 'touched', tmp_path / 'out.pth'
    torch.save({'srnet.conv_in.0.weight': Malicious(touched)}, tmp_path / 'zip.pth')
    (tmp_path / 'pickle.pth').write_bytes(pickle.dumps(Malicious(touched)))
    for name in ('zip.pth', 'pickle.pth'):
        with pytest.raises(CheckpointError, match=f'{name} cannot be read as a weights file'):
            convert_weights_file(tmp_path / name, target)
    assert not touched.exists() and not target.exists()
    pickle.loads((tmp_path / 'pickle.pth').read_bytes())
    assert touched.exists(), 'the file would have done no harm'


@pytest.mark.parametrize('content, message', [
    (torch.zeros(3), 'does not hold a plain dict of tensors'),
    ({'state_dict': generator()}, 'does not hold a plain dict of tensors'),
    ({0: torch.zeros(3)}, 'does not hold a plain dict of tensors'),
    ({'fc.weight': torch.zeros(3)}, 'source.pth: these are not the weights of a TecoGAN-PyTorch')])
def test_file_of_something_else(tmp_path, content, message):
    torch.save(content, tmp_path / 'source.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_weights_file(tmp_path / 'source.pth', tmp_path / 'out.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['source.pth']


def test_file_that_cannot_be_read(tmp_path):
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(CheckpointError, match='text.pth cannot be read as a weights file') as caught:
        convert_weights_file(tmp_path / 'text.pth', tmp_path / 'out.pth')
    assert '\n' not in str(caught.value)
    with pytest.raises(CheckpointError, match='absent.pth: no such file'):
        convert_weights_file(tmp_path / 'absent.pth', tmp_path / 'out.pth')


def migrate(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(ROOT / 'tools' / 'migrate.py'), *map(str, args)], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)


def test_tool(tmp_path):
    torch.save(generator(), tmp_path / 'G.pth')
    done = migrate('weights', tmp_path / 'G.pth', tmp_path / 'out.pth')
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{tmp_path / 'out.pth'}: the weights of a generator"
    assert 'generator.conv_in.0.weight' in read_checkpoint(tmp_path / 'out.pth')['state_dict']


def test_tool_fails_with_one_line(tmp_path):
    done = migrate('weights', tmp_path / 'G.pth', tmp_path / 'out.pth')
    assert done.returncode == 1 and done.stderr.strip() == f"error: {tmp_path / 'G.pth'}: no such file"
    assert not list(tmp_path.iterdir())
