"""The metadata of the package, its requirements and the pinned set agree with each other and with the code."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import photoreal

ROOT = Path(__file__).resolve().parents[1]
PINNED = ('', 'tests', 'dev', 'docs', 'onnx', 'cluster', 'demo')  # extras; '' is none of them
PYTHONS = ('3.10', '3.11', '3.12', '3.13')
BUILD = 'import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))'


def build_wheel(folder: Path, *search_path: Path) -> Path:
    """Build the wheel from a copy of the sources, so that nothing is left behind in the checkout."""
    sources = folder / 'sources'
    sources.mkdir()
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, sources)
    for name in ('photoreal', 'requirements'):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns('__pycache__'))
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(map(str, search_path))}
    run = subprocess.run([sys.executable, '-c', BUILD, str(folder)], cwd=sources, env=environment, text=True,
                         capture_output=True)
    assert run.returncode == 0, run.stderr
    return next(folder.glob('*.whl'))


def read_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith('.dist-info/METADATA'))
        return message_from_string(archive.read(name).decode())


def requirements_of(metadata: Message) -> list[Requirement]:
    return [Requirement(line) for line in metadata.get_all('Requires-Dist', [])]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def metadata(wheel: Path) -> Message:
    return read_metadata(wheel)


@pytest.fixture(scope='module')
def pins() -> list[Requirement]:
    lines = (ROOT / 'requirements/constraints.txt').read_text('utf-8').splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith('#')]


def test_name_version_and_python(metadata: Message) -> None:
    assert metadata['Name'] == 'photoreal'
    assert metadata['Version'] == photoreal.__version__
    assert metadata['Requires-Python'] == '>=3.10'


def test_wheel_carries_modules_assets_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        scripts = next(archive.read(name).decode() for name in names if name.endswith('dist-info/entry_points.txt'))
    assert 'photoreal = photoreal.commands:console' in scripts
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / 'photoreal').rglob('*.py')}
    assets = {str(p.relative_to(ROOT)) for folder in ('assets', 'reporting/page')
              for p in (ROOT / 'photoreal' / folder).iterdir() if p.is_file()}
    assert 'photoreal/assets/squeezenet1_1_features_fp16.npz' in assets
    assert sources | assets <= names
    assert any(n.endswith('dist-info/licenses/LICENSE') for n in names)
    assert not [n for n in names if n.startswith(('tests/', 'tools/', 'configs/'))]


@pytest.mark.parametrize('python', PYTHONS)
def test_every_requirement_has_one_pin_that_satisfies_it(
        metadata: Message, pins: list[Requirement], python: str) -> None:
    environment = {'python_version': python, 'python_full_version': f'{python}.0', 'extra': ''}
    faults = []
    for needed in requirements_of(metadata):
        if needed.marker and not any(needed.marker.evaluate({'extra': extra}) for extra in PINNED):
            continue
        found = [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(needed.name)
                 and (pin.marker is None or pin.marker.evaluate(environment))]
        versions = [next(iter(pin.specifier)).version for pin in found]
        if len(versions) != 1 or versions[0] not in needed.specifier:
            faults.append(f'{needed}: pinned to {versions or "nothing"}')
    assert not faults


def test_pins_are_exact(pins: list[Requirement]) -> None:
    assert [str(pin) for pin in pins if [s.operator for s in pin.specifier] != ['==']] == []


def test_everything_that_is_imported_is_required(metadata: Message) -> None:
    owners = packages_distributions()
    faults = []
    for path in [*(ROOT / 'photoreal').rglob('*.py'), *(ROOT / 'tools').rglob('*.py')]:
        # The contracts for plugins are inherited by tests, so they may import what tests may.
        extras = ('tests',) if ROOT / 'photoreal/testing' in path.parents else \
            ('optional', 'onnx', 'cluster', 'demo')
        required = {distribution_key(r.name) for r in requirements_of(metadata)
                    if r.marker is None or any(r.marker.evaluate({'extra': extra}) for extra in extras)}
        for name in sorted(top_level_imports(path) - set(sys.stdlib_module_names) - {'photoreal'}):
            if required.isdisjoint(map(distribution_key, owners.get(name, [name]))):
                faults.append(f'{path.relative_to(ROOT)} imports {name} ({owners.get(name, "not installed")})')
    assert not faults


def distribution_key(name: str) -> str:
    """The normalised name; mmcv and mmcv-lite are one library under two names."""
    return canonicalize_name(name).replace('mmcv-lite', 'mmcv')


def top_level_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split('.')[0])
    return found


def test_mmcv_lite_is_left_out_where_mmcv_is_installed(metadata: Message, tmp_path: Path) -> None:
    mmcv = tmp_path / 'site/mmcv-2.2.0.dist-info/METADATA'
    mmcv.parent.mkdir(parents=True)
    mmcv.write_text('Metadata-Version: 2.1\nName: mmcv\nVersion: 2.2.0\n')
    beside_mmcv = requirements_of(read_metadata(build_wheel(tmp_path, tmp_path / 'site')))
    alone = requirements_of(metadata)
    assert {r.name for r in alone} - {r.name for r in beside_mmcv} == {'mmcv-lite'}
