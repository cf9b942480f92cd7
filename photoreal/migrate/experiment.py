"""An experiment of TecoGAN-PyTorch, its YAML and its folder, as a config with data and weights to start from."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import photoreal
from photoreal.datasets.sources import natural_key
from photoreal.datasets.writers import atomic_path
from photoreal.errors import ConfigError, PhotorealError
from photoreal.migrate.data import link, read_set
from photoreal.migrate.options import Options
from photoreal.migrate.sections import convert
from photoreal.migrate.text import config_text
from photoreal.migrate.weights import convert_weights_file

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
        missing: What could not be found, a sentence each.
    """

    config: Path
    checkpoints: list[Path]
    results: Path
    notes: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def text(self) -> str:
        """All of it, for people."""
        lines = [f'config: {self.config}', *(f'weights: {path}' for path in self.checkpoints)]
        lines += [f'note: {key}: {note}' for key, note in self.notes.items()]
        lines += [f'not known, and left out: {key}' for key in self.unknown]
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
    sections = convert(options, model)
    data_root = config.with_name(f'{config.stem}_data').absolute()
    missing = _lay_out(options, data_root)
    checkpoints = _checkpoints(options, exp_dir, missing)
    sections = {'data_root': str(data_root), **sections}
    if 'train' in options and checkpoints:
        sections['load_from'] = str(checkpoints[-1].absolute())
    results = Path(options.take('test.res_dir', str(exp_dir / 'test/results')))
    migrated = Migrated(config, checkpoints, results, options.notes, options.unknown(), missing)
    with atomic_path(config) as temporary:
        temporary.write_text(config_text(_docstring(options, migrated), str(BASE), sections), encoding='utf-8')
    return migrated


def _docstring(options: Options, migrated: Migrated) -> str:
    lines = [f'{options.path}, an experiment of TecoGAN-PyTorch, converted by tools/migrate.py.']
    if options.notes:
        lines += ['', 'No keys here:', *(f'- {key}: {note}' for key, note in options.notes.items())]
    if migrated.unknown:
        lines += ['', 'Not known, and left out:', *(f'- {key}' for key in migrated.unknown)]
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


def _checkpoints(options: Options, exp_dir: Path, missing: list[str]) -> list[Path]:
    """What the load paths name, in a form that loads here."""
    discriminator = options.take('model.discriminator.load_path')
    given = options.take('model.generator.load_path')
    if given is None:
        if discriminator is not None:
            options.notes['model.discriminator.load_path'] = 'loaded only together with a generator'
        return []
    sources = [Path(given)]
    if Path(given).stem == '*':
        sources = _series(options, Path(given).parent, exp_dir)
        if not sources:
            missing.append(f'model.generator.load_path: there is no G_iter<N>.pth for {given}')
    found = []
    for source in sources:
        own = _own_checkpoint(source)
        if source.is_file():
            target = exp_dir / HOME / 'weights' / source.name
            with_discriminator = Path(discriminator) if discriminator and Path(discriminator).is_file() else None
            convert_weights_file(source, target, with_discriminator)
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
