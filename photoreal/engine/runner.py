"""Build and run training and tests from a config."""

import copy
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.logging import MMLogger, print_log
from mmengine.runner import Runner

import photoreal
from photoreal.config import TextOnceConfig
from photoreal.datasets.writers import write_json
from photoreal.engine.absent import leave_out_absent
from photoreal.engine.agreement import done_by, gather, greatest, wait_for_all
from photoreal.engine.checkpoint import (
    FULL_DISK,
    LATEST,
    find_checkpoint,
    load_weights,
    plain_message_hub,
    restored_message_hub,
    write_checkpoint,
)
from photoreal.engine.console import ConsoleFilter
from photoreal.engine.distributed import start_processes
from photoreal.engine.finetune import start_from
from photoreal.engine.forecast import describe_forecast, try_iteration
from photoreal.engine.hooks import PredictionWriterHook
from photoreal.engine.mirror import copy_of, mirror_of
from photoreal.engine.occupancy import Earlier, check_free, check_test_folder, remove_run, remove_test, sole_use
from photoreal.engine.optim import lengthen_schedule
from photoreal.engine.preflight import Parts, build_parts, loader_config
from photoreal.engine.provenance import changes, check_alike, describe_start, note_start
from photoreal.engine.resume import (
    gather_random_states,
    newest_of_all,
    numbered_checkpoints,
    read_for_all,
    restore_own_random_states,
    settle_vector_math,
)
from photoreal.engine.summary import by_video, summary
from photoreal.engine.workers import workers_explained
from photoreal.errors import CheckpointError, Interrupted
from photoreal.modalities.labels import class_names
from photoreal.storage import exists, is_url
from photoreal.validation import domains_of, runner_arguments

_SHORT = 20  # iterations of a run


