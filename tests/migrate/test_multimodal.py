"""YAMLs of multimodal forks at scale 1, as different people wrote them, train, go on and are tested."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from mmengine.registry import MODELS

from photoreal.commands.main import gpus_of
from photoreal.config import check_config, load_config
from photoreal.engine.checkpoint import read_checkpoint
from photoreal.engine.finetune import start_from
from photoreal.errors import CheckpointError, ConfigError
from photoreal.migrate import Migrated, migrate_experiment
from photoreal.modalities import build_modalities
from photoreal.models.features import WEIGHTS_URLS
from tests import tiny
from tests.goldens import rules
from tests.migrate import forks


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('fork')
    forks.make_data(root)
    forks.make_weights(root)
    return root


@pytest.fixture
def project(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an old project with its data, in which we are."""
    (tmp_path / 'data').symlink_to(data / 'data')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PHOTOREAL_WEIGHTS', str(data))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')  # the program sets it
    return tmp_path


def write(project: Path, text: str, **changes: Any) -> Path:
    """Put a YAML into the run's folder; ``changes``: values by key, with __ for the dots."""
    values = yaml.safe_load(text)
    for key, value in changes.items():
        *sections, last = key.split('__')
        node = values
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    path = project / 'run/cfg.yaml'
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def migrate(project: Path, text: str, **changes: Any) -> tuple[Migrated, Any]:
    write(project, text, **changes)
    migrated = migrate_experiment('cfg.yaml', 'run')
    cfg = load_config(migrated.config)
    check_config(cfg)
    return migrated, cfg


def old_program(mode: str, *more: str) -> tiny.Ended:
    return tiny.run('main', '--exp_dir', 'run', '--mode', mode, '--opt', 'cfg.yaml', *more)


@pytest.mark.parametrize('name', [pytest.param(name, marks=() if name == 'names' else pytest.mark.slow)
                                  for name in forks.ALL])
def test_trains_goes_on_and_is_tested_on_real_and_virtual(project: Path, name: str) -> None:
    write(project, forks.ALL[name])
    ended = old_program('train', *(() if name == 'names' else ('--model', 'TecoGAN', '--gpu_id', '-1')))
    assert ended.code == 0, ended.err
    assert 'Iter(train) [5/5]' in ended.out
    first = read_checkpoint('run/iter_5.pth')
    total = 'train__max_iters' if name == 'options' else 'train__total_iter'
    write(project, forks.ALL[name], **{total: 6})
    ended = old_program('train', '--resume')
    assert ended.code == 0, ended.err
    assert 'Iter(train) [6/6]' in ended.out and 'Iter(train) [1/6]' not in ended.out
    second = read_checkpoint('run/iter_6.pth')
    assert second['meta']['iter'] == 6
    assert not tiny.equal(first['state_dict'], second['state_dict'])
    ended = old_program('test')
    assert ended.code == 0, ended.err
    results = project / ('results/run' if name == 'numbered' else 'run/test/results') / 'iter_6'
    for place in ('real/lane', 'virtual/game'):
        assert len(list((results / place).glob('*.png'))) == forks.LENGTH
    assert json.loads((results / 'metrics.json').read_text())['mean']['real/psnr_y'] > 5
    assert sorted(path.name for path in (project / 'run').glob('*.yaml')) == ['cfg.yaml']


EXPECTED = {  # modalities, channels of the condition, image, clip length
    'numbered': ({'style': 'ImageFolder', 'segments': 'LabelMap', 'normal_renders': 'ImageFolder'}, 30, 'style'),
    'names': ({'style': 'ImageFolder', 'depth': 'Depth', 'labels': 'LabelMap'}, 23, 'style'),
    'options': ({'normal_renders': 'ImageFolder', 'depth': 'Depth', 'labels': 'LabelMap'}, 9, 'normal_renders'),
    'sections': ({'style': 'ImageFolder', 'labels': 'ImageFolder'}, 6, 'style'),
    'bare': ({'depth': 'Depth', 'labels': 'LabelMap', 'normal_renders': 'ImageFolder', 'segments': 'ImageFolder',
              'style': 'ImageFolder'}, 29, 'normal_renders'),
    'by_modality': ({'rgb_in': 'ImageFolder', 'labels': 'LabelMap'}, 8, 'rgb_in')}


