"""What trackers of experiments are shown, beyond MMEngine's scalars and pictures: short videos."""

import io
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.logging import print_log
from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.visualization import LocalVisBackend, MLflowVisBackend, Visualizer, WandbVisBackend
from mmengine.visualization.vis_backend import BaseVisBackend, force_init_env
from PIL import Image

from photoreal.datasets.video_writers import VideoWriter
from photoreal.errors import ConfigError

_GIF_WIDTH = 640  # pixels; TensorBoard and Aim show nothing that moves but GIFs, which are large
_OF_VALIDATION = ('time', 'data_time')  # as a training logs them, too


@VISUALIZERS.register_module()
class VideoVisualizer(Visualizer):
    """MMEngine's Visualizer, which shows videos too: in TensorBoard, W&B, MLflow, ClearML and Aim, and as files.

    Another backend is given them if it has a method ``add_video(name, path, step)``. A tracker that does not start is
    an error; one that fails later is warned of, and the run goes on.

    Args:
        name: MMEngine's name of this visualizer; the runner gives it.
        vis_backends: Where curves, pictures and videos go; each is a ``dict(type=...)``.
        save_dir: The run's folder; the runner gives it.
    """

    def __init__(self, name: str = 'visualizer', vis_backends: list[dict] | None = None,
                 save_dir: str | None = None) -> None:
        super().__init__(name, vis_backends=vis_backends, save_dir=save_dir)

    @master_only
    def add_config(self, config: Config, **kwargs: Any) -> None:
        """Start the trackers, and show them the config.

        Raises:
            ConfigError: One does not start.
        """
        for backend in self._vis_backends.values():
            try:
                backend.add_config(config, **kwargs)
            except Exception as error:
                if isinstance(backend, LocalVisBackend):
                    raise
                kind = type(backend).__name__
                raise ConfigError(f'visualizer.vis_backends: {kind} does not start ({type(error).__name__}: {error}); '
                                  'see to what it needs, or leave it out') from error

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Show a picture (H, W, 3), uint8 RGB."""
        self._tell(lambda backend: backend.add_image(name, image, step))

    @master_only
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Log numbers of an iteration; to trackers the seconds that a validation took are ``val/time``."""
        shown = scalar_dict if 'iter' in scalar_dict else {
            **{f'val/{name}' if name in _OF_VALIDATION else name: value for name, value in scalar_dict.items()},
            'iter': step}
        self._tell(lambda backend: backend.add_scalars(
            scalar_dict if isinstance(backend, LocalVisBackend) else dict(shown), step, file_path, **kwargs))

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

        def show(backend: BaseVisBackend) -> None:
            own = next((_SHOW[kind.__name__] for kind in type(backend).__mro__ if kind.__name__ in _SHOW), None)
            if own is not None:
                own(backend, name, path, frames, fps, step)
            elif hasattr(backend, 'add_video'):
                backend.add_video(name, path, step)

        self._tell(show)

    @master_only
    def close(self) -> None:
        """Have the trackers end their runs."""
        self._tell(lambda backend: backend.close())

    def _tell(self, show: Callable[[BaseVisBackend], None]) -> None:
        for backend in self._vis_backends.values():
            try:
                show(backend)
            except Exception as error:
                if isinstance(backend, LocalVisBackend):
                    raise
                # A server that is away for a while must not end a training.
                reason = f'{type(error).__name__}: {error}'
                print_log(f'{type(backend).__name__} was not told, and the run goes on: {reason}', 'current',
                          logging.WARNING)


@VISBACKENDS.register_module(force=True)
class WandbBackend(WandbVisBackend):
    """MMEngine's backend for Weights & Biases, but with iterations for steps.

    Args:
        save_dir: The run's folder; given by the runner.
        init_kwargs: Arguments of ``wandb.init``: ``project``, ``mode='offline'``; with ``id='street', resume='allow'``
            a run that is resumed goes on in the same curves.
    """

    def __init__(self, save_dir: str, init_kwargs: dict[str, Any] | None = None) -> None:
        # A run that is resumed has another config: it says so.
        super().__init__(save_dir, {'allow_val_change': True, **(init_kwargs or {})},
                         [dict(name='iter'), dict(name='*', step_metric='iter')])

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._wandb.log({name: self._wandb.Image(image), 'iter': step})

    def close(self) -> None:
        if hasattr(self, '_wandb'):
            self._wandb.finish()


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
        tracking_uri: Where MLflow keeps its runs, such as a server's address; None: what MLFLOW_TRACKING_URI says, else
            ``sqlite:///mlflow.db``.
        artifact_location: Where pictures and videos of a new experiment go; None: where MLflow puts them.
    """

    def __init__(self, save_dir: str, exp_name: str | None = None, run_name: str | None = None,
                 tags: dict[str, str] | None = None, tracking_uri: str | None = None,
                 artifact_location: str | None = None) -> None:
        uri = tracking_uri or os.environ.get('MLFLOW_TRACKING_URI', 'sqlite:///mlflow.db')
        super().__init__(save_dir, exp_name, run_name, tags, tracking_uri=uri, artifact_location=artifact_location)

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
    wandb.log({f'{name}_video': wandb.Video(str(path), format='mp4'), 'iter': step})


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
    'TensorboardVisBackend': _show_tensorboard, 'WandbVisBackend': _show_wandb, 'MLflowVisBackend': _show_mlflow,
    'ClearMLVisBackend': _show_clearml, 'AimVisBackend': _show_aim}
