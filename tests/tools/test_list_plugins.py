"""The list of plugins as a user sees it."""

import os
from pathlib import Path

from tests import tiny
from tests.plugin_package import install


def test_all_families_are_listed() -> None:
    ended = tiny.run('list_plugins')
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line for line in lines if not line.startswith(' ')][:6] == \
        ['dataset:', 'modality:', 'input_style:', 'generator:', 'discriminator:', 'loss:']
    frnet = next(line.split() for line in lines if line.split()[0] == 'FRNet')
    assert frnet[2].startswith('photoreal/models/generators/frnet.py:') and frnet[-1] == 'photoreal'


def test_one_family(tiny_data: Path) -> None:
    ended = tiny.run('list_plugins', 'loss')
    assert 'PixelLoss' in ended.out and 'FRNet' not in ended.out


def test_unknown_family_has_code_2() -> None:
    assert tiny.run('list_plugins', 'losses').code == 2


def test_plugins_of_installed_packages_are_listed_with_their_package(tmp_path: Path) -> None:
    install(tmp_path, 'colour-effects', 'colour_effects', 'Sepia')
    ended = tiny.run_process('tools/list_plugins.py', 'modality', PYTHONPATH=search_path(tmp_path))
    assert ended.code == 0, ended.err
    row = next(line for line in ended.out.splitlines() if line.split()[0] == 'Sepia')
    assert row.split()[1] == '3' and f'{tmp_path}/colour_effects.py:' in row
    assert 'The frame in the tones of an old photograph.' in row and row.endswith('colour-effects')


def test_broken_plugin_is_one_message(tmp_path: Path) -> None:
    install(tmp_path, 'broken-effects', 'broken_effects', 'Broken', '1 / 0')
    ended = tiny.run_process('tools/list_plugins.py', 'modality', PYTHONPATH=search_path(tmp_path))
    assert ended.code == 1 and 'Traceback' not in ended.err
    assert 'of broken-effects cannot be imported: ZeroDivisionError' in ended.err


def search_path(folder: Path) -> str:
    return os.pathsep.join([str(folder), str(tiny.ROOT), os.environ.get('PYTHONPATH', '')])