class VideoRunner(Runner):
    """MMEngine's Runner with checkpoints that are written whole, loaded safely and checked part by part."""

    start: dict[str, Any] | None = None  # what this start of a training depends on
    _random_states: list[dict[str, Any]] | None = None  # those of the checkpoint that the run goes on from
    _origin: dict[str, Any] | None = None  # how the run of that checkpoint was started

    def save_checkpoint(self, out_dir: str, filename: str, file_client_args: dict | None = None,
                        save_optimizer: bool = True, save_param_scheduler: bool = True, meta: dict | None = None,
                        by_epoch: bool = True, backend_args: dict | None = None, link: str | None = LATEST) -> None:
        """Write weights, optimizers, schedules, random states, log history and position as ``<out_dir>/<filename>``.

        All processes call this, and go on when the file is whole.

        Raises:
            CheckpointError: It cannot be written.
        """
        random_states = gather_random_states()
        failure: BaseException | None = None
        if is_main_process():
            try:
                write_checkpoint(Path(out_dir) / filename, self._checkpoint(
                    save_optimizer, save_param_scheduler, random_states, meta or {}, by_epoch), link)
            except Exception as error:  # raised below, where the other processes learn of it
                failure = error
        if greatest(failure is not None):
            raise failure or CheckpointError(f'the main process could not save {Path(out_dir) / filename}')

    def _checkpoint(self, optimizer: bool, schedules: bool, random_states: list[dict[str, Any]], meta: dict[str, Any],
                    by_epoch: bool) -> dict[str, Any]:
        model = getattr(self.model, 'module', self.model)
        checkpoint = {
            'meta': {'epoch': self.epoch, 'iter': self.iter + (not by_epoch), **meta, 'seed': self.seed,
                     'experiment_name': self.experiment_name, 'cfg': self.cfg.pretty_text, 'start': self.start,
                     'photoreal_version': photoreal.__version__, 'time': datetime.now(timezone.utc).isoformat()},
            'state_dict': {key: value.cpu() for key, value in model.state_dict().items()},
            'message_hub': plain_message_hub(self.message_hub.state_dict()),
        }
        if optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
            checkpoint['random_states'] = random_states
        if schedules and self.param_schedulers:
            checkpoint['param_schedulers'] = {part: [scheduler.state_dict() for scheduler in schedulers]
                                              for part, schedulers in self.param_schedulers.items()}
        layout = getattr(model.data_preprocessor, 'layout', None)  # a model of another package may have none
        if layout is not None:
            checkpoint['meta']['condition'] = layout.describe()
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        return checkpoint

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = False,
                        revise_keys: Any = None) -> dict[str, Any]:
        """Load weights; see :func:`photoreal.engine.checkpoint.load_weights` for what must fit, and
        :func:`photoreal.engine.finetune.start_from` for the weights that a training starts from.

        The file is read to the CPU, whatever ``map_location``, and need not lie on the disk of every node.
        """
        checkpoint = read_for_all(filename)
        self._random_states = checkpoint.get('random_states')
        self._origin = checkpoint['meta'].get('start') if isinstance(checkpoint.get('meta'), dict) else None
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = restored_message_hub(checkpoint['message_hub'])
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = getattr(self.model, 'module', self.model)
        if self._train_loop is not None and not self._resume:
            start_from(model, checkpoint, str(filename))
        else:
            load_weights(model, checkpoint['state_dict'], str(filename))
        self._has_loaded = True
        self.logger.info(f'Loaded checkpoint {filename}')
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Continue a run from its checkpoint; it may be given a larger ``max_iters``."""
        super().resume(filename, *args, **kwargs)
        before = self.message_hub.get_info('max_iters')
        for schedulers in (self.param_schedulers or {}).values():
            for scheduler in schedulers:
                if not scheduler.by_epoch and scheduler.end == before < self.max_iters and \
                        not lengthen_schedule(scheduler, self.max_iters):
                    self.logger.warning(f'{type(scheduler).__name__} was drawn over the {before} iterations of the run '
                                        'so far: the learning rate stays as it was at their end')
        for change in changes(self._origin, self.start) if self._origin and self.start else ():
            self.logger.warning(f'{change}; so the run will not end as it would have')

    def roll_back(self, until: int, but: Iterable[int] = ()) -> int | None:
        """Set weights, their average and the optimizers back to those of a checkpoint; position and schedules stay.

        Args:
            until: The last iteration that may be chosen.
            but: Iterations that may not.

        Returns:
            The iteration of the checkpoint, or None where there is none.
        """
        model = getattr(self.model, 'module', self.model)
        path, _ = newest_of_all(Path(self.work_dir), model, until, but)
        if path is None:
            return None
        checkpoint = read_for_all(path)
        load_weights(model, checkpoint['state_dict'], str(path))
        for part, wrapper in self.optim_wrapper.items():
            groups = wrapper.state_dict()['param_groups']  # with the learning rates of today
            wrapper.load_state_dict({**checkpoint['optimizer'][part], 'param_groups': groups})
        return checkpoint['meta']['iter']

    def restore_random_states(self) -> None:
        """Draw random numbers from where the run was interrupted; to be called when all else is in place."""
        states, self._random_states = self._random_states, None
        if states is not None and not restore_own_random_states(states):
            self.logger.warning(f'the run was interrupted with {len(states)} processes and goes on with '
                                f'{get_world_size()}: random numbers of the training differ from here on')

    def set_randomness(self, *args: Any, deterministic: bool = False, **kwargs: Any) -> None:
        """As MMEngine, but operations that no device can do deterministically are warned of instead of refused."""
        super().set_randomness(*args, deterministic=deterministic, **kwargs)
        if deterministic:
            torch.use_deterministic_algorithms(True, warn_only=True)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """MMEngine's logger; the console is spared what only the log file needs."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(ConsoleFilter())
        return logger


def build_runner(cfg: Config, phases: Sequence[str]) -> VideoRunner:
    """A runner for a checked config.

    Args:
        cfg: The config.
        phases: What will be run, some of 'train', 'val' and 'test': their data is built and checked first, together
            with everything else that can be wrong, and only then work_dir is made.
    """
    return _assemble(cfg, _prepare(cfg, phases))


class _Ready(NamedTuple):
    """What is to be run, when all that can be wrong has been looked at."""

    cfg: Config  # without what is left out for want of data
    phases: tuple[str, ...]
    parts: Parts
    notes: list[str]  # what there is to know of that
    forecast: Sequence[str] = ()  # what the run will take, and what to do if that is too much


