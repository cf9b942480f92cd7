"""What is wrong with the parts of a run is told before anything is written, with the key it stands at."""

from pathlib import Path

import numpy as np
import pytest
import torch

from photoreal.config import load_config
from photoreal.datasets.writers import write_image
from photoreal.engine.preflight import build_parts, loader_config
from photoreal.errors import ConfigError, DataError
from photoreal.registry import LOSSES


def test_parts_are_described(tiny_config: Path) -> None:
    parts = build_parts(load_config(tiny_config), ('train', 'val'))
    assert parts.describe().splitlines()[0] == 'condition: 8 channels: blur 3, edges 1, segmentation 4'
    assert 'train: 2 videos, 16 frames' in parts.describe()
    assert list(parts.optim_wrapper.keys()) == ['generator', 'discriminator']
    assert [type(metric).__name__ for metric in parts.evaluators['val'].metrics][:2] == ['PSNR', 'SSIM']


def test_test_needs_no_optimizer_and_no_training_data(tiny_config: Path) -> None:
    parts = build_parts(load_config(tiny_config, ['train_dataloader.dataset.data_root=/nowhere']), ('test',))
    assert parts.optim_wrapper is None and list(parts.datasets) == ['test']


@pytest.mark.parametrize(('override', 'key'), [
    ('optim_wrapper.generator.optimizer.lr=-1', 'optim_wrapper cannot be built: ValueError: Invalid learning rate'),
    ('param_scheduler.0.end=-1', 'param_scheduler cannot be built: ValueError'),
    ('train_dataloader.batch_size=0', 'train_dataloader cannot be built: ValueError: batch_size'),
    ('default_hooks.logger.interval=[3]', 'default_hooks.logger cannot be built: TypeError')])
def test_what_a_constructor_refuses_is_named(tiny_config: Path, override: str, key: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_parts(load_config(tiny_config, [override]), ('train',))
    assert str(error.value).startswith(key) and '.py:' in str(error.value)


def test_fault_in_the_code_of_a_plugin_keeps_its_traceback(tiny_config: Path) -> None:
    class Faulty(torch.nn.Module):
        def __init__(self) -> None:
            self.no_such_attribute.x = 1

    LOSSES.register_module('Faulty', module=Faulty)
    try:
        with pytest.raises(AttributeError):
            build_parts(load_config(tiny_config, ["model.losses.mine={'type': 'Faulty'}"]), ('train',))
    finally:
        del LOSSES.module_dict['Faulty']


def test_faults_of_training_and_validation_data_are_told_together(tiny_config: Path) -> None:
    overrides = ['train_dataloader.dataset.data_root=/one', 'val_dataloader.dataset.data_root=/two']
    with pytest.raises(DataError, match='/one(.|\n)*/two'):
        build_parts(load_config(tiny_config, overrides), ('train', 'val'))
    with pytest.raises(DataError) as error:
        build_parts(load_config(tiny_config, ['data_root=/one']), ('train', 'val'))
    assert str(error.value).count('/one') == 1


def test_loader_without_workers_is_not_given_what_is_for_workers(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, ['train_dataloader.prefetch_factor=4', 'train_dataloader.persistent_workers=True'])
    made = loader_config(cfg, 'train', None)
    assert made['persistent_workers'] is False and made['prefetch_factor'] is None
    made = loader_config(cfg, 'train', None, num_workers=1)
    assert made['persistent_workers'] is True and made['prefetch_factor'] == 4


def test_wrong_maps_of_many_videos_are_listed_up_to_five(tiny_config: Path, tmp_path: Path) -> None:
    for i in range(7):
        video = tmp_path / f'data/train/real/{i}'
        for name in ('frames', 'segmentation'):
            for frame in range(3):
                write_image(video / f'{name}/{frame}.png', np.full((16, 16), 9, np.uint8))
    with pytest.raises(DataError) as error:
        build_parts(load_config(tiny_config, [f'data_root={tmp_path}/data']), ('train',))
    lines = str(error.value).splitlines()
    assert [f'/{i}/segmentation/0.png' in line for i, line in enumerate(lines[:5])] == [True] * 5
    assert lines[5:] == ['2 more videos have such maps']
