"""tools/browse_data.py as a user runs it."""

import subprocess
import sys
from pathlib import Path

from tests.inspect.helpers import sound_root

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    options = ['--cfg-options', f'data_root={folder / "data"}', 'crop_size=32', 'clip_length=4']
    return subprocess.run([sys.executable, ROOT / 'tools/browse_data.py', ROOT / 'configs/tecogan_multimodal.py',
                           *arguments, *options], text=True, capture_output=True, cwd=folder,
                          env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


def test_pictures_go_to_a_folder(tmp_path: Path) -> None:
    sound_root(tmp_path / 'data')
    result = run(tmp_path, '--out', 'clips', '--clips', '2', '--start', '5')
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / 'clips').iterdir()) == ['clip_000005.png', 'clip_000006.png']


def test_html_writes_one_page(tmp_path: Path) -> None:
    sound_root(tmp_path / 'data')
    result = run(tmp_path, '--clips', '2', '--html')
    assert result.returncode == 0, result.stderr
    assert (tmp_path / 'clips.html').read_text('utf-8').count('<h2>clip ') == 2


def test_wrong_numbers_are_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path, '--clips', '0').returncode == 2