@pytest.mark.parametrize('name', list(forks.ALL))
def test_modalities_and_places_are_understood(project: Path, name: str) -> None:
    migrated, cfg = migrate(project, forks.ALL[name])
    kinds, channels, image = EXPECTED[name]
    assert {key: value.type for key, value in cfg.modalities.items()} == kinds
    assert list(cfg.modalities) == list(kinds)
    assert sum(m.channels for m in build_modalities(cfg.modalities).values()) == channels
    assert (cfg.image, cfg.scale, cfg.clip_length, cfg.crop_size) == (image, 1, 3, 32)
    assert cfg.model.generator.tail == 2 and cfg.train_cfg.max_iters == 5
    root = Path(cfg.data_root)
    for place, videos in forks.VIDEOS.items():
        assert sorted(path.name for path in (root / place).iterdir()) == videos
        assert all((root / place / video / 'frames/0000.png').is_file() for video in videos)
    assert migrated.missing == [] and migrated.domains == ('real', 'virtual')


def old_generator(channels: int, tail: int = 2) -> dict[str, tuple[int, ...]]:
    """Key -> shape of the multimodal fork's ``G_iterN.pth``: the last prediction has 3 channels, whatever it sees."""
    shapes = rules.generator_shapes(4, 1, 4, in_nc=channels)
    shapes = {key: shape for key, shape in shapes.items() if 'conv_up' not in key}
    shapes['srnet.conv_in.0.weight'] = (4, channels + 3, 3, 3)
    for number in range(tail):
        shapes |= {f'srnet.conv_up.{2 * number}.weight': (4, 4, 3, 3), f'srnet.conv_up.{2 * number}.bias': (4,)}
    return shapes


def old_discriminator(channels: int) -> dict[str, tuple[int, ...]]:
    shapes = rules.discriminator_shapes('STNet', 32)
    return shapes | {'conv_in.0.weight': (64, 3 * (3 + 3 + channels), 3, 3)}


def test_old_weights_are_converted_by_the_order_of_the_modalities(project: Path, capsys: pytest.CaptureFixture) -> None:
    torch.save(rules.fill(old_generator(30), 1), 'G_iter10.pth')
    torch.save(rules.fill(old_discriminator(30), 2), 'D_iter10.pth')
    migrated, cfg = migrate(project, forks.NUMBERED, model__generator__load_path='G_iter10.pth',
                            model__discriminator__load_path='D_iter10.pth')
    assert migrated.notes['(channels)'].endswith('style 0-2, segments 3-26, normal_renders 27-29')
    checkpoint = read_checkpoint(cfg.load_from)
    channels = {'style': 3, 'segments': 24, 'normal_renders': 3}
    assert checkpoint['meta']['condition'] == {'channels': channels, 'optional': []}
    model = MODELS.build(cfg.model)
    start_from(model, checkpoint, 'old')
    assert 'fine-tuning' not in capsys.readouterr().out  # all of it fits, as it is
    for name, old in (('generator.conv_in.0.weight', 'srnet.conv_in.0.weight'),
                      ('generator.conv_up.2.weight', 'srnet.conv_up.2.weight')):
        assert torch.equal(model.state_dict()[name], rules.fill(old_generator(30), 1)[old])


