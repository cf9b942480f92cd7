"""tools/check_data.py as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from photoreal.config import load_config
from photoreal.datasets.build import build_dataset
from photoreal.errors import DataError
from photoreal.look import Development
from tests.inspect.helpers import frames, put, sound_root

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / 'tools/check_data.py', *map(str, arguments)], text=True,
                          capture_output=True, env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


def test_sound_data_passes_and_a_page_is_written(tmp_path: Path) -> None:
    result = run(sound_root(tmp_path / 'data'), '--report', tmp_path / 'report.html')
    assert result.returncode == 0, result.stderr
    assert 'training can start' in result.stdout and str(tmp_path / 'report.html') in result.stdout
    assert (tmp_path / 'report.html').stat().st_size > 10_000
    assert result.stderr == ''


def test_check_and_training_agree_and_the_next_command_keeps_what_was_given(tmp_path: Path) -> None:
    root, look = sound_root(tmp_path / 'data'), tmp_path / 'my look.cube'
    Development(exposure=0.2).look().save(look)
    config = ROOT / 'configs/photoreal_any.py'
    options = ['--config', config, '--cfg-options', 'crop_size=32', 'unpaired.crop_size=32', 'max_iters=40']
    result = run(root, *options, '--look', look)
    assert result.returncode == 1 and 'train/virtual: found no such folder' in result.stdout
    with pytest.raises(DataError, match='train/virtual: found no such folder'):
        build_dataset(load_config(config, [f'data_root={root}', *options[3:]]), 'train')
    put(root, 'train/virtual/e', frames(7))
    result = run(root, *options, '--look', look)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith(f"next: python tools/train.py {config} --cfg-options data_root={root} crop_size=32 "
                                  f"unpaired.crop_size=32 max_iters=40 'look={look}'\n")


def test_options_without_a_config_are_wrong_usage(tmp_path: Path) -> None:
    result = run(sound_root(tmp_path), '--cfg-options', 'crop_size=32')
    assert result.returncode == 2 and '--cfg-options are for --config' in result.stderr


def test_a_fault_exits_with_one_and_is_told_first(tmp_path: Path) -> None:
    (sound_root(tmp_path) / 'train/real/a/frames/00004.png').write_bytes(b'')
    result = run(tmp_path, '--config', ROOT / 'configs/tecogan_multimodal.py')
    assert result.returncode == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith('error: ') and 'train/real/a' in first
    assert 'smaller crop_size' in result.stdout and 'FAIL' in result.stdout
