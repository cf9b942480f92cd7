import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.helpers import make_video

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip('lmdb')


def pack_data(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(ROOT / 'tools/pack_data.py'), *map(str, args)], capture_output=True,
                          text=True, cwd=ROOT)


def test_it_packs_and_says_how_to_use_it(tmp_path):
    make_video(tmp_path / 'data', 4, height=72, width=72)
    (tmp_path / 'data/train/real/a/notes.txt').write_text('')
    done = pack_data(tmp_path / 'data', tmp_path / 'x.lmdb', '--raw')
    assert done.returncode == 0, done.stderr
    assert f'{tmp_path}/x.lmdb: 1 videos, 4 files' in done.stdout and f'data_root={tmp_path}/x.lmdb' in done.stdout
    assert f'left out, no part of a data set: {tmp_path}/data/train/real/a/notes.txt' in done.stdout
    again = pack_data(tmp_path / 'data', tmp_path / 'x.lmdb')
    assert again.returncode == 1 and again.stderr.startswith('error: ') and 'exists already' in again.stderr