def test_weights_alone_are_converted_with_what_is_said_of_their_channels(project: Path) -> None:
    torch.save(rules.fill(old_generator(27), 1), 'G.pth')
    ended = tiny.run('migrate', 'weights', 'G.pth', 'new.pth', '--modalities', 'style:3', 'segments:24')
    assert ended.code == 0, ended.err
    assert 'input channels: style 0-2, segments 3-26' in ended.out
    assert read_checkpoint('new.pth')['meta']['condition']['channels'] == {'style': 3, 'segments': 24}
    assert tiny.run('migrate', 'weights', 'G.pth', 'new.pth', '--modalities', 'style').code == 2


def test_the_count_of_channels_tells_what_maps_are(project: Path) -> None:
    """A label map and a depth map that the old program read as pictures of 3 channels are read so, too."""
    torch.save(rules.fill(old_generator(9, tail=0), 1), 'G_iter10.pth')
    migrated, cfg = migrate(project, forks.NAMES, model__generator__load_path='G_iter10.pth')
    assert [m.type for m in cfg.modalities.values()] == ['ImageFolder'] * 3
    assert cfg.model.generator.get('tail', 0) == 0  # as the weights have none
    with pytest.raises(CheckpointError, match=r'is for 9 input channels; the modalities have 30 \(style 3'):
        migrate(project, forks.NUMBERED, model__generator__load_path='G_iter10.pth')


def test_the_output_is_added_to_the_first_modality(project: Path) -> None:
    shapes = old_generator(30)
    torch.save({key: torch.zeros(shape) for key, shape in shapes.items()}, 'G_iter10.pth')
    _, cfg = migrate(project, forks.NUMBERED, model__generator__load_path='G_iter10.pth')
    model = MODELS.build(cfg.model)
    start_from(model, read_checkpoint(cfg.load_from), 'old')
    condition = torch.rand(1, 2, 30, 16, 16)
    torch.testing.assert_close(model(condition), condition[:, :, :3])


def test_unknown_keys_are_listed_with_the_nearest_and_a_value(project: Path) -> None:
    migrated, _ = migrate(project, forks.BARE)
    assert migrated.unknown == ['dataset.train.shufle', 'model.generator.load_pth', 'train.tempo_extnt']
    text = migrated.text()
    assert "left out: model.generator.load_pth='old.pth': did you mean model.generator.load_path: 'old.pth'?" in text
    assert 'train.tempo_extnt=3: did you mean train.tempo_extent: 3?' in text
    assert 'dataset.train.shufle=True: no key that is known is like it' in text
    assert all(hint.strip('=') in migrated.config.read_text() for hint in migrated.hints.values())


@pytest.mark.parametrize('name, key, words', [
    ('names', 'train.generator.lr_schedule.type', "'OneCycleLR' is not known here .*FixedLR is used"),
    ('bare', 'train.generator.lr', "'fast' is no float; 0.0001 is used"),
    ('bare', 'train.pixel_crit.type', "'Huber' is not known here .*CB is used"),
    ('bare', 'modalities', 'not listed: what lies beside the frames is taken, depth, labels'),
    ('options', 'train.*_crit', 'the published ones are taken'),
    ('by_modality', 'model.name', "'mytecogan' is not known here"),
    ('numbered', 'train.moving_factor', 'do not stand still')])
def test_values_without_a_counterpart_are_notes(project: Path, name: str, key: str, words: str) -> None:
    migrated, _ = migrate(project, forks.ALL[name])
    assert re.search(words, migrated.notes[key])
    assert key in migrated.text()


