"""Experiments of TecoGAN-PyTorch as configs: every key is carried over or named."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from photoreal.config import check_config, load_config
from photoreal.datasets import ClipDataset, StreamDataset
from photoreal.engine.checkpoint import read_checkpoint
from photoreal.errors import ConfigError, DataError
from photoreal.migrate import Migrated, migrate_experiment
from tests import tiny
from tests.goldens import rules
from tests.migrate import old_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an old project with its data, in which we are."""
    old_project.make_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def migrate(project: Path, values: dict[str, Any], **options: Any) -> Migrated:
    old_project.write(project / 'exp/train.yml', values)
    return migrate_experiment('train.yml', 'exp', **options)


def config(migrated: Migrated):
    cfg = load_config(migrated.config)
    check_config(cfg)
    return cfg


@pytest.mark.parametrize('kind', old_project.KINDS, ids=lambda kind: '-'.join(map(str, kind)))
def test_every_kind_becomes_a_sound_config(project, kind):
    degradation, model, scale = kind
    migrated = migrate(project, old_project.experiment(*kind))
    cfg = config(migrated)
    assert migrated.unknown == [] and migrated.missing == []
    assert (cfg.scale, cfg.crop_size, cfg.clip_length, cfg.seed) == (scale, 32 // scale, 4, 3)
    small = cfg.train_dataloader.dataset.modalities
    assert small == {'small': {'type': 'Downsample', 'kind': 'gaussian', 'sigma': 1.5} if degradation == 'BD' else
                     {'type': 'Downsample', 'kind': 'bicubic'}}
    generator = cfg.model.generator
    assert (generator.mid_channels, generator.num_blocks, generator.scale) == (4, 2, scale)
    assert generator.upsample == {'BD': 'bicubic', 'BI': 'bilinear'}[degradation]
    losses = {name: (loss['kind'], loss['weight']) for name, loss in cfg.model.losses.items()}
    shared = {'pixel': ('charbonnier', 1.0), 'warping': ('charbonnier', 1.0)}
    if model == 'FRVSR':
        assert losses == shared and cfg.model.discriminator is None
        assert cfg.optim_wrapper.generator.optimizer.lr == 1e-4
        [schedule] = cfg.param_scheduler
        assert (schedule.type, schedule.milestones, schedule.gamma) == ('MultiStepLR', [2, 4], 0.5)
    else:
        assert losses == shared | {'perceptual': ('cosine', 0.2), 'ping_pong': ('charbonnier', 0.5),
                                   'adversarial': ('vanilla', 0.01)}
        assert cfg.model.losses.perceptual.layers == ['relu1_2', 'relu2_2']
        assert (cfg.model.discriminator.spatial_size, cfg.model.discriminator.border_crop) == (32, 0.75)
        assert cfg.model.update_threshold == 0.4 and cfg.param_scheduler == []
        assert cfg.optim_wrapper.discriminator.optimizer.lr == 5e-5
    clips = cfg.train_dataloader.dataset
    assert (clips.still_prob, clips.still_speed) == (0.3, 4 / scale if degradation == 'BD' else 1.5)
    assert (cfg.train_cfg.max_iters, cfg.train_cfg.val_interval) == (5, 5)
    assert (cfg.default_hooks.logger.interval, cfg.default_hooks.checkpoint.interval) == (1, 5)
    assert [metric.type for metric in cfg.test_evaluator] == ['PSNR', 'TOF']


def test_the_data_is_linked_and_reads_as_it_was(project):
    cfg = config(migrate(project, old_project.experiment()))
    small = cfg.model.modalities
    clips = ClipDataset(cfg.data_root, small, clip_length=4, crop_size=8, scale=4)
    assert [(v.name, len(v), v.size) for v in clips.videos] == [
        (name, old_project.LENGTH, (old_project.HEIGHT, old_project.WIDTH)) for name in ('scene_1', 'scene_2')]
    np.testing.assert_array_equal(clips.videos[1].frames.read([3])[0], old_project.video(1)[3])
    tested = StreamDataset(cfg.data_root, small, domains=['real'], scale=4)
    assert [video.name for video in tested.videos] == ['walk']
    copied = [path for path in Path(cfg.data_root).rglob('*') if path.is_file() and not path.is_symlink()]
    assert copied == []


def test_links_follow_the_yaml(project):
    (project / 'chosen.txt').write_text('scene_2\n')
    migrate(project, old_project.experiment())
    sets = {'test1': {'name': 'A', 'gt_seq_dir': 'data/Four/GT'},
            'test2': {'name': 'B', 'gt_seq_dir': 'data/Four/GT', 'filter_list': ['calendar']}}
    values = old_project.experiment(dataset__train__filter_file='chosen.txt')
    del values['dataset']['test']
    values['dataset'] |= sets
    cfg = config(migrate(project, values))
    names = sorted(str(path.relative_to(cfg.data_root)) for path in Path(cfg.data_root).glob('*/real/*/frames*'))
    assert names == ['train/real/scene_2/frames.lmdb', 'val/real/A_calendar/frames', 'val/real/A_walk/frames',
                     'val/real/B_calendar/frames']
    assert not (Path(cfg.data_root) / 'val/real/walk').exists()


def test_unknown_keys_are_named_and_noted_ones_explained(project):
    migrated = migrate(project, old_project.experiment(
        train__generator__amsgrad=True, model__generator__attention={'heads': 4}, metric__NIQE=None,
        train__moving_facto=0.5))
    assert migrated.unknown == ['metric.NIQE', 'model.generator.attention.heads', 'train.generator.amsgrad',
                                'train.moving_facto']
    assert {'test.num_pad_front', 'logger.decay', 'verbose'} <= migrated.notes.keys()
    written = migrated.config.read_text()
    for key in (*migrated.unknown, *migrated.notes):
        assert key in written and key in migrated.text()


@pytest.mark.parametrize('changes, message', [
    (dict(scale=3), 'scale=3: expected 2 or 4'),
    (dict(dataset__degradation__type='BX'), "type='BX' is unknown"),
    (dict(model__generator__name='EDVR'), "generator.name='EDVR' is unknown"),
    (dict(train__pixel_crit__type='CBB'), "pixel_crit.type='CBB' is unknown; did you mean 'CB'"),
    (dict(train__pixel_crit__reduction='sum'), "pixel_crit.reduction: expected 'mean'"),
    (dict(train__generator__lr='fast'), "train.generator.lr='fast': expected float"),
    (dict(train__total_iter=2.5), 'train.total_iter=2.5: expected int'),
    (dict(train__feature_crit__feature_layers=[9]), '9 is no ReLU of VGG19'),
    (dict(train__generator__lr_schedule={'type': 'OneCycleLR'}), "type='OneCycleLR' is unknown"),
    (dict(dataset__train__crop_size=30), 'crop_size=30 is no multiple of scale=4')])
def test_what_has_no_counterpart_is_an_error(project, changes, message):
    with pytest.raises(ConfigError, match=message):
        migrate(project, old_project.experiment(**changes))
    assert not (project / 'exp/photoreal/train.py').exists()


def test_other_kinds_of_parts(project):
    cfg = config(migrate(project, old_project.experiment(
        model__discriminator={'name': 'SNet', 'in_nc': 3, 'use_cond': False, 'load_path': None},
        train__discriminator__update_policy='always', train__gan_crit__type='LSGAN',
        train__feature_matching_crit={'type': 'L1', 'weight': 0.3, 'reduction': 'mean', 'layer_norm': [1.0] * 4},
        train__discriminator__weight_decay='1e-2', train__generator__lr_schedule={
            'type': 'CosineAnnealingRestartLR', 'periods': [3, 2], 'restart_weights': [1, 0.5], 'eta_min': 1e-7})))
    assert cfg.model.discriminator == {'type': 'SpatialDiscriminator', 'conditional': False, 'spatial_size': 32,
                                       'upsample': 'bicubic'}
    assert cfg.model.update_threshold is None and cfg.model.losses.adversarial.kind == 'lsgan'
    assert cfg.model.losses.feature_matching.norms == [1.0] * 4
    assert cfg.optim_wrapper.discriminator.optimizer.weight_decay == 0.01
    assert cfg.param_scheduler.generator[0].type == 'CosineRestartLR' and cfg.param_scheduler.discriminator == []


def test_the_model_can_be_named_anew(project):
    migrated = migrate(project, old_project.experiment(), model='FRVSR')
    assert config(migrated).model.discriminator is None
    assert 'FRVSR was asked for' in migrated.notes['model.name']
    with pytest.raises(ConfigError, match="model.name='edvr' is unknown; known: FRVSR, TecoGAN"):
        migrate(project, old_project.experiment(), model='EDVR')


def test_weights_that_are_named_are_converted(project):
    generator, discriminator = rules.generator_shapes(4, 2, 4), rules.discriminator_shapes('STNet', 32)
    (project / 'old').mkdir()
    torch.save(rules.fill(generator, 1), 'old/G_iter10.pth')
    torch.save(rules.fill(discriminator, 2), 'old/D_iter10.pth')
    migrated = migrate(project, old_project.experiment(
        model__generator__load_path='old/G_iter10.pth', model__discriminator__load_path='old/D_iter10.pth'))
    cfg = config(migrated)
    assert Path(cfg.load_from) == migrated.checkpoints[0].absolute()
    parts = {key.partition('.')[0] for key in read_checkpoint(cfg.load_from)['state_dict']}
    assert parts == {'generator', 'discriminator'}


@pytest.mark.parametrize('limits', [{}, {'start_iter': 100, 'end_iter': 300, 'test_freq': 200}], ids=['all', 'some'])
def test_a_star_stands_for_a_series_of_weights(project, limits):
    ckpt = project / 'exp/train/ckpt'
    ckpt.mkdir(parents=True)
    for number in (100, 300, 1000):
        torch.save(rules.fill(rules.generator_shapes(4, 2, 4), 1), ckpt / f'G_iter{number}.pth')
    old_project.write(project / 'exp/test.yml', old_project.for_testing(
        old_project.experiment(), 'exp/train/ckpt/*.pth', **limits))
    migrated = migrate_experiment('test.yml', 'exp')
    assert [path.name for path in migrated.checkpoints] == [
        f'G_iter{number}.pth' for number in ((100, 300) if limits else (100, 300, 1000))]
    assert all(path.is_file() for path in migrated.checkpoints)
    assert migrated.unknown == [] and config(migrated).get('load_from') is None


def test_what_is_missing_is_told_and_the_config_written_all_the_same(project):
    migrated = migrate(project, old_project.experiment(dataset__train__seq_dir='data/Gone/GT.lmdb',
                                                       model__generator__load_path='gone/G_iter5.pth'))
    assert config(migrated).get('load_from') is None
    assert len(migrated.missing) == 2
    assert 'dataset.train: there is no data/Gone/GT.lmdb' in migrated.missing[0]
    assert 'there is no gone/G_iter5.pth' in migrated.missing[1]


def test_nothing_in_a_yaml_is_run(project):
    (project / 'exp').mkdir()
    (project / 'exp/train.yml').write_text('model: !!python/object/apply:os.mkdir ["touched"]\n')
    with pytest.raises(ConfigError, match='cannot be read as YAML'):
        migrate_experiment('train.yml', 'exp')
    assert 'touched' not in os.listdir()


def test_tool(project):
    old_project.write(project / 'exp/train.yml', old_project.experiment(train__novelty=1))
    ended = tiny.run('migrate', 'config', 'train.yml', '--exp-dir', 'exp', '--out', 'mine.py')
    assert ended.code == 0, ended.err
    assert 'not known, and left out: train.novelty' in ended.out
    assert 'train: python tools/train.py mine.py --work-dir exp' in ended.out
    assert load_config('mine.py').data_root == str(project / 'mine_data')
    ended = tiny.run('migrate', 'config', 'none.yml', '--exp-dir', 'exp')
    assert ended.code == 1 and 'there is no file none.yml' in ended.err


def test_a_link_to_the_lmdb_must_have_a_video_s_name(project):
    folder = project / 'mine/train/real/scene_3'
    folder.mkdir(parents=True)
    (folder / 'frames.lmdb').symlink_to(project / 'data/Old/GT.lmdb')
    with pytest.raises(DataError, match="found no video 'scene_3' in the LMDB; expected one of its 2: scene_1, sc"):
        ClipDataset(project / 'mine', {'small': {'type': 'Downsample'}}, clip_length=2, crop_size=8)
