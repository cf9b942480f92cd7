"""Find out whether a config trains, without writing anything."""

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from photoreal.engine.absent import leave_out_absent
from photoreal.engine.forecast import describe_forecast, try_iteration
from photoreal.engine.preflight import build_parts, loader_config


def dry_run(cfg: Config) -> str:
    """Build model and data, put one batch through a training step and one frame through a test step; write nothing.

    Returns:
        A summary: modalities, channels, parameters, what was found in the data, the losses of the step, and what the
        run would take.
    """
    phases, notes = leave_out_absent(cfg, ('train', 'val'))
    parts = build_parts(cfg, phases)
    lines = [parts.describe(), *(f'note: {note}' for note in notes)]
    trial = try_iteration(cfg, parts)
    lines.append('one training step: ' + ', '.join(f'{key} {value:.4g}' for key, value in trial.logs.items()))
    if 'val' in parts.datasets:
        batch = next(iter(Runner.build_dataloader(loader_config(cfg, 'val', parts.datasets['val'], num_workers=0))))
        result = parts.model.to(get_device()).eval().test_step(batch)[0]
        height, width = result.pred.shape[:2]
        lines.append(f"one test step: {result.info['domain']}/{result.info['video']} -> {width}x{height}")
    return '\n'.join([*lines, *describe_forecast(cfg, trial)])
