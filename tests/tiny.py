"""A data set, a config and runs of the tools that are small enough to test with."""

import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import cv2
import numpy as np

from photoreal.datasets.writers import write_image, write_json

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH, LENGTH, FPS = 40, 56, 8, 12.5
VIDEOS = ('train/real/park', 'train/real/road', 'val/real/lane', 'val/virtual/game')
_runs = count()

CONFIG = """
_base_ = {base!r}

data_root = {data_root!r}
clip_length = 3
crop_size = 16
modalities = dict(segmentation=dict(type='LabelMap', num_classes=4))

model = dict(generator=dict(mid_channels=8, num_blocks=1, flow_channels=4), losses=dict(perceptual=None))
train_dataloader = dict(batch_size=2, num_workers=0)
val_dataloader = dict(num_workers=0, dataset=dict(max_frames=4))
test_dataloader = dict(num_workers=0)
param_scheduler = [dict(type='ExponentialLR', by_epoch=False, gamma=0.5)]
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
"""


class Ended(NamedTuple):
    """How a tool ended."""

    code: int
    out: str
    err: str


def make_data(root: Path) -> Path:
    """Videos in the layout: a window that moves over a smooth picture, and labels that move with it."""
    for seed, video in enumerate(VIDEOS):
        rng = np.random.default_rng(seed)
        scene = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (WIDTH + 2 * LENGTH, HEIGHT + LENGTH))
        for i in range(LENGTH):
            frame = scene[i:i + HEIGHT, 2 * i:2 * i + WIDTH]
            write_image(root / video / f'frames/{i:03d}.png', frame)
            write_image(root / video / f'segmentation/{i:03d}.png', frame[..., 0] // 64)
        write_json(root / video / 'meta.json', {'fps': FPS})
    return root


def write_config(path: Path, data_root: Path, text: str = '', base: str = 'tecogan_multimodal.py') -> Path:
    """A config with tiny networks that trains for four iterations; ``text`` comes last."""
    path.write_text(CONFIG.format(base=os.path.relpath(ROOT / 'configs' / base, path.parent),
                                  data_root=str(data_root)) + text)
    return path


def run(tool: str, *args: object, options: Sequence[str] = ()) -> Ended:
    """Run ``tools/<tool>.py`` in this process."""
    if options:
        # MMEngine's loggers are told apart by this name and the second.
        options = ['--cfg-options', *options, f'experiment_name=run{next(_runs)}']
    argv = [f'tools/{tool}.py', *map(str, args), *options]
    out, err, code = StringIO(), StringIO(), 0
    with mock.patch.object(sys, 'argv', argv), redirect_stdout(out), redirect_stderr(err):
        try:
            runpy.run_path(str(ROOT / f'tools/{tool}.py'), run_name='__main__')
        except SystemExit as end:
            code = end.code
    if isinstance(code, str):  # as Python does: a text is printed, and means failure
        return Ended(1, out.getvalue(), err.getvalue() + code + '\n')
    return Ended(code or 0, out.getvalue(), err.getvalue())


def run_process(*argv: object, **environment: str) -> Ended:
    """Run a tool as a user does: in a process of its own, ``argv[0]`` being its path."""
    process = subprocess.run([sys.executable, *map(str, argv)], cwd=ROOT, capture_output=True, text=True, timeout=120,
                             env={**os.environ, 'OMP_NUM_THREADS': '1', **environment})
    return Ended(process.returncode, process.stdout, process.stderr)


def start_process(*argv: object, **environment: str) -> subprocess.Popen:
    """Start a tool in a process of its own, with pipes to and from it, as bytes."""
    return subprocess.Popen([sys.executable, *map(str, argv)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, 'OMP_NUM_THREADS': '1', **environment})


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its contents."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def equal(a: Any, b: Any) -> bool:
    """Whether two nests of dicts, lists and tensors hold the same, bit for bit."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(equal, a, b))
    return bool((a == b).all()) if hasattr(a, 'all') else a == b
