"""Trackers are given numbers, pictures and short videos; those that are not installed are left out."""

import io
import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend
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


TRACKERS = {
    'wandb': "dict(type='WandbBackend', init_kwargs=dict(project='p', mode='offline', id='street', resume='allow'))",
    'mlflow': "dict(type='MLflowBackend', tracking_uri='sqlite:///{0}/mlflow.db', artifact_location='{0}/artifacts', "
              "exp_name='drive')",
    'aim': "dict(type='AimVisBackend', init_kwargs=dict(repo='{0}/aim'))",
    'clearml': "dict(type='ClearMLVisBackend', init_kwargs=dict(project_name='p', task_name='t'), "
               "artifact_suffix=('.py',))"}


@pytest.mark.slow
@pytest.mark.parametrize('package', TRACKERS)
def test_other_trackers_keep_numbers_pictures_and_videos(tiny_data: Path, tmp_path: Path, package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f'{package} is not installed')
    text = f"\nvis_backends = [dict(type='LocalVisBackend'), {TRACKERS[package].format(tmp_path)}]\n"
    config = tiny.write_config(tmp_path / 'tracked.py', tiny_data, text)
    environment = dict(CLEARML_OFFLINE_MODE='1', HOME=str(tmp_path / 'home'), PYTHONPATH=str(tiny.ROOT))
    ended = tiny.run_process('tools/train.py', config, '--work-dir', tmp_path / 'run', '--cfg-options',
                             'train_cfg.max_iters=2', **environment)
    assert ended.code == 0 and 'was not told' not in ended.out, ended.err
    tested = tiny.run_process('tools/test.py', config, '--checkpoint', tmp_path / 'run', **environment)
    assert tested.code == 0, tested.err  # and no other run of the tracker comes of it
    read = tiny.run_process('-m', 'tests.engine.trackers', package, tmp_path, **environment)
    assert read.code == 0, read.err
    found = json.loads(read.out.splitlines()[-1])
    for name, iterations in (('g_total', [1, 2]), ('real/psnr', [2])):
        expected = logged(tmp_path / 'run', name)
        assert [int(float(iteration)) for iteration in found['curves'][name]] == iterations == list(expected)
        assert list(found['curves'][name].values()) == pytest.approx(list(expected.values()))
    for kind in ('pictures', 'videos'):
        assert all(any(video in name for name in found[kind]) for video in ('real_lane', 'virtual_game')), found
    assert found['config']


def logged(work_dir: Path, name: str) -> dict[int, float]:
    """A number by iteration, as the run's own log has it."""
    lines = next(work_dir.glob('*/vis_data/scalars.json')).read_text().splitlines()
    return {row.get('iter', row.get('step')): row[name] for row in map(json.loads, lines) if name in row}


@VISBACKENDS.register_module()
class FailingBackend(BaseVisBackend):
    """A tracker that is away, from its start or afterwards."""

    def __init__(self, save_dir: str, at_start: bool) -> None:
        super().__init__(save_dir)
        self.at_start = at_start

    experiment = None

    def _init_env(self) -> None:
        """Nothing to be done."""

    def add_config(self, config: Config, **kwargs: object) -> None:
        if self.at_start:
            raise ConnectionError('nobody answers')

    def add_scalars(self, *args: object, **kwargs: object) -> None:
        raise ConnectionError('nobody answers any more')

    add_image = add_video = add_scalars


@pytest.mark.parametrize('at_start', [True, False])
def test_tracker_that_fails(tiny_data: Path, tmp_path: Path, at_start: bool) -> None:
    text = f"\nvis_backends = [dict(type='LocalVisBackend'), dict(type='FailingBackend', at_start={at_start})]\n"
    config = tiny.write_config(tmp_path / 'tracked.py', tiny_data, text)
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=2'])
    if at_start:
        assert ended.code == 1 and 'FailingBackend does not start (ConnectionError: nobody answers)' in ended.err
    else:
        assert ended.code == 0, ended.err
        assert 'FailingBackend was not told, and the run goes on: ConnectionError: nobody answers any more' in ended.out
        assert list(logged(tmp_path / 'run', 'g_total')) == [1, 2]


def test_seconds_of_a_validation_have_a_name_of_their_own(trained: Run) -> None:
    events = EventAccumulator(str(next(trained.work_dir.glob('*/vis_data')))).Reload()
    assert [event.step for event in events.Scalars('time')] == [1, 2, 3, 4]
    assert [event.step for event in events.Scalars('val/time')] == [2, 4]
