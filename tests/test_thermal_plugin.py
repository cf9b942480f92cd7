"""The example of a third party's package: installed as users install it, found, tested and trained."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from tests.tiny import ROOT

PLUGIN = ROOT / 'examples/thermal_plugin'


def run(python: Path, *argv: object, cwd: Path = PLUGIN) -> str:
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    ended = subprocess.run([python, *map(str, argv)], cwd=cwd, text=True, capture_output=True, timeout=300,
                           env=environment | {'OMP_NUM_THREADS': '1', 'PIP_DISABLE_PIP_VERSION_CHECK': '1'})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope='module')
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment over the one that runs this, with the plugin installed from a copy of its sources."""
    folder = tmp_path_factory.mktemp('plugin')
    run(Path(sys.executable), '-m', 'venv', '--system-site-packages', '--without-pip', folder / 'venv')
    python = folder / 'venv/bin/python'
    site = Path(run(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip())
    # This environment may be one itself, which --system-site-packages looks past.
    (site / 'below.pth').write_text(f'{ROOT}\n{sysconfig.get_path("purelib")}\n{sysconfig.get_path("platlib")}\n')
    sources = folder / 'sources'
    sources.mkdir()
    found = (*PLUGIN.glob('*.*'), *PLUGIN.glob('photoreal_thermal/*.py'))
    for path in filter(Path.is_file, found):  # who has installed it from there has left build/ and *.egg-info/
        target = sources / path.relative_to(PLUGIN)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    run(python, '-m', 'pip', 'install', '-q', '--no-deps', '--no-build-isolation', '--no-index', sources)
    place = run(python, '-c', 'import photoreal_thermal; print(photoreal_thermal.__file__)', cwd=folder)
    assert Path(place.strip()).is_relative_to(site)
    return python


@pytest.mark.slow
def test_plugins_are_found_and_keep_the_contracts(python: Path, tmp_path: Path) -> None:
    listed = run(python, ROOT / 'tools/list_plugins.py', cwd=tmp_path).splitlines()
    for name in ('Thermal', 'NpzClips', 'HeatNet', 'GradientLoss'):
        assert any(line.split()[0] == name and line.endswith('photoreal-thermal') for line in listed), name
    ended = run(python, '-m', 'photoreal.testing', 'modality', 'photoreal_thermal:Thermal', cwd=tmp_path)
    assert 'Thermal keeps the contract of modality' in ended
    assert ' passed' in run(python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-c', os.devnull, '--rootdir',
                            tmp_path, PLUGIN / 'tests', cwd=tmp_path)


@pytest.mark.slow
def test_training_with_all_of_them(python: Path, tmp_path: Path) -> None:
    run(python, '-m', 'photoreal_thermal.make_data', tmp_path / 'data', cwd=tmp_path)
    out = run(python, ROOT / 'tools/train.py', PLUGIN / 'configs/thermal.py', '--work-dir', tmp_path / 'run',
              '--cfg-options', f'data_root={tmp_path / "data"}', cwd=tmp_path)
    assert 'condition: 2 channels: thermal 1, gray 1' in out and 'generator: HeatNet' in out
    assert 'Iter(train) [20/20]' in out and 'g_gradient: ' in out and '\n  psnr ' in out
    checkpoint = torch.load(tmp_path / 'run/latest.pth', weights_only=True)
    assert checkpoint['meta']['iter'] == 20
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values())
