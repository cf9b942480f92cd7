"""Checkpoints are copied to where fsspec reaches, whole, and a run goes on from a copy."""

from pathlib import Path

import fsspec
import pytest

from photoreal.engine.mirror import MirrorHook
from photoreal.errors import ConfigError
from tests import tiny


def test_checkpoints_are_copied_and_resumed_from(tmp_path: Path, tiny_data: Path) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data,
                               "default_hooks.update(mirror=dict(type='MirrorHook', url='memory://bucket/run'))")
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=3'])
    assert ended.code == 0, ended.err
    storage = fsspec.filesystem('memory')
    for name in ('latest.pth', 'best.pth', 'metrics.json'):
        assert storage.cat_file(f'/bucket/run/{name}') == (tmp_path / 'run' / name).read_bytes(), name
    assert len(storage.ls('/bucket/run')) == 3
    storage.get_file('/bucket/run/latest.pth', str(tmp_path / 'copy.pth'))
    again = tiny.run('train', config, '--work-dir', tmp_path / 'other', '--resume', tmp_path / 'copy.pth',
                     options=['train_cfg.max_iters=4'])
    assert again.code == 0, again.err
    assert 'Iter(train) [4/4]' in again.out and 'Iter(train) [3/4]' not in again.out


def test_url_that_nothing_reaches() -> None:
    with pytest.raises(ConfigError, match="url='s4://bucket': .*; expected a URL that fsspec knows"):
        MirrorHook('s4://bucket')
