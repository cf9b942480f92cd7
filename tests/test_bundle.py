"""Bundles: one file with all that prediction needs, which runs no code."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from photoreal.bundle import load_bundle, load_model, save_bundle
from photoreal.errors import CheckpointError, ConfigError
from photoreal.inference import VideoEnhancer
from photoreal.models import VideoGAN
from photoreal.testing.modality import street_frames

MODEL = dict(modalities=dict(blur=dict(type='Blur', sigma=[1.0, 2.0]), edges=dict(type='Edges')), image='blur',
             generator=dict(type='FRNet', mid_channels=4, num_blocks=1, flow_channels=4))
BASE = Path(__file__).parents[1] / 'configs' / 'tecogan_multimodal.py'
CONFIG = f"""_base_ = {str(BASE)!r}
modalities = dict(_delete_=True, blur=dict(type='Blur', sigma=[1.0, 2.0]), edges=dict(type='Edges'))
model = dict(generator=dict(mid_channels=4, num_blocks=1, flow_channels=4))
"""


@pytest.fixture
def trained(tmp_path):
    """A config, and a checkpoint whose running average differs from its generator."""
    torch.manual_seed(0)
    gan = VideoGAN(losses=dict(pixel=dict(type='PixelLoss')), **MODEL)
    for parameter in gan.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    torch.save({'state_dict': gan.state_dict()}, tmp_path / 'latest.pth')
    (tmp_path / 'config.py').write_text(CONFIG)
    return tmp_path, gan


def predict(model) -> np.ndarray:
    frames = street_frames(np.random.default_rng(0), 4, 24, 32)
    return np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(frames)))


def test_a_bundle_predicts_what_its_checkpoint_predicts(trained):
    folder, gan = trained
    model = load_model(folder / 'config.py', folder)
    save_bundle(model, folder / 'model.safetensors', {'licence': 'CC0'})
    bundle = load_model(folder / 'model.safetensors')
    np.testing.assert_array_equal(predict(bundle), predict(model))
    assert bundle.metadata['licence'] == 'CC0'
    assert bundle.metadata['checkpoint'] == str(folder)
    average = gan.generator_ema.module.state_dict()
    assert all(torch.equal(value, average[key]) for key, value in bundle.generator.state_dict().items())


def test_a_config_needs_a_checkpoint_and_a_bundle_its_suffix(trained):
    folder, _ = trained
    with pytest.raises(CheckpointError, match='--checkpoint'):
        load_model(folder / 'config.py')
    with pytest.raises(CheckpointError, match='ends in .safetensors'):
        save_bundle(load_model(folder / 'config.py', folder), folder / 'model.pth')


@pytest.mark.parametrize('place', ['generator', 'modality', 'inner modality'])
def test_a_bundle_runs_nothing_that_it_names(trained, place):
    folder, _ = trained
    path = folder / 'model.safetensors'
    save_bundle(load_model(folder / 'config.py', folder), path)
    evil = dict(type='subprocess.Popen', args=['touch', str(folder / 'ran')])
    inner = dict(type='Precomputed', folder='x', of=evil)
    config = {**MODEL, **{'generator': {'generator': evil}, 'modality': {'modalities': dict(blur=evil)},
                          'inner modality': {'modalities': dict(blur=inner)}}[place]}
    save_file(load_file(path), path, metadata={'format': 'photoreal-bundle-1', 'model': json.dumps(config)})
    with pytest.raises(CheckpointError, match="registered as 'subprocess.Popen'"):
        load_bundle(path)
    assert not (folder / 'ran').exists()


@pytest.mark.parametrize('model', [None, '{', '{}', '[]'])
def test_a_header_that_tells_nothing(trained, model):
    folder, _ = trained
    path = folder / 'model.safetensors'
    header = {'format': 'photoreal-bundle-1'} | ({} if model is None else {'model': model})
    save_file({'x': torch.zeros(1)}, path, metadata=header)
    with pytest.raises(CheckpointError, match='cannot be built'):
        load_bundle(path)


def test_a_bundle_takes_no_checkpoint_and_no_overrides(trained):
    folder, _ = trained
    save_bundle(load_model(folder / 'config.py', folder), folder / 'model.safetensors')
    with pytest.raises(ConfigError, match='leave out --checkpoint'):
        load_model(folder / 'model.safetensors', folder)


def test_what_is_no_bundle(trained):
    folder, _ = trained
    path = folder / 'model.safetensors'
    with pytest.raises(CheckpointError, match='no bundle'):
        load_bundle(path)
    path.write_bytes(b'nothing of the kind')
    with pytest.raises(CheckpointError, match='cannot be read as a bundle'):
        load_bundle(path)
    save_file({'x': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match='is no bundle'):
        load_bundle(path)


def test_weights_that_do_not_fit_the_config(trained):
    folder, _ = trained
    path = folder / 'model.safetensors'
    save_bundle(load_model(folder / 'config.py', folder), path)
    other = {**MODEL, 'generator': {**MODEL['generator'], 'mid_channels': 8}}
    save_file(load_file(path), path, metadata={'format': 'photoreal-bundle-1', 'model': json.dumps(other)})
    with pytest.raises(CheckpointError, match='cannot be built'):
        load_bundle(path)
