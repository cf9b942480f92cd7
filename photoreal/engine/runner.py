"""Build and run training and tests from a config."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

import photoreal
from photoreal.datasets.writers import write_json
from photoreal.engine.checkpoint import (
    LATEST,
    load_weights,
    plain_message_hub,
    read_checkpoint,
    restored_message_hub,
    write_checkpoint,
)
from photoreal.engine.distributed import start_on_cpu
from photoreal.engine.hooks import PredictionWriterHook
from photoreal.engine.optim import PartwiseOptimWrapperConstructor
from photoreal.errors import CheckpointError


class VideoRunner(Runner):
    """MMEngine's Runner with checkpoints that are written whole, loaded safely and checked part by part."""

    def save_checkpoint(self, out_dir: str, filename: str, file_client_args: dict | None = None,
                        save_optimizer: bool = True, save_param_scheduler: bool = True, meta: dict | None = None,
                        by_epoch: bool = True, backend_args: dict | None = None) -> None:
        """Write weights, optimizers, schedules, log history and position as ``<out_dir>/<filename>``."""
        if not is_main_process():
            return
        model = getattr(self.model, 'module', self.model)
        checkpoint = {
            'meta': {'epoch': self.epoch, 'iter': self.iter + (not by_epoch), **(meta or {}), 'seed': self.seed,
                     'experiment_name': self.experiment_name, 'cfg': self.cfg.pretty_text,
                     'photoreal_version': photoreal.__version__, 'time': time.strftime('%Y%m%d_%H%M%S')},
            'state_dict': {key: value.cpu() for key, value in model.state_dict().items()},
            'message_hub': plain_message_hub(self.message_hub.state_dict()),
        }
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers:
            checkpoint['param_schedulers'] = {part: [scheduler.state_dict() for scheduler in schedulers]
                                              for part, schedulers in self.param_schedulers.items()}
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        write_checkpoint(Path(out_dir) / filename, checkpoint)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = False,
                        revise_keys: Any = None) -> dict[str, Any]:
        """Load weights; see :func:`photoreal.engine.checkpoint.load_weights` for what must fit."""
        checkpoint = read_checkpoint(filename, map_location)
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = restored_message_hub(checkpoint['message_hub'])
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_weights(getattr(self.model, 'module', self.model), checkpoint['state_dict'], str(filename))
        self._has_loaded = True
        self.logger.info(f'Loaded checkpoint {filename}')
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Continue a run from its checkpoint.

        Raises:
            CheckpointError: It holds weights alone.
        """
        missing = {'meta', 'message_hub', 'optimizer'} - set(read_checkpoint(filename))
        if missing:
            raise CheckpointError(f'{filename} holds weights but no {", ".join(sorted(missing))}: a run cannot be '
                                  "resumed from it. Start a new run from its weights: --cfg-options load_from='...'")
        super().resume(filename, *args, **kwargs)


def build_runner(cfg: Config) -> VideoRunner:
    """A runner for a checked config."""
    start_on_cpu(cfg.get('launcher', 'none'))
    for phase in ('train', 'val', 'test'):
        cfg[f'{phase}_dataloader'].setdefault('pin_memory', torch.cuda.is_available())
    return VideoRunner.from_cfg(cfg)


def resume_from(cfg: Config, checkpoint: str) -> None:
    """Make a run continue from a checkpoint, or with 'auto' from the newest in its work_dir.

    Raises:
        CheckpointError: It is not there.
    """
    path = Path(cfg.work_dir) / LATEST if checkpoint == 'auto' else Path(checkpoint)
    if not path.exists():
        raise CheckpointError(f'nothing to resume: there is no {path}; start a new run without --resume, or name the '
                              'checkpoint: --resume CKPT')
    cfg.load_from, cfg.resume = str(path), True


def choose_domains(cfg: Config, domains: Sequence[str]) -> None:
    """Test only on these domains, with the metrics that are for them."""
    cfg.test_dataloader.dataset.domains = tuple(domains)
    metrics = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    cfg.test_evaluator = [metric for metric in metrics if metric.get('domain', 'real') in domains]


def train(cfg: Config) -> VideoRunner:
    """Train as the config says; returns the runner when done."""
    runner = build_runner(cfg)
    runner.train()
    return runner


def test(cfg: Config, checkpoint: str | Path, out_dir: str | Path) -> dict[str, Any]:
    """Predict every video of the test dataset, write predictions, videos and ``metrics.json``.

    Args:
        cfg: A checked config.
        checkpoint: Weights to use.
        out_dir: Where ``<domain>/<video>/<name>.png``, ``<domain>/<video>.mp4`` and ``metrics.json`` go.

    Returns:
        What metrics.json holds: 'mean' (metric -> value), 'videos' (``<domain>/<video>`` -> metric -> value),
        'checkpoint' and 'config'.
    """
    read_checkpoint(checkpoint)  # before anything is made: a wrong path must leave nothing behind
    cfg.load_from, cfg.resume = str(checkpoint), False
    runner = build_runner(cfg)
    writer = PredictionWriterHook(str(out_dir))
    runner.register_hook(writer)
    try:
        mean = runner.test()
    except BaseException as error:
        writer.abort(error)
        raise
    videos: dict[str, dict[str, float]] = {}
    for metric in runner.test_evaluator.metrics:
        for video, values in metric.per_video.items():
            videos.setdefault(video, {}).update(values)
    report = {'mean': {key: float(value) for key, value in mean.items()}, 'videos': videos,
              'checkpoint': str(checkpoint), 'config': str(cfg.filename)}
    if is_main_process():
        write_json(Path(out_dir) / 'metrics.json', report)
    return report


def dry_run(cfg: Config) -> str:
    """Build model and data, put one batch through a training step and one frame through a test step; write nothing.

    Returns:
        A summary: modalities, channels, parameters, what was found in the data, and the losses of the step.
    """
    model: nn.Module = MODELS.build(cfg.model)
    if cfg.get('load_from'):
        load_weights(model, read_checkpoint(cfg.load_from)['state_dict'], cfg.load_from)
    optimizers = {key: value for key, value in cfg.optim_wrapper.items() if key != 'constructor'}
    optim_wrapper = PartwiseOptimWrapperConstructor(optimizers)(model)
    lines = [f'condition: {model.data_preprocessor.layout.channels} channels: ' + ', '.join(
        f'{name} {part.stop - part.start}' for name, part in model.data_preprocessor.layout.slices.items())]
    for name in ('generator', 'discriminator'):
        part = getattr(model, name)
        if part is not None:
            count = sum(p.numel() for p in part.parameters())
            lines.append(f'{name}: {type(part).__name__}, {count / 1e6:.2f} M parameters')
    for phase in ('train', 'val'):
        loader = Runner.build_dataloader({**cfg[f'{phase}_dataloader'], 'num_workers': 0, 'persistent_workers': False})
        videos = loader.dataset.videos
        lines.append(f'{phase}: {len(videos)} videos, {sum(len(v) for v in videos)} frames')
        batch = next(iter(loader))
        if phase == 'train':
            logs = model.train().train_step(batch, optim_wrapper)
            lines.append('one training step: ' + ', '.join(f'{key} {float(value):.4g}' for key, value in logs.items()))
        else:
            result = model.eval().test_step(batch)[0]
            height, width = result.pred.shape[:2]
            lines.append(f"one test step: {result.info['domain']}/{result.info['video']} -> {width}x{height}")
    return '\n'.join(lines)
