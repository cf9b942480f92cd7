"""Read what training and tests have left in their folders. Nothing found there is executed."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photoreal.errors import DataError
from photoreal.reporting.configs import read_config

Curves = dict[str, list[tuple[int, float]]]
PerFrame = dict[str, dict[str, list[float | None]]]


@dataclass
class Training:
    """What a work dir holds.

    Attributes:
        path: The work dir.
        curves: Name of a logged value -> (iteration, value), ascending. A run that was resumed is one curve.
        validations: Entries {iter, <domain>/<metric>: value} of metrics.json.
        config: Dotted key -> value as Python text; empty where no config was saved.
    """

    path: Path
    curves: Curves
    validations: list[dict[str, float]]
    config: dict[str, str]


@dataclass
class Evaluation:
    """What tools/test.py has written.

    Attributes:
        path: The output folder.
        mean: ``<domain>/<metric>`` -> mean over videos.
        videos: ``<domain>/<video>`` -> metric -> mean over frames.
        frames: ``<domain>/<video>`` -> metric -> value of each frame, None where it has none.
        higher_is_better: The metrics of which more is better, without prefix; of all others less is,
        neutral: but of these, of which neither is.
        checkpoint: The weights that were tested, as the command named them.
        class_names: Of the classes of label maps, by number; empty where they are not known.
    """

    path: Path
    mean: dict[str, float]
    videos: dict[str, dict[str, float]]
    frames: PerFrame
    higher_is_better: frozenset[str]
    neutral: frozenset[str]
    checkpoint: str
    class_names: tuple[str, ...] = ()


@dataclass
class Run:
    """One column of a report: a training run, its test, or both."""

    name: str
    training: Training | None = None
    test: Evaluation | None = None
    paths: list[Path] = field(default_factory=list)


def read_run(folder: str | os.PathLike) -> Run:
    """Read a work dir, or an output folder of tools/test.py.

    With a work dir comes the test in its folder ``test``, if there is one; with a test the run whose checkpoint it
    tested, if that still lies in its work dir.

    Raises:
        DataError: The folder is neither, or a file in it is damaged.
    """
    folder = Path(folder)
    training = test = None
    if is_work_dir(folder):
        training = read_training(folder)
        if is_test_dir(folder / 'test'):
            test = read_test(folder / 'test')
    elif is_test_dir(folder):
        test = read_test(folder)
        checkpoint = Path(test.checkpoint)
        homes = (checkpoint if checkpoint.is_dir() else checkpoint.parent, folder.parent)
        training = next((read_training(home) for home in homes if is_work_dir(home)), None)
    else:
        raise DataError(f'{folder}: found {_contents(folder)}; expected a work dir of tools/train.py (with '
                        '<time>/vis_data/scalars.json) or an output folder of tools/test.py (with metrics.json and '
                        'frames.json); name one of them')
    name = folder.resolve().name
    return Run(folder.resolve().parent.name if name == 'test' else name, training, test,
               [part.path for part in (training, test) if part])


def is_work_dir(folder: Path) -> bool:
    """Whether a training has logged into the folder."""
    return any(folder.glob('*/vis_data/scalars.json'))


def is_test_dir(folder: Path) -> bool:
    """Whether a test has written into the folder."""
    return (folder / 'metrics.json').is_file() and not is_work_dir(folder) and (folder / 'frames.json').is_file()


def read_training(work_dir: Path) -> Training:
    """Read the curves, the validations and the newest config of a work dir."""
    curves: Curves = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        _go_on(curves, _read_log(path))
    metrics = work_dir / 'metrics.json'
    validations = read_json(metrics, list) if metrics.is_file() else []
    configs = sorted(work_dir.glob('*/vis_data/config.py'))
    return Training(work_dir, curves, validations, read_config(configs[-1]) if configs else {})


def read_test(folder: Path) -> Evaluation:
    """Read the numbers of a test."""
    report = read_json(folder / 'metrics.json', dict)
    missing = {'mean', 'videos', 'higher_is_better', 'checkpoint'} - set(report)
    if missing:
        raise DataError(f'{folder / "metrics.json"}: found no {", ".join(sorted(missing))}; expected what '
                        'tools/test.py writes; run the test again')
    frames = read_json(folder / 'frames.json', dict)
    return Evaluation(folder, report['mean'], report['videos'], frames, frozenset(report['higher_is_better']),
                      frozenset(report.get('neutral', ())), report['checkpoint'],
                      tuple(report.get('class_names', ())))


def read_json(path: Path, kind: type) -> Any:
    """Read a JSON file.

    Raises:
        DataError: It is damaged, or holds something other than a ``kind``.
    """
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise DataError(f'{path}: cannot be read ({error}); expected JSON; run again what wrote it') from error
    if not isinstance(data, kind):
        raise DataError(f'{path}: found a {type(data).__name__}; expected a {kind.__name__}; '
                        'run again what wrote it')
    return data


def _read_log(path: Path) -> Curves:
    """The training lines of a log of MMEngine: one JSON object a line. Those of validations count no iterations."""
    curves: Curves = {}
    lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if not line.endswith('\n') and number == len(lines):
            break  # the run is still going, and writing this line
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise DataError(f'{path}, line {number}: cannot be read ({error}); expected a JSON object; '
                            'remove the line') from error
        if 'iter' in entry:
            step = entry['iter']
            for name, value in entry.items():
                if name not in ('iter', 'step', 'epoch') and isinstance(value, int | float):
                    curves.setdefault(name, []).append((step, value))
    return curves


def _go_on(curves: Curves, later: Curves) -> None:
    """Continue curves with those of a resumed run; what it has done anew replaces what was there."""
    start = min((points[0][0] for points in later.values()), default=None)
    if start is None:
        return
    for name in {**curves, **later}:
        before = [point for point in curves.get(name, []) if point[0] < start]
        curves[name] = before + later.get(name, [])


def _contents(folder: Path) -> str:
    if not folder.is_dir():
        return 'no such folder'
    names = sorted(path.name for path in folder.iterdir())
    return ', '.join(names[:5]) + (f' and {len(names) - 5} more' if len(names) > 5 else '') if names else 'nothing'
