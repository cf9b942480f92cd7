"""The arguments of the old codes/main.py: an old script trains, tests and profiles what it did before."""

import json
import math
from pathlib import Path

import pytest
import torch

from photoreal.engine.checkpoint import read_checkpoint
from photoreal.models.features import VGG19Features
from tests import tiny
from tests.goldens import rules
from tests.migrate import old_project


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('old')
    old_project.make_data(root)
    torch.manual_seed(0)
    # The layers that the tiny experiments look at, under the file name of torchvision's weights.
    torch.save(dict(VGG19Features(['relu2_2']).named_parameters()), root / 'vgg19-dcbb9e9d.pth')
    return root


@pytest.fixture
def project(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'data').symlink_to(data / 'data')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PHOTOREAL_WEIGHTS', str(data))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')  # the program sets it
    return tmp_path


def run_old(mode: str, opt: str, *more: str) -> tiny.Ended:
    return tiny.run('main', '--exp_dir', 'exp', '--mode', mode, '--opt', opt, '--gpu_id', '-1', *more)


@pytest.mark.slow
@pytest.mark.parametrize('kind', old_project.KINDS, ids=lambda kind: '-'.join(map(str, kind)))
def test_every_kind_trains_where_its_folder_is(project, kind):
    name = '-'.join(map(str, kind)) + '.yml'
    old_project.write(project / f'exp/{name}', old_project.experiment(*kind))
    ended = run_old('train', name, '--model', kind[1], '--local_rank', '0')
    assert ended.code == 0, ended.err
    assert 'Iter(train) [5/5]' in ended.out
    checkpoint = read_checkpoint('exp')
    assert checkpoint['meta']['iter'] == 5 and (project / 'exp/iter_5.pth').is_file()
    parts = {key.partition('.')[0] for key in checkpoint['state_dict']} - {'discriminator_updates'}
    assert parts == {'generator', 'discriminator'} if kind[1] == 'TecoGAN' else parts == {'generator'}
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values())
    [measured] = json.loads((project / 'exp/metrics.json').read_text())
    assert measured['iter'] == 5 and math.isfinite(measured['real/psnr_y'])


@pytest.mark.slow
def test_two_stages_and_a_test_by_old_scripts(project):
    """FRVSR, then TecoGAN from its weights, named as the old program would have saved them; then a test of all."""
    old_project.write(project / 'first/train.yml', old_project.experiment(model='FRVSR', scale=2))
    ended = tiny.run('main', '--exp_dir', 'first', '--mode', 'train', '--opt', 'train.yml', '--gpu_ids=-1')
    assert ended.code == 0, ended.err
    second = old_project.experiment(scale=2, model__generator__load_path='first/train/ckpt/G_iter5.pth',
                                    train__generator__lr=0.0, logger__ckpt_freq=2)
    old_project.write(project / 'exp/train.yml', second)
    ended = run_old('train', 'train.yml')
    assert ended.code == 0, ended.err
    before, after = read_checkpoint('first')['state_dict'], read_checkpoint('exp')['state_dict']
    assert all(torch.equal(after[key], value) for key, value in before.items() if key.startswith('generator.'))
    old_project.write(project / 'exp/test.yml', old_project.for_testing(second, 'exp/train/ckpt/*.pth'))
    ended = run_old('test', 'test.yml')
    assert ended.code == 0, ended.err
    for number in (2, 4, 5):
        results = project / f'exp/test/results/iter_{number}'
        assert len(list((results / 'real/walk').glob('*.png'))) == 3
        assert json.loads((results / 'metrics.json').read_text())['mean']['real/psnr_y'] > 5


@pytest.mark.slow
def test_old_weights_are_tested(project):
    torch.save(rules.fill(rules.generator_shapes(4, 2, 4), 1), project / 'G_iter10.pth')
    old_project.write(project / 'exp/test.yml', old_project.for_testing(
        old_project.experiment('BI'), 'G_iter10.pth', res_dir='results'))
    ended = run_old('test', 'test.yml')
    assert ended.code == 0, ended.err
    assert len(list((project / 'results/G_iter10/real/walk').glob('*.png'))) == 3


@pytest.mark.slow
def test_profile(project):
    old_project.write(project / 'exp/test.yml', old_project.for_testing(old_project.experiment(scale=2), 'none.pth'))
    ended = run_old('profile', 'test.yml', '--lr_size', '3x16x24', '--test_speed')
    assert ended.code == 0, ended.err
    assert '24x16 -> 48x32, 1.7' in ended.out and 'frames/s' in ended.out


def test_faults_are_messages(project):
    old_project.write(project / 'exp/train.yml', old_project.experiment(dataset__train__seq_dir='gone'))
    ended = run_old('train', 'train.yml')
    assert ended.code == 1 and 'exp cannot be trained:\n  - dataset.train: there is no gone' in ended.err
    old_project.write(project / 'exp/test.yml', old_project.for_testing(old_project.experiment(), ''))
    ended = run_old('test', 'test.yml')
    assert ended.code == 1 and 'load_path is empty' in ended.err
    assert run_old('train', 'train.yml', '--lr_size', '16x24').code == 2
