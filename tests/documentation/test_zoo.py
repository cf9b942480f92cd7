"""The model zoo: metadata for each config, with commands for what was measured."""

import shutil
from pathlib import Path

import pytest

from docs._generate import zoo
from tests import tiny


def test_every_config_has_sound_metadata() -> None:
    assert zoo.faults() == []


def test_faults_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny.ROOT / 'configs', tmp_path / 'configs')
    text = (tmp_path / 'configs/demo.meta.yml').read_text().replace('metrics: {}', 'metrics:\n  real/psnr: 32.5')
    (tmp_path / 'configs/demo.meta.yml').write_text(text.replace('none published', '{file: a.safetensors}') + 'x: 1\n')
    (tmp_path / 'configs/other.meta.yml').write_text('')
    (tmp_path / 'configs/unpaired.meta.yml').unlink()
    monkeypatch.setattr(zoo, 'ROOT', tmp_path)
    zoo.metadata.cache_clear()
    found = '\n'.join(zoo.faults())
    zoo.metadata.cache_clear()
    for expected in ('other.meta.yml: there is no config of that name', 'unpaired.meta.yml: missing',
                     'metrics: has values and no command', 'weights: expected', 'x: unknown'):
        assert expected in found


def test_table_has_a_row_for_each_config() -> None:
    rows = [line for line in zoo.table().splitlines() if line.startswith('| `')]
    assert [row.split('`')[1] for row in rows] == [f'{name}.py' for name in zoo.configs()]
    assert '2.49 M' in rows[0]
