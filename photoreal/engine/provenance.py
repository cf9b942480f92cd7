"""What a run was made of: command, code, versions, data. It lies in ``run.json`` and in every checkpoint."""

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from torch.utils.data import Dataset

import photoreal
from photoreal.datasets.layout import TARGET, VideoRecord
from photoreal.datasets.sources import FolderSource, FrameSource
from photoreal.datasets.writers import write_json
from photoreal.errors import DataError

FILE = 'run.json'


def describe_start(cfg: Config, seed: int, datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """All that a start of a run depends on, as plain values.

    Args:
        cfg: The config, whose text lies beside this in the work dir.
        seed: Of everything random.
        datasets: By phase.
    """
    return {
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'command': shlex.join([Path(sys.executable).name, *sys.argv]),
        'folder': os.getcwd(),
        'config': str(cfg.filename),
        'resumed_from': cfg.load_from if cfg.get('resume') else None,
        'started_from': None if cfg.get('resume') else cfg.get('load_from'),
        'seed': seed,
        'deterministic': bool((cfg.get('randomness') or {}).get('deterministic')),
        'processes': get_world_size(),
        'code': _git(Path(photoreal.__file__)),
        'config_code': _git(Path(cfg.filename).resolve()) if cfg.filename else None,
        'versions': _versions(),
        'host': platform.node(),
        'data': fingerprints(datasets),
    }


def note_start(work_dir: str | os.PathLike, start: dict[str, Any]) -> None:
    """Add a start to the list in ``<work_dir>/run.json``: a run that was resumed has several."""
    write_json(Path(work_dir) / FILE, {'starts': [*_starts(work_dir), start]})


def last_start(work_dir: str | os.PathLike) -> dict[str, Any] | None:
    """The newest start that ``run.json`` tells of, if there is one."""
    return next(reversed(_starts(work_dir)), None)


def _starts(work_dir: str | os.PathLike) -> list[dict[str, Any]]:
    """None where the file is missing, or a power failure has damaged it."""
    try:
        return json.loads((Path(work_dir) / FILE).read_text(encoding='utf-8'))['starts']
    except (FileNotFoundError, ValueError, KeyError):
        return []


def fingerprints(datasets: Mapping[str, Dataset]) -> dict[str, dict[str, Any]]:
    """What is known of the data of each phase, and of what it takes from virtual videos besides.

    That is names, counts and sizes of the videos, and a digest of them, by which data that has changed is known. It is
    cheap: of the names of all files, and the bytes of the first and the last of each folder.

    Args:
        datasets: By phase.

    Returns:
        Phase -> what its data set is; likewise ``<phase>, virtual`` of the unpaired branch, and ``<phase>, donors`` of
        the input styles, where there are such.
    """
    found = {}
    for phase, dataset in datasets.items():
        videos = getattr(dataset, 'videos', None)
        found[phase] = {'items': len(dataset)} if videos is None else _fingerprint(videos)  # of another package
        virtual, styles = (getattr(dataset, name, None) for name in ('virtual', 'input_styles'))
        if virtual is not None:
            found[f'{phase}, virtual'] = _fingerprint(virtual.videos)
        if styles is not None and styles.donors:
            found[f'{phase}, donors'] = _fingerprint(styles.donors)
    return found


def _fingerprint(videos: Sequence[VideoRecord]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for video in videos:
        sources = {'frames': video.frames, **video.recorded}
        if video.target is not None:
            sources |= {TARGET: video.target}
        found = [video.split, video.domain, video.name,
                 {name: [source.names, source.size, _bytes(source)] for name, source in sources.items()}]
        digest.update(json.dumps(found).encode())
    counted = {f'{video.domain}/{video.name}': len(video) for video in videos}
    return {'videos': len(videos), 'frames': sum(counted.values()), 'digest': digest.hexdigest(), 'frames_of': counted}


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two starts of a run that has the same run end otherwise, a sentence each."""
    found = [f'the data has changed since the run was interrupted: {phase}: {_counts(then["data"][phase])} then, '
             f'{_counts(now["data"][phase])} now'
             for phase in sorted(then['data'].keys() & now['data'].keys()) if then['data'][phase] != now['data'][phase]]
    if then['seed'] != now['seed']:
        found.append(f"the run was started with seed {then['seed']}, and goes on with {now['seed']}: give it "
                     f"--seed {then['seed']}")
    return found


def check_alike(starts: Sequence[Mapping[str, Any]]) -> None:
    """Check that all processes of a run have the same videos, though each may read them from its own node's disk.

    Args:
        starts: What :func:`describe_start` said in each, by rank.

    Raises:
        DataError: They have not.
    """
    first = starts[0]
    for rank, other in enumerate(starts):
        for phase, data in other['data'].items():
            own, its = (start['data'][phase].get('frames_of', start['data'][phase]) for start in (first, other))
            if own != its:
                differ = sorted(name for name in own.keys() | its.keys() if own.get(name) != its.get(name))
                raise DataError(f"{phase}: process {rank} on {other['host']} finds {_counts(data)}, and process 0 on "
                                f"{first['host']} {_counts(first['data'][phase])} (they differ in "
                                f'{", ".join(differ[:3])}): give all nodes the same data')


def _counts(data: Mapping[str, Any]) -> str:
    return ', '.join(f'{data[name]} {name}' if name != 'digest' else f'digest {data[name][:8]}'
                     for name in ('items', 'videos', 'frames', 'digest') if name in data)


def _bytes(source: FrameSource) -> list[int]:
    files = [source.file(0), source.file(len(source) - 1)] if isinstance(source, FolderSource) else \
        [getattr(source, 'path', None)]
    return [file.stat().st_size for file in files if isinstance(file, Path)]


def _git(file: Path) -> dict[str, Any] | None:
    """The revision of the repository that a file is of, and whether files there were changed since.

    A package that was installed lies in no repository, though its folder may: that of an environment in a project.
    """
    def ask(*question: str) -> str:
        return subprocess.run(['git', '-C', str(file.parent), *question], check=True, capture_output=True,
                              text=True).stdout
    try:
        ask('ls-files', '--error-unmatch', file.name)
        return {'revision': ask('rev-parse', 'HEAD').strip(),
                'changed': bool(ask('status', '--porcelain', '--untracked-files=no').strip())}
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or the file is not of it
        return None


def _versions() -> dict[str, str | None]:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {'photoreal': photoreal.__version__, 'python': platform.python_version(), 'torch': str(torch.__version__),
            'cuda': torch.version.cuda, 'cudnn': str(torch.backends.cudnn.version()), 'gpu': gpu,
            'mmengine': mmengine.__version__, 'numpy': np.__version__, 'system': platform.platform()}
