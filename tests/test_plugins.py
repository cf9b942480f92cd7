"""What is told of each plugin is true, and a config may import more of them."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from photoreal.plugins import describe_plugins
from photoreal.registry import FAMILIES, MODALITIES
from tests import tiny
from tests.plugin_package import install


@pytest.mark.parametrize('family', FAMILIES)
def test_every_plugin_has_a_place_and_a_summary(family: str) -> None:
    rows = describe_plugins(family)
    assert rows == sorted(rows)
    for name, channels, place, summary, package in rows:
        assert re.fullmatch(r'-|\d+', channels)
        if package == 'photoreal':
            path, _, line = place.rpartition(':')
            assert re.match(r'@|class ', Path(path).read_text().splitlines()[int(line) - 1]), name
            assert summary, name


def test_channels_are_those_of_a_modality_as_it_comes() -> None:
    channels = {name: count for name, count, *_ in describe_plugins('modality')}
    assert (channels['Blur'], channels['Edges'], channels['LabelMap']) == ('3', '1', '19')


def test_config_imports_a_module_of_the_users(tiny_config: Path, tiny_data: Path, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, 'my-modalities', 'my_modalities', 'Faded'))
    shutil.rmtree(tmp_path / 'my_modalities-1.0.dist-info')  # a module that is no package's
    tiny.write_config(tiny_config, tiny_data, """
custom_imports = dict(imports=['photoreal.engine', 'photoreal.metrics', 'photoreal.models', 'my_modalities'])
modalities = dict(_delete_=True, faded=dict(type='Faded'))
image = 'faded'
""")
    try:
        ended = tiny.run('train', tiny_config, '--dry-run', options=['resume=False'])
        assert ended.code == 0, ended.err
        assert 'condition: 3 channels: faded 3' in ended.out
    finally:
        MODALITIES.module_dict.pop('Faded', None)
        sys.modules.pop('my_modalities', None)
