"""What visitors leave does not stay on the disk."""

import os
import time
from pathlib import Path

from photoreal.demo.sweep import BROKEN_OFF, Sweeper


def make(path: Path, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    for made in (path, path.parent):
        os.utime(made, (time.time() - age,) * 2)
    return path


def test_what_is_left_is_removed(tmp_path):
    uploads, jobs = tmp_path / 'uploads', tmp_path / 'jobs'
    whole = make(uploads / 'a1b2/film.mp4', 9999)  # Gradio's, which knows who asks for it
    broken_off, coming_in = make(uploads / 'tmp1', BROKEN_OFF + 5), make(uploads / 'tmp2', 0)
    stale, shown = make(jobs / 'old/input/00000.jpg', 700), make(jobs / 'new/input/00000.jpg', 500)
    at_work = make(jobs / 'long/input/00000.jpg', 0)
    for folder in ('old', 'new', 'long'):
        os.utime(jobs / folder, (time.time() - 700,) * 2)
    sweeper = Sweeper(uploads, jobs, keep=600, every=0.01)
    try:
        end = time.monotonic() + 20
        while ((jobs / 'old').exists() or broken_off.exists()) and time.monotonic() < end:
            time.sleep(0.01)
        assert not broken_off.exists() and not stale.parents[1].exists()
        assert all(path.exists() for path in (whole, coming_in, shown, at_work))
    finally:
        sweeper.close()
