"""Loading configs, overriding keys, and passing variables on."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from photoreal.config import TextOnceConfig, apply_overrides, check_config, load_config, parse_override
from photoreal.datasets.writers import write_json
from photoreal.errors import ConfigError
from photoreal.registry import LOSSES
from tests import tiny

CONFIGS = sorted(path for path in (tiny.ROOT / 'configs').glob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_sound(path: Path) -> None:
    check_config(load_config(path))


@pytest.mark.parametrize(('text', 'value'), [
    ('a.b=1', 1), ('a.b=1e-3', 1e-3), ('a.b=(1, 2)', (1, 2)), ("a.b=['x', 'y']", ['x', 'y']),
    ("a.b={'c': 1}", {'c': 1}),
    ('a.b=None', None), ('a.b=none', None), ('a.b=true', True), ('a.b=False', False), ('a.b=/data/x', '/data/x'),
    ('a.b=FRNet', 'FRNet'), ("a.b='1'", '1'), ('a.b=x=y', 'x=y'), ('a.b=', ''), ('a.b= 3 ', 3)])
def test_values_are_python_literals_or_else_strings(text: str, value: object) -> None:
    assert parse_override(text) == ('a.b', value)
    assert type(parse_override(text)[1]) is type(value)


@pytest.mark.parametrize('text', ['a.b', '=1', ''])
def test_override_without_key_or_value(text: str) -> None:
    with pytest.raises(ConfigError, match='expected key=value'):
        parse_override(text)


def test_config_that_imports_is_no_lazy_one(tiny_config: Path, tmp_path: Path) -> None:
    """MMEngine takes an import of the standard library in a virtual environment for the sign of its other syntax."""
    config = tmp_path / 'importing.py'
    config.write_text(f'import os\n_base_ = {str(tiny_config)!r}\ncrop_size = len(os.sep) * 16\n')
    cfg = load_config(config)
    assert cfg.train_dataloader.dataset.crop_size == 16
    check_config(cfg)


def test_override_of_a_nested_key(tiny_config: Path) -> None:
    assert load_config(tiny_config, ['model.losses.pixel.weight=3.0']).model.losses.pixel.weight == 3.0


def test_override_of_a_list_entry(tiny_config: Path) -> None:
    assert load_config(tiny_config, ['param_scheduler.0.gamma=0.9']).param_scheduler[0].gamma == 0.9


def test_override_adds_an_argument_that_the_component_takes(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ['model.generator.upsample=bicubic', 'train_dataloader.drop_last=True',
                                    'experiment_name=mine'])
    assert cfg.model.generator.upsample == 'bicubic'
    assert cfg.train_dataloader.drop_last is True and cfg.experiment_name == 'mine'
    check_config(cfg)


def test_override_adds_an_argument_to_a_modality_and_reaches_all(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ['modalities.blur.sigma_fixed=2.0'])
    assert cfg.model.modalities.blur.sigma_fixed == 2.0
    assert cfg.test_dataloader.dataset.modalities.blur.sigma_fixed == 2.0
    check_config(cfg)


def test_override_adds_a_modality(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ["modalities.gray={'type': 'Gray'}"])
    assert list(cfg.model.modalities) == list(cfg.train_dataloader.dataset.modalities) == \
        ['blur', 'edges', 'segmentation', 'gray']
    check_config(cfg)


def test_override_replaces_all_modalities(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ["modalities={'edges': {'type': 'Edges'}}", 'image=None'])
    assert list(cfg.model.modalities) == ['edges'] and cfg.model.image is None
    check_config(cfg)


def test_override_leaves_a_loss_out(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ['model.losses.ping_pong=None'])
    assert cfg.model.losses.ping_pong is None
    check_config(cfg)


@pytest.mark.parametrize(('override', 'found'), [
    ('model.generator.mid_chanels=8', "model.generator has no key 'mid_chanels'; did you mean 'mid_channels'?"),
    ('model.dropout.prob=0.3', 'model.dropout is not set; give it as a whole: model.dropout="{\'prob\': 0.3}"'),
    ('modle.image=None', "the config has no key 'modle'; did you mean 'model'?"),
    ('model.generator.in_channels=4', "model.generator has no key 'in_channels'"),
    ('modalities.blurr.sigma=1', "modalities has no key 'blurr'; did you mean 'blur'?"),
    ('modalities.gray=3', "modalities has no key 'gray'"),
    ('param_scheduler.1.gamma=1', "'param_scheduler' is a list of 1 entries; expected an index from 0 to 0"),
    ('param_scheduler.x.gamma=1', "instead of 'x'"),
    ('data_root.x=1', "'data_root' is "),
    ('train_dataloader.batchsize=1', "did you mean 'batch_size'?")])
def test_override_of_an_unknown_key_suggests_the_nearest(tiny_config: Path, override: str, found: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(tiny_config, [override])
    assert override.split('=')[0] in str(error.value) and found in str(error.value)


def test_variable_reaches_all_that_share_it_from_the_command_line(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ['scale=2', 'crop_size=8', 'data_root=/mine'])
    assert cfg.model.generator.scale == 2
    for phase in ('train', 'val', 'test'):
        assert cfg[f'{phase}_dataloader'].dataset.scale == 2
        assert cfg[f'{phase}_dataloader'].dataset.data_root == '/mine'
    assert cfg.train_dataloader.dataset.crop_size == 8
    check_config(cfg)


def test_component_that_was_given_its_own_value_keeps_it(tiny_config: Path) -> None:
    overrides = ['test_dataloader.dataset.data_root=/own', 'data_root=/mine']
    cfg = load_config(tiny_config, overrides)
    assert cfg.test_dataloader.dataset.data_root == '/own' and cfg.val_dataloader.dataset.data_root == '/mine'


def test_parts_of_a_variable_are_not_shared_by_reference(tiny_config: Path) -> None:
    cfg = load_config(tiny_config)
    apply_overrides(cfg, [('model.modalities.blur.sigma', 9)])
    assert cfg.train_dataloader.dataset.modalities.blur.sigma != 9


def test_all_bad_overrides_are_told_together(tiny_config: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(tiny_config, ['crop_sise=8', 'clip_length=4', 'train_cfg.max_iter=3', 'nothing'])
    lines = str(error.value).splitlines()
    assert lines[0] == '3 overrides cannot be used:' and len(lines) == 4
    assert "'crop_size'" in lines[1] and "'max_iters'" in lines[2] and 'expected key=value' in lines[3]


@pytest.fixture
def own_module(tiny_config: Path) -> Iterator[str]:
    """A module with a loss beside a config that imports it."""
    name = 'own_things_of_a_test'
    (tiny_config.parent / f'{name}.py').write_text(
        'from photoreal.models.losses import PixelLoss\nfrom photoreal.registry import LOSSES\n\n\n'
        '@LOSSES.register_module(force=True)\nclass OwnLossOfATest(PixelLoss):\n    pass\n')
    with tiny_config.open('a') as file:
        file.write(f"custom_imports = dict(imports=['photoreal.models', '{name}'])\n"
                   "model.update(losses=dict(pixel=dict(type='OwnLossOfATest'), perceptual=None))\n")
    before = list(sys.path)
    yield name
    sys.path[:] = before
    sys.modules.pop(name, None)
    LOSSES.module_dict.pop('OwnLossOfATest', None)


def test_a_module_beside_the_config_is_importable(tiny_config: Path, own_module: str) -> None:
    check_config(load_config(tiny_config))
    assert own_module in sys.modules and sys.path[-1] == str(tiny_config.parent.resolve())


def test_the_copy_in_a_work_dir_finds_it_too(tiny_config: Path, own_module: str) -> None:
    work_dir = tiny_config.parent / 'elsewhere/run'
    work_dir.mkdir(parents=True)
    load_config(tiny_config).dump(work_dir / tiny_config.name)
    write_json(work_dir / 'run.json', {'starts': [{'folder': str(tiny_config.parent), 'config': tiny_config.name}]})
    sys.path.remove(str(tiny_config.parent.resolve()))
    del sys.modules[own_module]
    check_config(load_config(work_dir / tiny_config.name))
    assert own_module in sys.modules


def test_a_module_that_is_nowhere_is_named(tiny_config: Path) -> None:
    with tiny_config.open('a') as file:
        file.write("custom_imports = dict(imports=['nowhere_to_be_found'])\n")
    with pytest.raises(ConfigError, match="No module named 'nowhere_to_be_found'; expected modules that lie beside"):
        load_config(tiny_config)


@pytest.mark.parametrize('override_in', ['child', 'grandchild', 'both'])
def test_variable_changed_by_a_config_that_inherits_reaches_all(tmp_path: Path, override_in: str) -> None:
    texts = {'child': 'crop_size = 32\nmodalities = dict(blur=dict(sigma=2.0))', 'grandchild': ''}
    if override_in == 'grandchild':
        texts = {'child': '', 'grandchild': texts['child']}
    elif override_in == 'both':
        texts['grandchild'] = 'crop_size = 48\nmodalities = dict(blur=dict(down=1))'
    (tmp_path / 'base.py').write_text((tiny.ROOT / 'configs/tecogan_multimodal.py').read_text().replace(
        "'_base_/runtime.py'", repr(str(tiny.ROOT / 'configs/_base_/runtime.py'))))
    (tmp_path / 'child.py').write_text(f"_base_ = 'base.py'\n{texts['child']}\n")
    (tmp_path / 'grandchild.py').write_text(f"_base_ = ['child.py']\n{texts['grandchild']}\n")
    cfg = load_config(tmp_path / 'grandchild.py')
    check_config(cfg)
    blur = dict(type='Blur', sigma=2.0, down=1 if override_in == 'both' else (1, 2, 4))
    assert cfg.train_dataloader.dataset.crop_size == cfg.crop_size == (48 if override_in == 'both' else 32)
    for holder in (cfg.model, *(cfg[f'{phase}_dataloader'].dataset for phase in ('train', 'val', 'test'))):
        assert holder.modalities.blur == blur
        assert list(holder.modalities) == ['blur', 'edges']


def test_missing_file_suggests_the_nearest(tiny_config: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config file .*tinny\.py; did you mean '.*tiny\.py'"):
        load_config(tiny_config.with_name('tinny.py'))


@pytest.fixture
def collected() -> Iterator[None]:
    """MMEngine leaves a temporary file open where a config does not run."""
    yield
    gc.collect()


@pytest.mark.usefixtures('collected')
@pytest.mark.filterwarnings('ignore:unclosed file:ResourceWarning')
@pytest.mark.parametrize(('text', 'found'), [
    ('model = dict(', 'SyntaxError'), ('crop_size = 1 / 0', 'ZeroDivisionError'),
    ("_base_ = 'nowhere.py'", 'nowhere.py'),
    ("custom_imports = dict(imports=['no_such_module'])", 'no_such_module')])
def test_config_that_does_not_run(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / 'broken.py').write_text(text + '\n')
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / 'broken.py')
    assert str(tmp_path / 'broken.py') in str(error.value) and found in str(error.value)


def test_all_faults_are_told_at_once(tiny_config: Path, tiny_data: Path) -> None:
    tiny.write_config(tiny_config, tiny_data, """
