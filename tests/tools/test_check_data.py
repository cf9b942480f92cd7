"""tools/check_data.py as a user runs it."""

import subprocess
import sys
from pathlib import Path

from tests.inspect.helpers import sound_root

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


def test_a_fault_exits_with_one_and_is_told_first(tmp_path: Path) -> None:
    (sound_root(tmp_path) / 'train/real/a/frames/00004.png').write_bytes(b'')
    result = run(tmp_path, '--config', ROOT / 'configs/tecogan_multimodal.py')
    assert result.returncode == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith('error: ') and 'train/real/a' in first
    assert 'smaller crop_size' in result.stdout and 'FAIL' in result.stdout
