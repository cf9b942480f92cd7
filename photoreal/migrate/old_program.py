"""What codes/main.py of TecoGAN-PyTorch did, done with a migrated config: the experiment's folder is the work dir."""

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from photoreal.benchmark.model import as_table, measure_model
from photoreal.bundle import load_untrained
from photoreal.config import check_config, load_config
from photoreal.engine import runner
from photoreal.engine.checkpoint import LATEST
from photoreal.engine.occupancy import Earlier
from photoreal.errors import CheckpointError, DataError
from photoreal.migrate.experiment import Migrated, migrate_experiment
from photoreal.report import table


def train(exp_dir: str, yaml: str, model: str | None = None, earlier: Earlier = 'keep') -> Path:
    """Train an experiment in its folder, which is returned.

    Args:
        exp_dir: The experiment's folder.
        yaml: The YAML, within it or by itself.
        model: 'TecoGAN' or 'FRVSR'; None: as the YAML says.
        earlier: What becomes of a run that the folder holds already: 'continue' goes on from its newest checkpoint,
            'replace' removes it, 'keep' is an error. Where the YAML names one of its checkpoints as ``load_path``, and
            that one's number as ``start_iter``, the run goes on from there in any case.

    Raises:
        PhotorealError: It cannot be migrated or trained.
    """
    migrated = _migrate(exp_dir, yaml, model)
    if migrated.missing:
        raise DataError.from_faults(f'{exp_dir} cannot be trained:', migrated.missing)
    cfg = _load(migrated, exp_dir)
    if migrated.resume is not None and earlier == 'keep':
        runner.resume_from(cfg, str(migrated.resume))
        earlier = 'continue'
    elif earlier == 'continue':
        runner.resume_from(cfg, 'auto')
    runner.train(cfg, earlier)
    if is_main_process():
        print(f'done: checkpoints, log and metrics are in {exp_dir}')
    return Path(exp_dir)


def test(exp_dir: str, yaml: str, model: str | None = None) -> list[Path]:
    """Test every checkpoint that the YAML names; the folders with their predictions are returned.

    Raises:
        PhotorealError: It cannot be migrated or tested.
    """
    migrated = _migrate(exp_dir, yaml, model)
    if migrated.missing:
        raise DataError.from_faults(f'{exp_dir} cannot be tested:', migrated.missing)
    checkpoints = migrated.checkpoints or [path for path in [Path(exp_dir) / LATEST] if path.is_file()]
    if not checkpoints:
        raise CheckpointError(f'{exp_dir}/{yaml}: model.generator.load_path is empty, and {exp_dir} has no checkpoint '
                              'of its own: name the weights to test')
    folders = []
    for checkpoint in map(_named, checkpoints):
        out = migrated.results / checkpoint.stem
        cfg = _load(migrated, str(out / 'log'))
        cfg.experiment_name = f'{migrated.config.stem}_{checkpoint.stem}'  # MMEngine tells loggers apart by it
        report = runner.test(cfg, checkpoint, out)
        folders.append(out)
        if is_main_process():
            print(f'{checkpoint.stem}:\n{table(report)}\npredictions: {out}, numbers: {out}/metrics.json')
    return folders


def profile(exp_dir: str, yaml: str, model: str | None, size: tuple[int, int]) -> str:
    """Speed, operations and parameters of the generator on frames of (height, width), as lines for people.

    Raises:
        PhotorealError: It cannot be migrated.
    """
    loaded = load_untrained(_migrate(exp_dir, yaml, model).config)
    count = sum(parameter.numel() for parameter in loaded.generator.parameters())
    scale = loaded.generator.scale
    return '\n'.join([f'{size[1]}x{size[0]} -> {scale * size[1]}x{scale * size[0]}, {count / 1e6:.3f} M parameters',
                      as_table(measure_model(loaded, [size], dtype='fp32'))])


def _named(checkpoint: Path) -> Path:
    """The file that ``latest.pth`` stands for, whose name tells the iteration."""
    return checkpoint.resolve() if checkpoint.is_symlink() else checkpoint


def _migrate(exp_dir: str, yaml: str, model: str | None) -> Migrated:
    migrated = migrate_experiment(yaml, exp_dir, model=model)
    if os.environ.get('RANK', '0') == '0':
        print(migrated.text())
    return migrated


def _load(migrated: Migrated, work_dir: str) -> Config:
    cfg = load_config(migrated.config)
    cfg.work_dir = work_dir
    cfg.launcher = 'pytorch' if int(os.environ.get('WORLD_SIZE', 1)) > 1 else 'none'
    check_config(cfg)
    return cfg