model = dict(generator=dict(type='FRNett'), losses=dict(pixel=dict(wieght=1.0)))
train_dataloader = dict(batchsize=3, dataset=dict(clip_len=3))
optim_wrapper = dict(generator=dict(optimizer=dict(type='Adm')))
""")
    with pytest.raises(ConfigError) as error:
        check_config(load_config(tiny_config))
    message = str(error.value)
    assert f'{tiny_config} has 5 fault(s):' in message
    for fault in ("model.generator.type: no generator is called 'FRNett'; did you mean 'FRNet'?",
                  "model.losses.pixel.wieght: PixelLoss takes no argument 'wieght'; did you mean 'weight'?",
                  "train_dataloader.dataset.clip_len: ClipDataset takes no argument 'clip_len'; "
                  "did you mean 'clip_length'?",
                  "train_dataloader.batchsize: a DataLoader takes no argument 'batchsize'; did you mean 'batch_size'?",
                  "optim_wrapper.generator.optimizer.type: no optimizer is called 'Adm'; did you mean 'Adam'?"):
        assert fault in message


def test_config_as_notepad_saves_it(tiny_config: Path, tmp_path: Path) -> None:
    """With a byte-order mark, as is what it inherits, and lines that end as they do on Windows."""
    base = tmp_path / 'base.py'
    base.write_bytes(b'\xef\xbb\xbf' + tiny_config.read_bytes().replace(b'\n', b'\r\n'))
    config = tmp_path / 'notepad.py'
    config.write_bytes("\ufeff_base_ = 'base.py'\r\ndata_root = '/straße'\r\ncrop_size = 32\r\n".encode())
    cfg = load_config(config)
    assert cfg.train_dataloader.dataset.crop_size == 32  # passed on, which reads the files once more
    assert cfg.val_dataloader.dataset.data_root == '/straße'
    config.write_bytes("_base_ = 'base.py'\n".encode('utf-16'))
    with pytest.raises(ConfigError, match='cannot be read as UTF-8 .*: save it with that encoding'):
        load_config(config)


def test_home_in_paths(tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    config = tmp_path / 'configs/home.py'
    config.parent.mkdir()
    config.write_text(f"_base_ = '~/{tiny_config.name}'\ndata_root = '~/data'\nload_from = '~'\n"
                      "vis_backends = [dict(type='LocalVisBackend', save_dir='~/curves')]\n"
                      "custom = ('~no-such-user/a', 'a~b')\n")
    cfg = load_config('~/configs/home.py', ["default_hooks.mirror={'type': 'MirrorHook', 'url': '~/copy'}"])
    assert cfg.data_root == cfg.train_dataloader.dataset.data_root == f'{tmp_path}/data'
    assert cfg.load_from == str(tmp_path) and cfg.vis_backends[0].save_dir == f'{tmp_path}/curves'
    assert cfg.default_hooks.mirror.url == f'{tmp_path}/copy' and cfg.custom == ('~no-such-user/a', 'a~b')
    moved = load_config(config, ['data_root=~/elsewhere'])
    assert [moved[f'{phase}_dataloader'].dataset.data_root for phase in ('train', 'val', 'test')] == [
        f'{tmp_path}/elsewhere'] * 3


def test_text_keeps_the_order_of_modalities(tmp_path: Path) -> None:
    """Channels lie in that order: in another one a checkpoint's weights would see other inputs."""
    cfg = TextOnceConfig(load_config(tiny.ROOT / 'configs/photoreal_drive.py'))
    (tmp_path / 'saved.py').write_text(cfg.pretty_text)
    saved = load_config(tmp_path / 'saved.py')
    for of in (cfg, saved):
        assert list(of.model.modalities) == list(of.modalities) == ['smooth', 'motion', 'segmentation']
    assert saved.to_dict() == cfg.to_dict()
