"""The published network, losses and update order, number for number (tests/goldens/tecogan_reference.json)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper, OptimWrapperDict

from photoreal.migrate import convert_weights
from photoreal.models import VideoGAN
from photoreal.models.generators import FRNet
from tests.goldens import rules

pytestmark = pytest.mark.parity
REFERENCE = json.loads((Path(__file__).parents[1] / 'goldens' / 'tecogan_reference.json').read_text())
UPSAMPLE = {'BD': 'bicubic', 'BI': 'bilinear'}


def _name(entry: dict) -> str:
    return '-'.join(f'{key}{value}' for key, value in entry['config'].items())


def close(found, expected: dict, rtol: float = 1e-6, atol: float = 1e-8) -> None:
    """The probe of an array against the recorded one."""
    probed = rules.probe(found.detach().numpy())
    assert probed['shape'] == expected['shape']
    for key in ('mean', 'std', 'values'):
        np.testing.assert_allclose(probed[key], expected[key], rtol=rtol, atol=atol, err_msg=key)


def build_generator(config: dict, upsample: str) -> FRNet:
    net = FRNet(in_channels=3, mid_channels=config['nf'], num_blocks=config['nb'], scale=config['scale'],
                upsample=upsample, skip=(0, 3))
    shapes = rules.generator_shapes(config['nf'], config['nb'], config['scale'])
    net.load_state_dict(convert_weights(rules.fill(shapes, config['seed'])))
    return net


@pytest.mark.parametrize('entry', REFERENCE['forward'], ids=_name)
def test_forward(entry):
    config = entry['config']
    net = build_generator(config, UPSAMPLE[config['degradation']])
    clip = rules.clip(config['n'], config['t'], 3, config['h'], config['w'], config['seed'])
    if 'hr_data' in entry:
        with torch.no_grad():
            output = net.double()(clip.double())
        close(output.pred, entry['hr_data'])
        close(output.flow.flatten(0, 1), entry['lr_flow'])
    expected = entry['infer_uint8_thwc']
    net, state, frames = net.float(), net.init_state(clip[:1, 0]), []
    with torch.no_grad():
        for i in range(config['t']):
            pred, state = net.step(clip[:1, i], state)
            frames.append((pred[0].clamp(0, 1) * 255).round().permute(1, 2, 0))
    found = rules.probe(torch.stack(frames).numpy())
    assert found['shape'] == expected['shape']
    np.testing.assert_allclose(found['values'], expected['values'], atol=1)
    np.testing.assert_allclose(found['mean'], expected['mean'], atol=0.05)


def build_gan(config: dict) -> VideoGAN:
    upsample = UPSAMPLE[config['degr']]
    losses = dict(
        pixel=dict(type='PixelLoss', kind='charbonnier', weight=1.0),
        warping=dict(type='WarpingLoss', kind='charbonnier', weight=1.0),
        ping_pong=dict(type='PingPongLoss', kind='charbonnier', weight=0.5) if config['pp'] else None,
        feature_matching=dict(type='FeatureMatchingLoss', weight=0.2) if config['fm'] else None,
        adversarial=dict(type='AdversarialLoss', kind={'GAN': 'vanilla', 'LSGAN': 'lsgan'}[config['gan']], weight=0.01))
    discriminator = dict(type={'STNet': 'SpatioTemporalDiscriminator', 'SNet': 'SpatialDiscriminator'}[config['D']],
                         spatial_size=config['crop'], upsample=upsample)
    model = VideoGAN(
        modalities=dict(frame=dict(type='ImageFolder', folder='lr')), image='frame',
        generator=dict(type='FRNet', mid_channels=config['nf'], num_blocks=config['nb'], scale=config['scale'],
                       upsample=upsample),
        discriminator=discriminator, losses=losses, ema_momentum=None,
        update_threshold=config['thr'] if config['policy'] == 'adaptive' else None)
    g_shapes = rules.generator_shapes(config['nf'], config['nb'], config['scale'])
    d_shapes = rules.discriminator_shapes(config['D'], config['crop'])
    model.generator.load_state_dict(convert_weights(rules.fill(g_shapes, config['seed'])))
    model.discriminator.load_state_dict(convert_weights(rules.fill(d_shapes, config['seed'] + 100)))
    return model.train()


LOGS = {'l_gan_D': 'd_total', 'p_real_D': 'd_real', 'p_fake_D': 'd_fake', 'distance': 'd_lead', 'n_upd_D': 'd_updates',
        'l_pix_G': 'g_pixel', 'l_warp_G': 'g_warping', 'l_pp_G': 'g_ping_pong', 'l_fm_G': 'g_feature_matching',
        'l_gan_G': 'g_adversarial', 'p_fake_G': 'g_fake'}


def train(entry: dict, dtype: torch.dtype, steps: int) -> tuple[VideoGAN, list[dict]]:
    config = entry['config']
    model = build_gan(config).to(dtype)
    wrappers = OptimWrapperDict(**{
        name: OptimWrapper(torch.optim.Adam(getattr(model, name).parameters(), lr=config['lr'], betas=(0.9, 0.999)))
        for name in ('generator', 'discriminator')})
    logs = []
    for i in range(steps):
        gt = rules.clip(2, config['tempo'], 3, config['crop'], config['crop'],
                        config['seed'] + 10 * i + 1).to(dtype)
        lr = F.avg_pool2d(gt.flatten(0, 1), config['scale']).unflatten(0, gt.shape[:2])
        logs.append(model.train_on(dict(condition=lr, target=gt), wrappers))
    return model, logs


@pytest.mark.parametrize('entry', REFERENCE['train'], ids=_name)
def test_training(entry):
    model, logs = train(entry, torch.float64, entry['config']['steps'])
    for found, expected in zip(logs, entry['logs'], strict=True):
        assert {LOGS[key] for key in expected} <= set(found)
        for key, value in expected.items():
            assert float(found[LOGS[key]]) == pytest.approx(value, rel=1e-6, abs=1e-8), key
    nets = {'G': model.generator.state_dict(), 'D': model.discriminator.state_dict()}
    for key, value in entry['abs_sum_after'].items():
        net, name = key.split('.', 1)
        ours = next(iter(convert_weights({name: torch.zeros(())})))
        assert float(nets[net][ours].abs().sum()) == pytest.approx(value, rel=1e-6, abs=1e-8), key


@pytest.mark.parametrize('entry', REFERENCE['train'], ids=_name)
def test_first_step_in_float32(entry):
    _, logs = train(entry, torch.float32, 1)
    for key, value in entry['logs'][0].items():
        assert float(logs[0][LOGS[key]]) == pytest.approx(value, rel=2e-4, abs=1e-6), key
