"""Training with virtual clips, as a user starts it."""

import shutil
from pathlib import Path

import pytest
import torch

from photoreal.config import check_config, load_config
from photoreal.datasets import ClipDataset
from photoreal.errors import ConfigError, DataError
from photoreal.validation import find_faults
from tests import tiny
from tests.engine.test_distributed import torchrun

UNPAIRED = """
crop_size = 24
unpaired = dict(_delete_=True, crop_size=16, frames=2, bank_size=12, layer='fire5')
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data set with a virtual video to train on."""
    root = tiny.make_data(tmp_path_factory.mktemp('data') / 'unpaired')
    shutil.copytree(root / 'val/virtual/game', root / 'train/virtual/town')
    return root


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    return tiny.write_config(tmp_path_factory.mktemp('unpaired') / 'tiny.py', data, UNPAIRED)


def clip_dataset(data: Path, **kwargs) -> ClipDataset:
    return ClipDataset(data, dict(blur=dict(type='Blur')), clip_length=3, crop_size=16, unpaired={}, **kwargs)


def test_resumed_run_ends_as_one_that_was_never_interrupted(config: Path, tmp_path: Path) -> None:
    straight = tiny.run('train', config, '--work-dir', tmp_path / 'straight', options=['train_cfg.max_iters=4'])
    assert straight.code == 0, straight.err
    assert 'train, virtual: 1 videos, 8 frames' in straight.out and 'critic: SpatialDiscriminator' in straight.out
    assert 'g_virtual_structure: ' in straight.out and 'c_lead: ' in straight.out
    for resume, iterations in (((), 2), (('--resume',), 4)):
        ended = tiny.run('train', config, '--work-dir', tmp_path / 'parts', *resume,
                         options=[f'train_cfg.max_iters={iterations}'])
        assert ended.code == 0, ended.err
    expected, found = (torch.load(tmp_path / name / 'latest.pth', weights_only=True) for name in ('straight', 'parts'))
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert tiny.equal(found[part], expected[part]), part
    assert 'critic' in found['optimizer'] and found['state_dict']['unpaired.bank'].any()


def test_validation_videos_are_never_trained_on(data: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(data, tmp_path / 'data'))
    shutil.rmtree(root / 'val')
    dataset = clip_dataset(root)
    for k in range(2 * len(dataset)):
        assert dataset[k]['virtual']['target'].shape == (3, 3, 16, 16)
    assert {str(video.path.relative_to(root)) for video in dataset.virtual.videos} == {'train/virtual/town'}


@pytest.mark.parametrize('kwargs', [dict(split='val'), dict(domain='virtual')])
def test_unpaired_clips_are_for_training(data: Path, kwargs: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="unpaired is for split='train' and domain='real'"):
        clip_dataset(data, **kwargs)


def test_virtual_clips_are_the_same_whenever_they_are_asked_for(data: Path) -> None:
    one, other = clip_dataset(data, seed=1), clip_dataset(data, seed=1)
    late = one[19]['virtual']
    assert tiny.equal(late, other[19]['virtual']) and not tiny.equal(late, other[3]['virtual'])


def test_no_virtual_videos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train/virtual: found no such folder.*virtual videos of 'train'"):
        clip_dataset(tiny.make_data(tmp_path / 'data'))


def test_faults_in_virtual_maps_are_told_before_training(data: Path, config: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(data, tmp_path / 'data'))
    for path in (root / 'train/virtual/town/segmentation').iterdir():
        shutil.copy(root / 'train/virtual/town/frames' / path.name, path)
    ended = tiny.run('train', config, '--dry-run', options=[f'data_root={root}'])
    assert ended.code != 0 and 'train/virtual/town/segmentation' in ended.err


def test_one_line_switches_it_on(data: Path, tmp_path: Path) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', data)
    assert load_config(config).model.unpaired is None
    cfg = load_config(config, ['unpaired={}'])
    check_config(cfg)
    assert cfg.model.unpaired == cfg.train_dataloader.dataset.unpaired == {}


def test_parts_that_disagree(config: Path) -> None:
    cfg = load_config(config, ['train_dataloader.dataset.unpaired=None'])
    assert find_faults(cfg) == ['train_dataloader.dataset.unpaired differs from model.unpaired; give both the same '
                                'variable, and override that one: --cfg-options unpaired=...']


@pytest.mark.parametrize('wrong, message', [
    ('keap=1', "model.unpaired.keap: UnpairedBranch takes no argument 'keap'; did you mean 'keep'?"),
    ("critic=dict(type='Spatial')", "model.unpaired.critic.type: no discriminator is called 'Spatial'"),
    ("losses=dict(a=dict(type='PixlLoss'))", "model.unpaired.losses.a.type: no loss is called 'PixlLoss'")])
def test_misspelt_settings(data: Path, tmp_path: Path, wrong: str, message: str) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', data, f'\nunpaired = dict(_delete_=True, {wrong})\n')
    assert any(fault.startswith(message) for fault in find_faults(load_config(config)))


@pytest.mark.slow
def test_two_processes_keep_one_bank(config: Path, tmp_path: Path) -> None:
    """Two processes with a clip each judge the crops of both, as one process with two clips does."""
    options = ['train_cfg.max_iters=1', 'model.discriminator=None', 'model.losses.adversarial=None']
    ended = torchrun('train', config, '--work-dir', tmp_path / 'two', '--cfg-options', *options,
                     'train_dataloader.batch_size=1')
    assert ended.code == 0, ended.err
    alone = tiny.run('train', config, '--work-dir', tmp_path / 'one', options=options)
    assert alone.code == 0, alone.err
    two, one = (torch.load(tmp_path / name / 'latest.pth', weights_only=True)['state_dict'] for name in ('two', 'one'))
    assert two.keys() == one.keys()
    assert int(one['unpaired.banked']) == 8
    assert torch.equal(two['unpaired.bank'], one['unpaired.bank'])
