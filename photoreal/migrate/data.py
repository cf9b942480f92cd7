"""The data of an old experiment in the layout of a data set: links, nothing is copied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from photoreal.datasets.sources import visible
from photoreal.datasets.tecogan_lmdb import read_sequences
from photoreal.errors import DataError
from photoreal.migrate.options import Options
from photoreal.migrate.places import Video


@dataclass(frozen=True)
class VideoSet:
    """Videos of an old project: an LMDB, or folders of pictures.

    Attributes:
        key: The section of the YAML, for messages.
        name: What the YAML calls it.
        path: ``GT.lmdb/``, or the folder of ``<video>/*.png``.
        chosen: Videos to take; None: all.
    """

    key: str
    name: str
    path: Path
    chosen: frozenset[str] | None = None

    def videos(self) -> dict[str, Path]:
        """Name of a video -> its folder of pictures, or the LMDB that has it.

        Raises:
            DataError: There is no such place, or none of the chosen videos in it.
        """
        if not self.path.is_dir():
            raise DataError(f'{self.key}: there is no {self.path} (seen from {Path.cwd()}); start where the old '
                            'project was started')
        if (self.path / 'data.mdb').is_file():
            found = {sequence.video: self.path for sequence in read_sequences(self.path)}
        else:
            found = {folder.name: folder for folder in visible(self.path) if folder.is_dir()}
        kept = {name: path for name, path in found.items() if self.chosen is None or name in self.chosen}
        if not kept:
            raise DataError(f'{self.key}: {self.path} has {len(found)} videos, none of them chosen; expected folders '
                            'of pictures, or an LMDB, and a filter that names some of them')
        return kept


def read_set(options: Options, section: str) -> VideoSet | None:
    """The videos of ``dataset.<section>``; None where the YAML has no such section.

    Raises:
        DataError: Its list of videos cannot be read.
    """
    key = f'dataset.{section}'
    if key not in options:
        return None
    name = options.take(f'{key}.name', section)
    path = options.take(f'{key}.seq_dir') or options.take(f'{key}.gt_seq_dir')
    options.note(f'{key}.lr_seq_dir', 'small frames are made from the large ones by the modality Downsample')
    listed, file = options.take(f'{key}.filter_list', None, list), options.take(f'{key}.filter_file')
    if file is not None:
        try:
            listed = Path(file).read_text(encoding='utf-8').split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f'{key}.filter_file: {file} cannot be read ({error})') from error
    if path is None:
        raise DataError(f'{key}: has no seq_dir and no gt_seq_dir: name the folder of the large frames')
    return VideoSet(key, name, Path(path), None if listed is None else frozenset(map(str, listed)))


def link(root: Path, train: VideoSet | None, tests: Sequence[VideoSet]) -> None:
    """Make ``<root>/{train,val}/real/<video>/`` of links; what earlier calls left there is replaced.

    Where several sets are tested, their names come before those of their videos. Without one, training is validated on
    its own first video.

    Raises:
        DataError: A set is not there, or no links can be made.
    """
    places: dict[str, Path] = {}
    if train is not None:
        places |= {f'train/real/{name}': path for name, path in train.videos().items()}
        if not tests:
            places |= {f'val/real/{name}': path for name, path in list(train.videos().items())[:1]}
    for test in tests:
        prefix = f'{test.name}_' if len(tests) > 1 else ''
        places |= {f'val/real/{prefix}{name}': path for name, path in test.videos().items()}
    _make_links(root, {root / place / ('frames.lmdb' if (target / 'data.mdb').is_file() else 'frames'): target
                       for place, target in places.items()})


def link_videos(root: Path, videos: Sequence[Video]) -> None:
    """Make ``<root>/<split>/<domain>/<video>/<modality>`` of links; what earlier calls left there is replaced.

    Of videos of one name, from several folders, the later ones get a number.

    Raises:
        DataError: No links can be made.
    """
    links: dict[Path, Path] = {}
    taken: set[Path] = set()
    for video in videos:
        folder = root / video.split / video.domain / video.name
        copies = (folder.with_name(f'{video.name}_{number}') for number in count(2))
        folder = next(place for place in (folder, *islice(copies, len(taken))) if place not in taken)
        taken.add(folder)
        links |= {folder / (name if path.is_dir() else name + path.suffix): path
                  for name, path in video.entries.items()}
    _make_links(root, links)


def _make_links(root: Path, targets: Mapping[Path, Path]) -> None:
    links = {path: target.resolve() for path, target in targets.items()}
    for path in root.glob('*/*/*/*'):
        if path.is_symlink() and links.get(path) != path.resolve():
            _remove(path)
    for path, target in links.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_symlink():
                path.symlink_to(target, target_is_directory=target.is_dir())
        except FileExistsError:
            pass  # another process of the same run was quicker
        except OSError as error:
            raise DataError(f'{path}: no link to {target} can be made ({error}); copy the data with '
                            'tools/prepare_data.py, and set data_root') from error


def _remove(path: Path) -> None:
    """Remove a link, and the folder of its video where nothing else lies in it."""
    path.unlink(missing_ok=True)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
