"""What happens around training and test besides the steps: pictures, predictions on disk, metrics as JSON."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image, write_json
from photoreal.engine.agreement import gather
from photoreal.engine.forecast import process_peak
from photoreal.structures import FrameResult


def strip(result: FrameResult) -> np.ndarray:
    """Input | prediction | target side by side, (H, 2*W or 3*W, 3) uint8 RGB.

    The input is the untranslated render of a virtual frame, and the degraded frame of a real one where there is one.
    """
    height, width = result.pred.shape[:2]
    source = result.image if result.info['domain'] == 'real' else result.frame
    panels = [image if image.shape[:2] == (height, width) else cv2.resize(image, (width, height))
              for image in (source, result.pred, result.target) if image is not None]
    return np.concatenate(panels, axis=1)


@HOOKS.register_module()
class PreviewHook(Hook):
    """At each validation, show strips of the videos: the middle frame of each, and some of them moving.

    They go to the backends of the visualizer, and into the run's ``vis_image/`` and ``vis_video/``.

    Args:
        videos: How many videos of each domain are shown moving, the first ones.
        frames: Of such a video, at most.
    """

    def __init__(self, videos: int = 1, frames: int = 60) -> None:
        self.videos, self.frames = videos, frames
        self._strips: list[np.ndarray] = []
        self._shown: dict[str, set[str]] = {}

    def before_val_epoch(self, runner: Runner) -> None:
        self._strips, self._shown = [], {}

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: Sequence[FrameResult] | None = None) -> None:
        for result in outputs or ():
            info = result.info
            name = f"{info['domain']}_{info['video']}"  # no '/': it becomes a file's
            picture = strip(result)
            if info['index'] == info['length'] // 2:
                runner.visualizer.add_image(name, picture, step=runner.iter)
            shown = self._shown.setdefault(info['domain'], set())
            if len(shown | {name}) <= self.videos and info['index'] < self.frames:
                shown.add(name)
                self._strips.append(picture)
                if info['index'] == min(info['length'], self.frames) - 1:
                    self._show_moving(runner, name, info['fps'])

    def _show_moving(self, runner: Runner, name: str, fps: float) -> None:
        strips, self._strips = self._strips, []
        if hasattr(runner.visualizer, 'add_video'):
            runner.visualizer.add_video(name, strips, fps, step=runner.iter)


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Log ``clips_per_s``, of all processes together, and on CPUs ``memory``, the peak of this process in MB.

    On GPUs MMEngine logs the peak of the GPU's memory under that name.
    """

    _WINDOW = 10  # iterations

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        hub, loader = runner.message_hub, runner.train_dataloader
        seconds = hub.get_scalar('train/time').mean(self._WINDOW)
        hub.update_scalar('train/clips_per_s', loader.batch_size * get_world_size() / seconds)
        peak = None if torch.cuda.is_available() else process_peak()
        if peak is not None:
            hub.update_scalar('train/memory', peak >> 20)


@HOOKS.register_module()
class MetricsJsonHook(Hook):
    """Keep the metrics of every validation in ``<work_dir>/metrics.json``: a list of {iter, <metric>: value}.

    A validation counts as made when it stands there, so this comes after the hook that saves the best checkpoint.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """A resumed run goes on with what it had measured up to its checkpoint."""
        path = Path(runner.work_dir) / 'metrics.json'
        known = json.loads(path.read_text()) if runner.iter and path.is_file() else []
        own = [entry for entry in known if entry['iter'] <= runner.iter]
        self.history: list[dict[str, Any]] = max(gather(own), key=len)  # the file may be on one node's disk alone
        if self.history:
            runner.message_hub.update_info('validated', self.history[-1]['iter'])

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if metrics:
            self.history.append({'iter': runner.iter, **{key: float(value) for key, value in metrics.items()}})
            write_json(Path(runner.work_dir) / 'metrics.json', self.history)


@HOOKS.register_module()
class PredictionWriterHook(Hook):
    """Write each prediction of a test as ``<out>/<domain>/<video>/<name>.png``, and the strips of input, prediction
    and target as ``<out>/<domain>/<video>.mp4`` at the source's frame rate.

    Args:
        out_dir: Where to write.
    """

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)
        self._video = ExitStack()

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                        outputs: Sequence[FrameResult] | None = None) -> None:
        for result in outputs or ():
            info = result.info
            folder = self.out_dir / info['domain'] / info['video']
            if info['index'] == 0:
                path = folder.with_name(folder.name + '.mp4')
                self._writer = self._video.enter_context(VideoWriter(path, info['fps']))
            write_image(folder / f"{info['name']}.png", result.pred)
            self._writer.write(strip(result))
            if info['index'] == info['length'] - 1:
                self._video.close()

    def abort(self, error: BaseException) -> None:
        """Drop the video that is being written; to be called where a test ends by an exception."""
        self._video.__exit__(type(error), error, error.__traceback__)
