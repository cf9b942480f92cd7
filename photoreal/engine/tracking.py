"""What trackers of experiments are shown beyond MMEngine's scalars and pictures: short videos."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import master_only
from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.visualization import MLflowVisBackend, Visualizer
from mmengine.visualization.vis_backend import BaseVisBackend, force_init_env
from PIL import Image

from photoreal.datasets.video_writers import VideoWriter

_GIF_WIDTH = 640  # pixels; TensorBoard and Aim show nothing that moves but GIFs, which are large


@VISUALIZERS.register_module()
class VideoVisualizer(Visualizer):
    """MMEngine's Visualizer, which shows videos too: in TensorBoard, W&B, MLflow, ClearML and Aim, and as files.

    Another backend is given them if it has a method ``add_video(name, path, step)``.

    Args:
        name: MMEngine's name of this visualizer; the runner gives it.
        vis_backends: Where curves, pictures and videos go; each is a ``dict(type=...)``.
        save_dir: The run's folder; the runner gives it.
    """

    def __init__(self, name: str = 'visualizer', vis_backends: list[dict] | None = None,
                 save_dir: str | None = None) -> None:
        super().__init__(name, vis_backends=vis_backends, save_dir=save_dir)

    @master_only
    def add_video(self, name: str, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
        """Write ``vis_video/<name>_<step>.mp4`` into the run's folder, and hand it to the backends.

        Args:
            name: Without '/'.
            frames: (H, W, 3) uint8 RGB, all of one size.
            fps: Frames per second.
            step: The iteration.
        """
        folder = next((Path(backend._save_dir) for backend in self._vis_backends.values()), None)
        if folder is None:
            return
        path = folder / 'vis_video' / f'{name}_{step}.mp4'
        with VideoWriter(path, fps) as writer:
            for frame in frames:
                writer.write(frame)
        for backend in self._vis_backends.values():
            show = _SHOW.get(type(backend).__name__)
            if show is not None:
                show(backend, name, path, frames, fps, step)
            elif hasattr(backend, 'add_video'):
                backend.add_video(name, path, step)


@VISBACKENDS.register_module(force=True)
class MLflowBackend(MLflowVisBackend):
    """MMEngine's backend for MLflow, whose pictures lack the suffix that MLflow asks for.

    Its parameters are the top-level variables of the config, for MLflow limits their number and length; the whole
    config is the artifact ``config.py``.

    Args:
        save_dir: The run's folder; given by the runner.
        exp_name: Name of MLflow's experiment; None: its default one.
        run_name: Name of the run in it; None: MLflow chooses one.
        tags: Of the experiment.
        tracking_uri: Where MLflow keeps its runs: ``sqlite:///mlflow.db``, a server's address; None: MLflow's default.
    """

    def __init__(self, save_dir: str, exp_name: str | None = None, run_name: str | None = None,
                 tags: dict[str, str] | None = None, tracking_uri: str | None = None) -> None:
        super().__init__(save_dir, exp_name, run_name, tags, tracking_uri=tracking_uri)

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        self.cfg = config
        self.experiment.log_params({name: value for name, value in config.items()
                                    if isinstance(value, bool | int | float | str)})
        self.experiment.log_text(config.pretty_text, 'config.py')

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self.experiment.log_image(image, f'images/{name}_{step}.png')


def _gif(frames: Sequence[np.ndarray], fps: float) -> tuple[bytes, int, int]:
    """An animated GIF that is not wider than ``_GIF_WIDTH``, its height and its width."""
    height, width = frames[0].shape[:2]
    factor = min(1, _GIF_WIDTH / width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    pictures = [Image.fromarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(file, 'gif', save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0)
    return file.getvalue(), size[1], size[0]


def _show_tensorboard(backend: Any, name: str, path: Path, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
    # SummaryWriter.add_video would do the same with MoviePy.
    from tensorboard.compat.proto.summary_pb2 import Summary
    data, height, width = _gif(frames, fps)
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
    writer = backend.experiment
    writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=f'{name}_video', image=image)]), step)


def _show_wandb(backend: Any, name: str, path: Path, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
    wandb = backend.experiment
    wandb.log({f'{name}_video': wandb.Video(str(path), format='mp4')}, commit=False)


def _show_mlflow(backend: Any, name: str, path: Path, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
    backend.experiment.log_artifact(str(path), 'videos')


def _show_clearml(backend: Any, name: str, path: Path, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
    logger = backend.experiment.Task.current_task().get_logger()
    logger.report_media(title=name, series=name, iteration=step, local_path=str(path))


def _show_aim(backend: Any, name: str, path: Path, frames: Sequence[np.ndarray], fps: float, step: int) -> None:
    from aim import Image as AimImage
    file = path.with_suffix('.gif')
    file.write_bytes(_gif(frames, fps)[0])
    backend.experiment.track(AimImage(str(file)), name=f'{name}_video', step=step)


_SHOW: dict[str, Callable[[BaseVisBackend, str, Path, Sequence[np.ndarray], float, int], None]] = {
    'TensorboardVisBackend': _show_tensorboard, 'WandbVisBackend': _show_wandb, 'MLflowBackend': _show_mlflow,
    'ClearMLVisBackend': _show_clearml, 'AimVisBackend': _show_aim}
