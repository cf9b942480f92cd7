"""Work dirs and test outputs as the tools leave them, made by hand."""

import json
from pathlib import Path

import numpy as np

from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image, write_json

HEIGHT, WIDTH, LENGTH, FPS = 36, 64, 12, 8.0
CONFIG = """
max_iters = 40
model = dict(
    generator=dict(num_blocks=4, type='FRNet'), type='VideoGAN', update_threshold=0.4)
optim_wrapper = dict(generator=dict(optimizer=dict(lr={lr}, type='Adam')))
"""


def log_line(step: int, **values: float) -> dict:
    return {'generator.lr': 1e-3, 'time': 0.5, 'data_time': 0.1, 'd_real': 0.5, 'd_fake': -0.5, 'd_lead': 0.3,
            'd_updates': step // 2, 'g_pixel': 1 / (step + 1), 'iter': step, 'step': step, **values}


def write_log(work_dir: Path, lines: list[dict], stamp: str = '20200101_000000', lr: str = '0.001') -> Path:
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    (folder / 'config.py').write_text(CONFIG.format(lr=lr))
    return work_dir


def make_work_dir(work_dir: Path, lr: str = '0.001') -> Path:
    """A training of 40 iterations and two validations."""
    validation = {'real/psnr': 20.0, 'data_time': 0.1, 'time': 0.2, 'step': 0}
    write_log(work_dir, [*(log_line(step) for step in range(1, 41)), validation], lr=lr)
    write_json(work_dir / 'metrics.json', [{'iter': 20, 'real/psnr': 18.0}, {'iter': 40, 'real/psnr': 20.0}])
    return work_dir


def level(index: int) -> int:
    """How bright frame ``index`` is, far enough from its neighbours' for lossy coding."""
    return 20 + 18 * index


def add_video(folder: Path, name: str, length: int = LENGTH) -> None:
    """A video whose input is red and whose prediction is green, as bright as the frame's number says."""
    with VideoWriter(folder / 'virtual' / f'{name}.mp4', FPS) as writer:
        for i in range(length):
            panels = np.zeros((HEIGHT, 2, WIDTH, 3), np.uint8)
            panels[:, 0, :, 0] = panels[:, 1, :, 1] = level(i % LENGTH)
            write_image(folder / 'virtual' / name / f'{i:05d}.png', panels[:, 1])
            writer.write(panels.reshape(HEIGHT, 2 * WIDTH, 3))


def make_test(folder: Path, errors: dict[str, float], checkpoint: str = 'nowhere.pth', length: int = LENGTH) -> Path:
    """A test of virtual videos: name -> its mean error; the frame in its middle is the worst."""
    frames, videos = {}, {}
    for name, error in errors.items():
        add_video(folder, name, length)
        values = [None] + [error + (1.0 if i == length // 2 else 0.0) for i in range(1, length)]
        frames[f'virtual/{name}'] = {'warp_error': values, 'warp_error_input': [None] + [9.0] * (length - 1)}
        videos[f'virtual/{name}'] = {'warp_error': error, 'warp_error_input': 9.0}
    mean = {'virtual/warp_error': sum(errors.values()) / len(errors), 'virtual/warp_error_input': 9.0}
    write_json(folder / 'frames.json', frames)
    write_json(folder / 'metrics.json', {'mean': mean, 'videos': videos, 'higher_is_better': ['psnr'],
                                         'neutral': ['warp_error_input'],
                                         'checkpoint': checkpoint, 'config': 'some.py'})
    return folder