def test_only_what_a_run_needs_must_be_there(project: Path) -> None:
    migrated, _ = migrate(project, forks.NAMES, dataset__val_dir='data/gone')
    assert migrated.missing == [] and 'there is no data/gone' in migrated.notes['dataset.val_dir']
    migrated, _ = migrate(project, forks.NAMES, dataset__train_dir='data/gone')
    assert 'dataset.train_dir: there is no data/gone (seen from' in migrated.missing[0]
    write(project, forks.NAMES, dataset__train_dir='data/gone')
    ended = old_program('train', '--gpu_id', '0')
    told = 'note: there is no GPU 0 here: this runs on the CPU' in ended.out
    assert told == (not torch.cuda.is_available())
    assert ended.code == 1 and 'run cannot be trained:\n  - dataset.train_dir: there is no data/gone' in ended.err
    migrated, cfg = migrate(project, forks.NAMES, dataset__modalities=['style', 'blurred', 'hologram'])
    assert {name: m.type for name, m in cfg.modalities.items()} == {'style': 'ImageFolder', 'blurred': 'Blur'}
    notes = migrated.notes
    assert 'it is computed, by Blur' in notes['dataset.modalities.blurred']
    assert 'left out: hologram is recorded beside none' in notes['dataset.modalities.hologram']


def test_the_validation_may_lie_beside_the_training(project: Path) -> None:
    values = yaml.safe_load(forks.NAMES)
    del values['dataset']['val_dir'], values['dataset']['val']
    migrated, _ = migrate(project, yaml.safe_dump(values))
    assert migrated.domains == ('real', 'virtual') and migrated.missing == []


def test_names_that_end_in_numbers_keep_their_order(project: Path) -> None:
    (project / 'data').unlink()  # it is shared
    forks.make_data(project)
    for video in (project / 'data/set').glob('*/*/*'):
        (video / 'style').rename(video / 'kmeans4')
        (video / 'depth').rename(video / 'box1')
    _, cfg = migrate(project, forks.NAMES, dataset__modalities={'kmeans4': 3, 'box1': 1})
    assert list(cfg.modalities) == ['kmeans4', 'box1']


def test_another_scale_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match='scale=3: expected 1, for frames in and frames of the same size out'):
        migrate(project, forks.NUMBERED, scale=3)


@pytest.mark.parametrize('named, expected', [({'gpu_id': 1}, '1'), ({'gpu_ids': [0, 2]}, '0,2'), ({}, '-1')])
def test_the_gpu_may_stand_in_the_yaml(project: Path, named: dict, expected: str) -> None:
    write(project, forks.NUMBERED, **named)
    assert gpus_of('run', 'cfg.yaml') == expected


def test_load_path_and_start_iter_go_on_from_a_checkpoint_of_the_run(project: Path) -> None:
    (project / 'run').mkdir()
    torch.save({'state_dict': {}}, 'run/iter_4.pth')
    going_on = {'model__generator__load_path': 'run/train/ckpt/G_iter4.pth', 'train__total_iter': 10}
    migrated, cfg = migrate(project, forks.NUMBERED, train__start_iter=4, **going_on)
    assert migrated.resume == Path('run/iter_4.pth') and cfg.train_cfg.max_iters == 10
    migrated, cfg = migrate(project, forks.NUMBERED, train__start_iter=0, **going_on)
    assert migrated.resume is None and Path(cfg.load_from) == (project / 'run/iter_4.pth')
    migrated, cfg = migrate(project, forks.NUMBERED, train__start_iter=4, train__total_iter=10)
    assert cfg.train_cfg.max_iters == 6 and '6 iterations are left of 10' in migrated.notes['train.start_iter']


def test_networks_that_cannot_be_had_are_replaced(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('PHOTOREAL_WEIGHTS')
    monkeypatch.setenv('TORCH_HOME', str(project))
    for name in ('vgg19', 'alexnet'):
        monkeypatch.setitem(WEIGHTS_URLS, name, f'http://127.0.0.1:9/{name}-00000000.pth')
    migrated, cfg = migrate(project, forks.NUMBERED)
    assert cfg.model.losses.perceptual.backbone == 'squeezenet1_1' and cfg.model.losses.perceptual.weight == 0.2
    assert [m.type for m in cfg.val_evaluator] == ['PSNR', 'FeatureDistance', 'TOF', 'WarpError']
    assert 'takes the place of VGG19: the vgg19 weights are not here' in migrated.notes['train.feature_crit']