def _prepare(cfg: Config, phases: Sequence[str]) -> _Ready:
    """Find out all that can be wrong, and write nothing."""
    _start_processes(cfg)
    settle_vector_math()
    used = copy.deepcopy(cfg)
    phases, notes = leave_out_absent(used, phases)
    return _Ready(used, phases, build_parts(used, phases), notes)


def _assemble(cfg: Config, ready: _Ready) -> VideoRunner:
    """The runner; what is left out of a run for want of data stays in the config that the run keeps."""
    used, phases, parts, notes, forecast = ready
    cfg = TextOnceConfig(cfg)
    cfg.load_from = used.get('load_from')
    sections = {name: used[name] for name in runner_arguments() - _sections_of_others(phases) if name in used}
    sections |= {f'{phase}_dataloader': loader_config(cfg, phase, dataset) for phase, dataset in parts.datasets.items()}
    sections |= {f'{phase}_evaluator': evaluator for phase, evaluator in parts.evaluators.items()}
    if 'train' not in phases and 'vis_backends' in (cfg.get('visualizer') or {}):
        # Trackers are told of trainings; a test would leave an empty run in each.
        sections['visualizer'] = {**cfg.visualizer, 'vis_backends': [dict(type='LocalVisBackend')]}
    runner = VideoRunner(**sections, cfg=cfg)
    if 'train' in phases:
        runner.start = describe_start(cfg, runner.seed, parts.datasets)
        check_alike(gather(runner.start))
    for line in [*parts.describe().splitlines(), *(f'note: {note}' for note in notes), *forecast]:
        runner.logger.info(line)
    return runner


