"""What is wrong with a config is found without building anything, and what is right is let through."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from mmengine.config import Config

from photoreal.config import apply_overrides, load_config
from photoreal.registry import GENERATORS, MODALITIES
from photoreal.validation import find_faults, hint_text, parameters
from tests import tiny


@pytest.fixture(scope='module')
def sound(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load_config(tiny.write_config(tmp_path_factory.mktemp('config') / 'tiny.py', Path('/data')))


@pytest.fixture
def cfg(sound: Config) -> Config:
    return Config(sound.to_dict())


def faults(cfg: Config) -> str:
    return '\n'.join(find_faults(cfg))


def test_sound_config_has_none(cfg: Config) -> None:
    assert find_faults(cfg) == []


@pytest.mark.parametrize('section', ['model', 'train_dataloader', 'val_dataloader', 'train_cfg', 'optim_wrapper'])
def test_missing_section(cfg: Config, section: str) -> None:
    cfg[section] = None
    assert f'{section}: missing' in faults(cfg)


def test_misspelt_section(cfg: Config) -> None:
    cfg.default_hook = cfg.default_hooks
    cfg.pop('default_hooks')
    assert faults(cfg) == "default_hook: no such section or variable; did you mean 'default_hooks'?"


def test_missing_type(cfg: Config) -> None:
    del cfg.model.generator['type']
    assert "model.generator: has no 'type'" in faults(cfg)


@pytest.mark.parametrize('wrong', ['FRNett', 3])
def test_unknown_type(cfg: Config, wrong: Any) -> None:
    cfg.model.generator.type = wrong
    assert f"model.generator.type: no generator is called '{wrong}'" in faults(cfg)


def test_missing_argument(cfg: Config) -> None:
    del cfg.train_dataloader.dataset['data_root']
    assert faults(cfg) == "train_dataloader.dataset: ClipDataset needs the argument 'data_root'"


def test_derived_argument(cfg: Config) -> None:
    cfg.model.generator.in_channels = 3
    assert faults(cfg) == 'model.generator.in_channels: is derived and must not be given'


@pytest.mark.parametrize(('key', 'value'), [
    ('model.generator.mid_channels', 'many'), ('model.generator.mid_channels', 8.5),
    ('model.generator.mid_channels', None), ('model.generator.num_blocks', True),
    ('model.losses.pixel.weight', '1'), ('model.image', 3),
    ('train_dataloader.dataset.crop_size', [1, 2, 3]), ('train_dataloader.dataset.strides', 2),
    ('train_dataloader.dataset.strides', ['a']), ('train_dataloader.dataset.data_root', 3), ('model.losses', []),
    ('train_cfg.max_iters', '100')])
def test_value_of_another_type_than_the_signature_says(cfg: Config, key: str, value: Any) -> None:
    apply_overrides(cfg, [(key, value)])
    assert f'{key}={value!r}: ' in faults(cfg)


@pytest.mark.parametrize(('key', 'value'), [
    ('train_dataloader.dataset.crop_size', [16, 24]), ('train_dataloader.dataset.crop_size', None),
    ('train_dataloader.dataset.flip_prob', 1), ('train_dataloader.dataset.strides', (1, 2)),
    ('model.ema_momentum', None), ('model.discriminator.spatial_size', None)])
def test_value_that_the_signature_admits(cfg: Config, key: str, value: Any) -> None:
    apply_overrides(cfg, [(key, value)])
    assert find_faults(cfg) == []


def test_modalities_inside_modalities(cfg: Config) -> None:
    def mixed(**inner: Any) -> str:
        chain = dict(type='Chain', steps=[dict(type='Gray'), dict(type='OneOf', choices=[dict(inner)])])
        apply_overrides(cfg, [('modalities', dict(blur=dict(type='Blur'), mix=chain))])
        return faults(cfg)

    assert mixed(type='Edges') == ''
    assert "model.modalities.mix.steps.1.choices.0.sigm: Edges takes no argument 'sigm'" in mixed(type='Edges', sigm=1)
    assert "mix.steps.1.choices.0.type: no modality is called 'Edge'" in mixed(type='Edge')


def test_only_what_the_model_can_do_without_is_left_out(cfg: Config) -> None:
    for phase in ('val', 'test'):
        cfg[f'{phase}_dataloader'].dataset.leave_out = ['edges']
    assert faults(cfg).count("leave_out: model.dropout never leaves out 'edges'; set model.dropout") == 2
    cfg.model.dropout = dict(prob=dict(segmentation=0.1))
    assert 'only segmentation may be left out' in faults(cfg)
    cfg.model.dropout = dict(prob=0.1)
    assert find_faults(cfg) == []
    cfg.test_dataloader.dataset.leave_out = ['blur']
    assert "test_dataloader.dataset.leave_out: model.dropout never leaves out 'blur'" in faults(cfg)


class Shape(Protocol):
    """What cannot be checked."""


class Annotated:
    """A plugin with every kind of type in its signature."""

    def __init__(self, kind: Literal['a', 'b'] = 'a', ints: list[int] = (), pair: tuple[int, str] = (1, 'x'),
                 table: dict[str, int] | None = None, call: Callable | None = None, sloppy: int = None,
                 plain=3, numbers: Sequence[float] | float = 1.0, anything: Any = 1, path: Path | None = None,
                 shape: 'Shape | None' = None) -> None:
        pass


class Unresolvable:
    """A plugin whose annotations are for type checkers alone."""

    def __init__(self, kind: int = 1, other: 'NotDefined' = 1) -> None:  # noqa: F821
        pass


def faults_of(cfg: Config, plugin: type, **arguments: Any) -> list[str]:
    for holder in (cfg.model, *(cfg[f'{phase}_dataloader'].dataset for phase in ('train', 'val', 'test'))):
        holder.modalities = dict(blur=dict(type='Blur'), extra=dict(type='Plugin', **arguments))
    MODALITIES.register_module('Plugin', module=plugin)
    try:
        return find_faults(cfg)
    finally:
        del MODALITIES.module_dict['Plugin']


@pytest.mark.parametrize('arguments', [
    dict(kind='b', ints=(1, 2), pair=[1, 'x'], table=None, sloppy=None, plain='x', numbers=1, anything=[], path=None),
    dict(shape=3, table={}, call={'type': 'X'}, numbers=[1, 2.5], path={'type': 'Made'})])
def test_annotations_admit_what_they_say(cfg: Config, arguments: dict[str, Any]) -> None:
    assert faults_of(cfg, Annotated, **arguments) == []


@pytest.mark.parametrize(('name', 'value', 'expected'), [
    ('kind', 'c', "Literal['a', 'b']"), ('ints', [1, 'x'], 'list[int]'), ('pair', (1, 2), 'tuple[int, str]'),
    ('pair', (1, 'x', 'y'), 'tuple[int, str]'), ('table', [1], 'dict[str, int] or None'), ('sloppy', 'x', 'int'),
    ('numbers', 'x', 'Sequence[float] or float'), ('path', 3, 'Path or None')])
def test_annotations_refuse_the_rest(cfg: Config, name: str, value: Any, expected: str) -> None:
    found = faults_of(cfg, Annotated, **{name: value})
    assert len(found) == 4  # in the model and in each dataset
    assert found[0].startswith(f'model.modalities.extra.{name}={value!r}: Plugin expects ') and expected in found[0]


def test_unresolvable_annotations_admit_anything(cfg: Config) -> None:
    assert faults_of(cfg, Unresolvable, kind='x', other='y') == []


def test_modalities_must_agree(cfg: Config) -> None:
    cfg.val_dataloader.dataset.modalities.blur.sigma = 9.0
    assert 'val_dataloader.dataset.modalities differs from model.modalities' in faults(cfg)


def test_scales_must_agree(cfg: Config) -> None:
    cfg.model.generator.scale = 2
    assert 'train_dataloader.dataset.scale=1 differs from model.generator.scale=2' in faults(cfg)


def test_image_must_be_a_modality(cfg: Config) -> None:
    cfg.model.image = 'blurr'
    assert faults(cfg) == "model.image='blurr' is none of the modalities; did you mean 'blur'?"


def test_fixed_discriminator_must_fit_the_crop(cfg: Config) -> None:
    cfg.model.discriminator.spatial_size = 32
    assert 'model.discriminator.spatial_size=32 does not fit crops of crop_size * scale = 16 * 1' in faults(cfg)
    cfg.model.discriminator.spatial_size = 16
    assert find_faults(cfg) == []


@pytest.mark.parametrize('key', ['max_iters', 'val_interval'])
def test_lengths_are_positive(cfg: Config, key: str) -> None:
    cfg.train_cfg[key] = 0
    assert faults(cfg) == f'train_cfg.{key}=0: expected 1 or more'


@pytest.mark.parametrize(('save_best', 'domains', 'right'), [
    ('real/psnr', ['real', 'virtual'], True), ('real/psnr', ['virtual'], False),
    ('virtual/warp_error', ['virtual'], True), ('y/psnr', ['real'], False), ('auto', ['virtual'], True),
    (None, ['virtual'], True)])
def test_best_checkpoint_is_chosen_by_what_is_measured(cfg: Config, save_best: Any, domains: list, right: bool) -> None:
    cfg.default_hooks.checkpoint.save_best = save_best
    cfg.val_dataloader.dataset.domains = domains
    assert (find_faults(cfg) == []) is right


def test_discriminator_and_its_loss_may_be_left_out(cfg: Config) -> None:
    cfg.model.discriminator = None
    cfg.model.losses.adversarial = None
    assert find_faults(cfg) == []


@pytest.mark.parametrize('text, fault', [
    ('train_cgf = dict(max_iters=5)', "train_cgf: no such section or variable; did you mean 'train_cfg'"),
    ('crop_szie = 64', "crop_szie: no such section or variable; did you mean 'crop_size'"),
    ('randomness = dict(sed=4)', "randomness.sed: unknown; did you mean 'seed'"),
    ('log_processor = dict(window_sze=3)', "log_processor.window_sze: unknown; did you mean 'window_size'"),
    ('env_cfg = dict(cudnn_benchmrk=True)', "env_cfg.cudnn_benchmrk: unknown; did you mean 'cudnn_benchmark'"),
])
def test_misspelt_in_a_config_that_inherits(tmp_path: Path, text: str, fault: str) -> None:
    base = Path(__file__).parents[1] / 'configs' / 'tecogan_multimodal.py'
    (tmp_path / 'child.py').write_text(f'_base_ = {str(base)!r}\n{text}\n')
    faults = find_faults(load_config(tmp_path / 'child.py'))
    assert len(faults) == 1 and faults[0].startswith(fault)


def test_best_by_several_metrics_and_by_default_domains(cfg: Config) -> None:
    cfg.val_evaluator = [dict(type='PSNR'), dict(type='WarpError', domain='virtual')]
    cfg.default_hooks.checkpoint.save_best = ['real/psnr', 'virtual/warp_error']
    assert not find_faults(cfg)
    cfg.default_hooks.checkpoint.save_best = ['real/psnr', 'day/psnr']
    assert 'day/' in find_faults(cfg)[0]


def test_what_a_class_accepts_can_be_asked() -> None:
    known, required, defaults, open_ended = parameters(GENERATORS.get('FRNet'))
    assert known['mid_channels'] is int and defaults['mid_channels'] == 64 and required == ('in_channels',)
    assert not open_ended and hint_text(known['skip']) == 'tuple[int, int] or None'
