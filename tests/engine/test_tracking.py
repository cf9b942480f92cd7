"""Trackers are given numbers, pictures and short videos; those that are not installed are left out."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photoreal.engine.hooks import PreviewHook
from tests import tiny
from tests.conftest import Run
from tests.engine.test_hooks import result


def test_tensorboard_shows_one_video_of_each_domain_moving(trained: Run) -> None:
    events = EventAccumulator(str(next(trained.work_dir.glob('*/vis_data'))), size_guidance={'images': 0}).Reload()
    for name, panels in (('real_lane', 3), ('virtual_game', 2)):
        shown = events.Images(f'{name}_video')
        assert [event.step for event in shown] == [2, 4]
        picture = Image.open(io.BytesIO(shown[0].encoded_image_string))
        assert picture.format == 'GIF' and picture.n_frames == 4 and picture.size == (panels * tiny.WIDTH, tiny.HEIGHT)
        with av.open(str(next(trained.work_dir.glob(f'*/vis_data/vis_video/{name}_4.mp4')))) as video:
            assert sum(1 for _ in video.decode(video=0)) == 4


def test_log_lines_have_throughput_time_left_memory_and_accuracy(trained: Run) -> None:
    lines = [line for line in trained.console.splitlines() if 'Iter(train)' in line]
    assert len(lines) == 4
    for name in ('eta: ', 'clips_per_s: ', 'memory: ', 'd_accuracy: ', 'g_grad_norm: ', 'd_grad_norm: ', 'data_time: '):
        assert all(name in line for line in lines), name


def test_only_the_first_videos_move_and_only_so_far() -> None:
    shown = []
    visualizer = SimpleNamespace(add_image=lambda *_, **__: None,
                                 add_video=lambda name, frames, fps, step: shown.append((name, len(frames))))
    runner = SimpleNamespace(visualizer=visualizer, iter=1)
    hook = PreviewHook(videos=1, frames=2)
    for _ in range(2):  # the second validation as the first
        hook.before_val_epoch(runner)
        for video in ('one', 'two'):
            for index in range(3):
                frame = result('virtual', index, 3)
                frame.info['video'] = video
                hook.after_val_iter(runner, index, outputs=[frame])
    assert shown == [('virtual_one', 2)] * 2
    assert frame.frame.dtype == np.uint8


@pytest.mark.slow
@pytest.mark.parametrize(('package', 'backend', 'made'), [
    ('wandb', "dict(type='WandbVisBackend', init_kwargs=dict(project='p', mode='offline'))",
     'run/*/vis_data/wandb/offline-run-*/files/media/videos/*.mp4'),
    ('mlflow', "dict(type='MLflowBackend', tracking_uri='sqlite:///{0}/mlflow.db', artifact_location='{0}/artifacts', "
               "exp_name='e')", 'artifacts/*/artifacts/videos/virtual_game_2.mp4'),
    ('aim', "dict(type='AimVisBackend', init_kwargs=dict(repo='{0}/aim'))", 'aim/.aim'),
    ('clearml', "dict(type='ClearMLVisBackend', init_kwargs=dict(project_name='p', task_name='t'))", '.'),
])
def test_other_trackers_take_numbers_pictures_and_videos(tiny_data: Path, tmp_path: Path, package: str, backend: str,
                                                         made: str) -> None:
    pytest.importorskip(package)
    text = f"\nvis_backends = [dict(type='LocalVisBackend'), {backend.format(tmp_path)}]\n"
    config = tiny.write_config(tmp_path / 'tracked.py', tiny_data, text)
    # In a process of its own: these packages keep threads, and warn of much.
    ended = tiny.run_process('tools/train.py', config, '--work-dir', tmp_path / 'run', '--cfg-options',
                             'train_cfg.max_iters=2', CLEARML_OFFLINE_MODE='1', PYTHONPATH=os.environ.get(
                                 'PYTHONPATH', str(tiny.ROOT)))
    assert ended.code == 0, ended.err
    assert list(tmp_path.glob(made)), sorted(tmp_path.rglob('*'))
