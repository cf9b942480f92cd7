"""Plugins are found by name, wrong names are met with the nearest, and other packages' plugins are let in."""

import sys
from pathlib import Path

import pytest

from photoreal.errors import ConfigError
from photoreal.modalities import Blur
from photoreal.registry import DATASETS, FAMILIES, GENERATORS, MODALITIES, load_plugins, suggest
from tests.plugin_package import install


@pytest.mark.parametrize(('name', 'known', 'text'), [
    ('FRNett', ['FRNet', 'Blur'], "; did you mean 'FRNet'?"), ('frnet', ['FRNet'], "; did you mean 'FRNet'?"),
    ('x', ['b', 'a'], '; known: a, b'), ('x', [], '')])
def test_suggestions(name: str, known: list[str], text: str) -> None:
    assert suggest(name, known) == text


def test_plugins_are_found_by_name() -> None:
    assert MODALITIES.get('Blur') is Blur
    assert isinstance(MODALITIES.build(dict(type='Blur')), Blur)


def test_nothing_is_imported_by_path() -> None:
    with pytest.raises(KeyError, match="registered as 'subprocess.Popen'"):
        MODALITIES.build(dict(type='subprocess.Popen', args=['true']))


def test_miss_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="no generator is registered as 'FRNett'; did you mean 'FRNet'?"):
        GENERATORS.get('FRNett')


def test_every_family_has_plugins_and_the_runner_finds_the_datasets() -> None:
    load_plugins()
    assert {'dataset', 'modality', 'generator', 'discriminator', 'loss'} <= FAMILIES.keys()
    assert {'ClipDataset', 'StreamDataset'} <= DATASETS.module_dict.keys()


def test_plugin_of_an_installed_package_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, 'colour-effects', 'colour_effects', 'Sepia'))
    try:
        assert MODALITIES.get('Sepia').__module__ == 'colour_effects'
    finally:
        MODALITIES.module_dict.pop('Sepia', None)
        sys.modules.pop('colour_effects', None)


def test_broken_plugin_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, 'broken-effects', 'broken_effects', 'Broken', 'import not_there\n'))
    with pytest.raises(ConfigError, match=r'broken_effects.* of broken-effects cannot be imported: '
                                          r"ModuleNotFoundError: .*'not_there'.*uninstall broken-effects"):
        load_plugins()
