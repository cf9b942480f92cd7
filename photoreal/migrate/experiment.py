"""An experiment of TecoGAN-PyTorch, its YAML and its folder, as a config with data and weights to start from."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import photoreal
from photoreal.datasets.sources import natural_key
from photoreal.datasets.writers import atomic_path
from photoreal.errors import ConfigError, PhotorealError
from photoreal.migrate.data import link, link_videos, read_set
from photoreal.migrate.multimodal import Multimodal, convert_multimodal, describe_channels, is_multimodal
from photoreal.migrate.options import Options
from photoreal.migrate.sections import convert
from photoreal.migrate.text import config_text
from photoreal.migrate.weights import convert_weights_file, read_shape

BASE = Path(photoreal.__file__).resolve().parents[1] / 'configs/tecogan_multimodal.py'
HOME = 'photoreal'  # folder in the experiment's, for all that is made here


@dataclass
class Migrated:
    """What became of an experiment.

    Attributes:
        config: The config that was written.
        checkpoints: What ``model.generator.load_path`` names, to start from or to test.
        results: The folder where the old program put results.
        notes: Key of the YAML -> what became of it, where it is no key of the config.
        unknown: Keys of the YAML that are not known.
        hints: Key that is not known -> what may have been meant.
        missing: What could not be found, a sentence each.
        domains: Domains of the videos that a test predicts.
        resume: The checkpoint of this run that a training goes on from: the one that ``load_path`` and ``start_iter``
            name.
    """

    config: Path
    checkpoints: list[Path]
    results: Path
    notes: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    domains: tuple[str, ...] = ('real',)
    resume: Path | None = None

    def text(self) -> str:
        """All of it, for people."""
        lines = [f'config: {self.config}', *(f'weights: {path}' for path in self.checkpoints)]
        lines += [f'note: {key}: {note}' for key, note in self.notes.items()]
        lines += [f'not known, and left out: {key}{self.hints.get(key, "")}' for key in self.unknown]
        return '\n'.join([*lines, *(f'missing: {what}' for what in self.missing)])


def migrate_experiment(yaml: str | Path, exp_dir: str | Path, out: str | Path | None = None,
                       model: str | None = None) -> Migrated:
    """Write the config of an experiment, lay its data out as links, and convert the weights that it starts from.

    Paths in the YAML are those of the old project, seen from the folder where it was started: the working directory.

    Args:
        yaml: The YAML, by itself or within ``exp_dir``, as the old program looks for it.
        exp_dir: The experiment's folder.
        out: The config to write; None: ``<exp_dir>/photoreal/<name of the YAML>.py``.
        model: 'TecoGAN' or 'FRVSR'; None: as the YAML says.

    Raises:
        ConfigError: The YAML cannot be read, or holds a value that has no counterpart.
        CheckpointError: Weights that it names are there and cannot be converted.
    """
    exp_dir = Path(exp_dir)
    options = Options(exp_dir / yaml if (exp_dir / yaml).is_file() else Path(yaml))
    config = Path(out) if out is not None else exp_dir / HOME / f'{options.path.stem}.py'
    if not BASE.is_file():
        raise ConfigError(f'there is no {BASE}, on which migrated configs are built; work in a checkout of photoreal')
    data_root = config.with_name(f'{config.stem}_data').absolute()
    missing: list[str] = []
    options.lenient = is_multimodal(options)
    sources, resume = _sources(options, exp_dir, missing)
    if options.lenient:
        multimodal = _convert(options, exp_dir, model, sources)
        sections, channels = multimodal.sections, multimodal.channels
        domains = tuple(dict.fromkeys(video.domain for video in multimodal.places.of('val')))
        missing += _lay_out_videos(options, multimodal, data_root)
    else:
        sections, channels, domains = convert(options, model), None, ('real',)
        missing += _lay_out(options, data_root)
    checkpoints = _converted(options, sources, exp_dir, missing, channels)
    sections = {'data_root': str(data_root), **sections}
    if 'train' in options and checkpoints and resume is None:
        sections['load_from'] = str(checkpoints[-1].absolute())
    if resume is not None:
        sections['train_cfg']['max_iters'] = options.take('train.total_iter', 500000, int)
    results = Path(options.take('test.res_dir', str(exp_dir / 'test/results')))
    if channels is not None and 'test.res_dir' in options:
        results = results / exp_dir.resolve().name  # experiments share that folder there
    unknown = options.unknown()
    hints = {key: _hint(options, key) for key in unknown}
    migrated = Migrated(config, checkpoints, results, options.notes, unknown, hints, missing, domains, resume)
    with atomic_path(config) as temporary:
        temporary.write_text(config_text(_docstring(options, migrated), str(BASE), sections), encoding='utf-8')
    return migrated


def _convert(options: Options, exp_dir: Path, model: str | None, sources: list[Path]) -> Multimodal:
    """Convert a multimodal YAML, as old weights that it starts from want it."""
    old = next((source for source in sources if source.is_file() and _is_old(source)), None)
    channels, tail = (None, None) if old is None else read_shape(old)
    converted = convert_multimodal(options, exp_dir, model, channels, tail)
    if old is not None:
        options.notes['(channels)'] = f'of the first convolution: {describe_channels(converted.channels)}'
    return converted


def _is_old(source: Path) -> bool:
    """Whether a file holds weights under the old names, and is no checkpoint of photoreal."""
    return not re.fullmatch(r'(best_.*)?iter_\d+|latest|best', source.stem)


def _hint(options: Options, key: str) -> str:
    """What may have been meant by a key that is not known, and what to put there."""
    near, value = options.nearest(key), options.value(key)
    if near is not None:
        return f'={value!r}: did you mean {near}: {value!r}?'
    return f'={value!r}: no key that is known is like it; what a config can hold is in docs/config.md'


def _lay_out_videos(options: Options, multimodal: Multimodal, data_root: Path) -> list[str]:
    """Make the links; what a run cannot do without and is missing is returned, what else is missing is a note."""
    places, faults = multimodal.places, []
    try:
        link_videos(data_root, places.videos)
    except PhotorealError as error:
        faults.append(str(error))
    if 'train' in options and not places.of('train', 'real') or not places.videos:
        faults += places.missing or [f'{options.path} names no folder of videos that is known here: put data_root, or '
                                     'train_dir and val_dir, into its section dataset']
    else:
        options.notes |= {what.partition(': ')[0]: what.partition(': ')[2] for what in places.missing}
    return faults


def _docstring(options: Options, migrated: Migrated) -> str:
    lines = [f'{options.path}, an experiment of TecoGAN-PyTorch, converted by tools/migrate.py.']
    if options.notes:
        lines += ['', 'No keys here:', *(f'- {key}: {note}' for key, note in options.notes.items())]
    if migrated.unknown:
        lines += ['', 'Not known, and left out:', *(f'- {key}{migrated.hints[key]}' for key in migrated.unknown)]
    text = '\n'.join(lines).replace('\\', '/').replace('"""', "'''")
    return text + '\n' if len(lines) > 1 else text


