"""Real videos to train on are all that a training needs; what it does without is told."""

import shutil
from pathlib import Path

import pytest

from photoreal.config import check_config, load_config
from photoreal.engine import runner
from photoreal.engine.absent import leave_out_absent
from photoreal.errors import DataError
from tests import tiny


@pytest.fixture
def config(tiny_data: Path, tmp_path: Path) -> Path:
    """A config on real videos to train on, in ``data``, and nothing else."""
    shutil.copytree(tiny_data / 'train', tmp_path / 'data/train')
    return tiny.write_config(tmp_path / 'tiny.py', tmp_path / 'data')


def test_a_training_without_validation(config: Path, tmp_path: Path) -> None:
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=2'])
    assert ended.code == 0, ended.err
    data = tmp_path / 'data'
    assert f'note: {data}/val/real holds no videos: how close' in ended.out
    assert f'note: {data}/val/virtual holds no videos: predictions of virtual video are neither' in ended.out
    assert 'training needs none (left out: PSNR, SSIM, WarpError)' in ended.out
    assert (tmp_path / 'run/iter_2.pth').is_file() and not (tmp_path / 'run/metrics.json').exists()
    kept = load_config(tmp_path / 'run/tiny.py')  # a validation that comes later is not lost
    assert len(kept.val_evaluator) == 4 and kept.default_hooks.checkpoint.save_best == 'real/psnr'


def test_a_dry_run_tells_it_too(config: Path, tiny_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_data / 'val/real', tmp_path / 'data/val/real')
    ended = tiny.run('train', config, '--dry-run')
    assert ended.code == 0, ended.err
    assert 'val/virtual holds no videos' in ended.out and '(left out: WarpError)' in ended.out
    assert 'val/real holds' not in ended.out and 'one test step: real/lane' in ended.out


def test_only_what_is_there_is_measured_and_kept(config: Path, tiny_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_data / 'val/virtual', tmp_path / 'data/val/virtual')
    (tmp_path / 'data/val/real').mkdir()  # empty
    cfg = load_config(config)
    check_config(cfg)
    phases, notes = leave_out_absent(cfg, ('train', 'val', 'test'))
    assert phases == ('train', 'val', 'test') and len(notes) == 2  # other metrics are left out of the test
    assert tuple(cfg.val_dataloader.dataset.domains) == ('virtual',)
    assert [(metric.type, metric.domain) for metric in cfg.val_evaluator] == [('WarpError', 'virtual')]
    assert cfg.default_hooks.checkpoint.save_best is None


def test_a_test_of_nothing_fails(config: Path, tmp_path: Path) -> None:
    cfg = load_config(config)
    cfg.work_dir = str(tmp_path / 'run')
    phases, _ = leave_out_absent(cfg, ('test',))
    assert phases == ('test',)
    with pytest.raises(DataError, match='val/real: found no such folder'):
        runner.build_parts(cfg, phases)