def _start_processes(cfg: Config) -> None:
    start_processes(cfg.get('launcher', 'none'), cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout', 1800))


def _sections_of_others(phases: Sequence[str]) -> set[str]:
    """Sections of phases that are not run: the Runner would want them whole."""
    others = {'train', 'val', 'test'} - set(phases)
    names = {f'{phase}_{part}' for phase in others for part in ('dataloader', 'cfg', 'evaluator')}
    return names | ({'optim_wrapper', 'param_scheduler'} if 'train' in others else set())


def resume_from(cfg: Config, checkpoint: str) -> None:
    """Make a run continue from a checkpoint, or with 'auto' from the newest whole one in its work_dir.

    With 'auto' a work_dir without any starts a new run, so that a scheduler can start and restart it by one command.
    It may lie on the disk of one node alone: all processes go on from it, or none does. Where the run has a mirror,
    what lies there is looked at too.

    Args:
        cfg: The config; it is changed.
        checkpoint: A file, a folder with checkpoints, a URL (of a folder its ``latest.pth`` is taken), or 'auto'.

    Raises:
        CheckpointError: It is not there.
    """
    _start_processes(cfg)
    if is_url(checkpoint):
        cfg.load_from, cfg.resume = checkpoint, True
        return
    path = Path(cfg.work_dir if checkpoint == 'auto' else checkpoint)
    if checkpoint != 'auto' and not greatest(path.exists()):
        raise CheckpointError(f'nothing to resume: there is no {path}; name a checkpoint, or leave its name out to '
                              'take the newest in the work dir')
    url = mirror_of(cfg)
    begun = checkpoint != 'auto' or greatest(bool(numbered_checkpoints(path)))
    if begun or (url and done_by(0, partial(exists, copy_of(url)))):
        cfg.load_from, cfg.resume = str(path), True
    else:
        print_log(f'{path} holds no checkpoint yet: the run starts at its beginning', level=logging.WARNING)


def choose_domains(cfg: Config, domains: Sequence[str]) -> None:
    """Test only on these domains, with the metrics that are for them."""
    cfg.test_dataloader.dataset.domains = tuple(domains)
    metrics = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    cfg.test_evaluator = [metric for metric in metrics if domains_of(metric) <= set(domains)]


def train(cfg: Config, earlier: Earlier = 'keep') -> VideoRunner:
    """Train as the config says; returns the runner when done.

    Args:
        cfg: A checked config.
        earlier: What becomes of a run that the work dir holds already: 'keep' is an error that names the ways out,
            'continue' leaves it, as :func:`resume_from` has set the config, 'replace' removes it.

    Raises:
        ConfigError: There is such a run, or another program is at work in the work dir.
        CheckpointError: There is no room for a checkpoint, or for anything else that is written.
        DataError: A process that loads data has died.
        Interrupted: A signal has stopped the run, which was saved.
    """
    _start_processes(cfg)
    with sole_use(cfg.work_dir):
        check_free(cfg, earlier)
        ready = _prepare(cfg, ('train', 'val'))
        if earlier == 'replace':
            remove_run(cfg.work_dir)
        return _train(cfg, _with_forecast(ready))


def _with_forecast(ready: _Ready) -> _Ready:
    """Forecast a run that starts in one process; one that is resumed has said it, and short ones are over before."""
    used = ready.cfg
    if used.get('resume') or get_world_size() > 1 or used.train_cfg.max_iters <= _SHORT:
        return ready
    print_log('trying one iteration, to see how long the run will take')
    return ready._replace(forecast=describe_forecast(used, try_iteration(used, ready.parts)))


def _train(cfg: Config, ready: _Ready) -> VideoRunner:
    runner = _assemble(cfg, ready)
    try:
        if is_main_process():
            note_start(cfg.work_dir, runner.start)
        with workers_explained(('train', 'val')):
            runner.train()
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise CheckpointError(f'no room to write {error.filename or "the log"} in {cfg.work_dir}: {error.strerror}. '
                              'Free some space and go on from the last checkpoint with --resume') from error
    if runner.train_loop.stopped_by:
        wait_for_all()  # launchers kill the others when one ends so, and the main one may still be copying
        raise Interrupted(runner.train_loop.stopped_by, f'stopped after iteration {runner.iter}, which is saved in '
                          f'{cfg.work_dir}; go on with --resume')
    return runner


def test(cfg: Config, checkpoint: str | Path, out_dir: str | Path) -> dict[str, Any]:
    """Predict every video of the test dataset, write predictions, videos and ``metrics.json``.

    They take the place of an earlier test's.

    Args:
        cfg: A checked config.
        checkpoint: Weights to use: a file, a folder with ``latest.pth``, or a URL of either.
        out_dir: Where ``<domain>/<video>/<name>.png``, ``<domain>/<video>.mp4``, ``metrics.json`` and ``frames.json``
            (``<domain>/<video>`` -> metric -> the values of its frames, null where a frame has none) go.

    Returns:
        What metrics.json holds: what :func:`summary` returns, 'checkpoint' and 'config'.

    Raises:
        ConfigError: ``out_dir`` is the work dir of a run, holds what no test has written, or is in use.
    """
    cfg.load_from = checkpoint if is_url(checkpoint) else str(find_checkpoint(checkpoint))
    cfg.resume = False
    _start_processes(cfg)
    with sole_use(out_dir):
        check_test_folder(out_dir)
        ready = _prepare(cfg, ('test',))
        remove_test(out_dir)
        return _test(cfg, ready, out_dir)


def _test(cfg: Config, ready: _Ready, out_dir: str | Path) -> dict[str, Any]:
    runner = _assemble(cfg, ready)
    writer = PredictionWriterHook(str(out_dir))
    runner.register_hook(writer)
    try:
        with workers_explained(('test',)):
            mean = runner.test()
    except BaseException as error:
        writer.abort(error)
        raise
    metrics = runner.test_evaluator.metrics
    preprocessor = getattr(runner.model, 'module', runner.model).data_preprocessor
    report = summary(metrics, mean) | {'checkpoint': cfg.load_from, 'config': str(cfg.filename),
                                       'class_names': class_names(getattr(preprocessor, 'classes', 0))}
    if is_main_process():
        write_json(Path(out_dir) / 'frames.json', by_video(metrics, 'per_frame'))
        write_json(Path(out_dir) / 'metrics.json', report)
    return report