def _lay_out(options: Options, data_root: Path) -> list[str]:
    """Make the links; what is missing is returned."""
    try:
        train = read_set(options, 'train')
        tests = [read_set(options, name) for name in sorted(options.keys('dataset')) if name.startswith('test')]
        link(data_root, train, [test for test in tests if test is not None])
    except PhotorealError as error:
        return [str(error)]
    return []


def _sources(options: Options, exp_dir: Path, missing: list[str]) -> tuple[list[Path], Path | None]:
    """The files that the load path names, and the checkpoint of this run that it and ``start_iter`` go on from."""
    given = options.take('model.generator.load_path')
    if given is None:
        return [], None
    if Path(given).stem == '*':
        sources = _series(options, Path(given).parent, exp_dir)
        if not sources:
            missing.append(f'model.generator.load_path: there is no G_iter<N>.pth for {given}')
        return sources, None
    source = next((path for path in (Path(given), exp_dir / given) if path.is_file()), Path(given))
    own = _own_checkpoint(source)
    start = options.value('train.start_iter')
    goes_on = start and not source.is_file() and own is not None and \
        own.resolve() == (exp_dir / f'iter_{start}.pth').resolve()
    return [source], own if goes_on else None


def _converted(options: Options, sources: list[Path], exp_dir: Path, missing: list[str],
               channels: dict[str, int] | None) -> list[Path]:
    """What the load paths name, in a form that loads here."""
    discriminator = options.take('model.discriminator.load_path')
    if not sources and discriminator is not None:
        options.notes['model.discriminator.load_path'] = 'loaded only together with a generator'
    found = []
    for source in sources:
        own = _own_checkpoint(source)
        if source.is_file() and not _is_old(source):
            found.append(source)
        elif source.is_file():
            target = exp_dir / HOME / 'weights' / source.name
            with_discriminator = Path(discriminator) if discriminator and Path(discriminator).is_file() else None
            convert_weights_file(source, target, with_discriminator, channels)
            found.append(target)
        elif own is not None:
            found.append(own)
        else:
            missing.append(f'model.generator.load_path: there is no {source} (seen from {os.getcwd()}); convert it '
                           'when it is there: tools/migrate.py weights')
    return found


def _series(options: Options, folder: Path, exp_dir: Path) -> list[Path]:
    """The checkpoints that ``*`` stands for: from ``test.start_iter`` to ``test.end_iter``, or all there are."""
    first, last = (options.take(f'test.{key}', None, int) for key in ('start_iter', 'end_iter'))
    step = options.take('test.test_freq', None, int)
    if first is not None and last is not None and step:
        return [folder / f'G_iter{number}.pth' for number in range(first, last + 1, step)]
    names = {path.name for path in folder.glob('G_iter*.pth')}
    names |= {f'G_{path.name.replace("_", "")}' for path in exp_dir.glob('iter_*.pth')}
    return [folder / name for name in sorted(names, key=natural_key)]


def _own_checkpoint(source: Path) -> Path | None:
    """A checkpoint of photoreal that stands for ``<exp_dir>/train/ckpt/G_iter<N>.pth``: the one of that run."""
    number = re.fullmatch(r'G_iter(\d+)', source.stem)
    if number is None or len(source.parents) < 3:
        return None
    path = source.parents[2] / f'iter_{number[1]}.pth'
    return path if path.is_file() else None
