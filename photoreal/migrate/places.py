"""Where a multimodal experiment keeps its videos: forks of TecoGAN-PyTorch name and nest their folders in many ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from photoreal.datasets.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES, visible
from photoreal.migrate.options import Options

DOMAINS = ('real', 'virtual')
FRAMES = ('frames', 'frame', 'gt', 'GT', 'ground_truth', 'target', 'hr', 'HR', 'rgb', 'images', 'imgs')
# Names of a key that holds a folder, whatever the section; and of the folders of a split, as keys and on the disk.
FOLDER_KEYS = ('data_path', 'data_root', 'dataroot', 'data_dir', 'dataset_dir', 'dataset_root', 'dataset_path', 'root',
               'root_dir', 'root_path', 'path', 'dir', 'folder', 'seq_dir', 'gt_seq_dir', 'gt_dir', 'gt_path',
               'dataroot_gt', 'video_dir', 'videos')
SPLITS = {'train': ('train', 'training'),
          'val': ('val', 'valid', 'validate', 'validation', 'test', 'testing', 'eval')}
_ENDINGS = ('_dir', '_path', '_root', '_data', '_folder', 'root', 'dir', '')
_VIRTUAL = ('virtual', 'virt', 'game', 'synth', 'render', 'fake')


@dataclass(frozen=True)
class Video:
    """One video of an experiment.

    Attributes:
        split: 'train' or 'val'.
        domain: 'real' or 'virtual'.
        name: Its name.
        entries: Name of a folder (or of a video file, without its suffix) -> where it lies; ``frames`` among them.
    """

    split: str
    domain: str
    name: str
    entries: dict[str, Path]


@dataclass
class Places:
    """What was found.

    Attributes:
        videos: All videos.
        missing: Folders that the YAML names and that are not there, a sentence each.
    """

    videos: list[Video] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def of(self, split: str, domain: str | None = None) -> list[Video]:
        """The videos of a split, and of a domain."""
        return [v for v in self.videos if v.split == split and domain in (None, v.domain)]


def data_section(options: Options) -> str:
    """The section that describes the data: ``dataset``, or what else a fork calls it; '' where there is none."""
    return next((name for name in ('dataset', 'datasets', 'data') if options.keys(name)), '')


def split_sections(options: Options, split: str) -> list[str]:
    """The sections of a split, by their names: ``dataset.validate1``."""
    data = data_section(options)
    names = [name for name in options.keys(data) if name.lower().startswith(SPLITS[split])] if data else []
    return [f'{data}.{name}' for name in names if options.keys(f'{data}.{name}')]


def find_places(options: Options, exp_dir: Path, frames: str | None) -> Places:
    """Find the videos of an experiment.

    Args:
        options: The YAML.
        exp_dir: The experiment's folder; paths are also looked for there, after the working directory.
        frames: Name of the folder of frames; None: one of those that are usual.
    """
    places, names = Places(), FRAMES if frames is None else (frames, *FRAMES)
    bases = (Path(), exp_dir, options.path.parent)
    named = {split: list(_named(options, split)) for split in SPLITS}
    if not named['val']:  # it may lie beside the folder to train on
        beside = [(key, Path(text).parent / name) for key, _, text in named['train'] for name in SPLITS['val']]
        named['val'] = [(key, None, str(path)) for key, path in beside
                        if any((base / path).is_dir() for base in bases)][:1]
    for split in SPLITS:
        for key, domain, text in named[split]:
            tried = [base / text for base in bases]
            folder = next((path for path in tried if path.is_dir()), None)
            if folder is None:
                places.missing.append(f'{key}: there is no {text} (seen from {Path.cwd()}, or from {exp_dir}); start '
                                      'where the old project was started, or give the whole path')
                continue
            found = list(_videos(folder, split, domain, names))
            if not found:
                inside = ', '.join(p.name for p in visible(folder)[:5]) or 'nothing'
                places.missing.append(f'{key}: {folder} holds no videos, only {inside}; expected real/<video>/frames/, '
                                      'virtual/<video>/frames/ or <video>/frames/ in it')
            places.videos += [video for video in found if video not in places.videos]
    return places


def _named(options: Options, split: str) -> Iterator[tuple[str, str | None, str]]:
    """(key, domain that it is for or None, folder) of what the YAML names for a split; folders for all splits last."""
    data, found = data_section(options), False
    for section in split_sections(options, split):
        domain = _domain(options, section)
        for key, only, text in _folders(options, section, FOLDER_KEYS, domain):
            found = True
            yield key, only, text
    own = [f'{word}{ending}' for word in SPLITS[split] for ending in _ENDINGS]
    for section in dict.fromkeys((data, '')):
        if not found:
            for key, only, text in _folders(options, section, own, None):
                found = True
                yield key, only, text
    for section in dict.fromkeys((data, '')):
        for key, only, text in _folders(options, section, FOLDER_KEYS, None):
            if not found:
                found = True
                yield key, only, str(_of_split(Path(text), split))


def _folders(options: Options, section: str, names: Sequence[str],
             domain: str | None) -> Iterator[tuple[str, str | None, str]]:
    """The folders in a section: those of single domains, or the first by another name."""
    prefix = f'{section}.' if section else ''
    single = [(f'{prefix}{word}{ending}', word) for word in DOMAINS for ending in _ENDINGS]
    found = [(key, word, text) for key, word in single if (text := options.text(key))]
    if found:
        yield from found
        return
    for name in names:
        text = options.text(f'{prefix}{name}')
        if text:
            yield f'{prefix}{name}', domain, text
            return


def _domain(options: Options, section: str) -> str | None:
    """Which domain a section is for: as it says, or as its name says."""
    said = options.text(f'{section}.domain') or section.rpartition('.')[2]
    if any(word in said.lower() for word in _VIRTUAL):
        return 'virtual'
    return 'real' if 'real' in said.lower() else None


def _of_split(root: Path, split: str) -> Path:
    """The folder of a split in a root that has them all."""
    return next((root / name for name in SPLITS[split] if (root / name).is_dir()), root)


def _videos(folder: Path, split: str, domain: str | None, frames: Sequence[str]) -> Iterator[Video]:
    """The videos below a folder: in its real/ and virtual/, in those of its split's folder, or directly in it."""
    for base in (folder, _of_split(folder, split)):
        parts = [(name, base / name) for name in DOMAINS if (base / name).is_dir() and domain in (None, name)]
        if parts:
            for name, part in parts:
                yield from _videos_in(part, split, name, frames)
            return
    base = _of_split(folder, split)
    named = base.name if base.name in DOMAINS else 'real'
    yield from _videos_in(base, split, domain or named, frames)


def _videos_in(folder: Path, split: str, domain: str, frames: Sequence[str]) -> Iterator[Video]:
    """The videos of one folder: ``<video>/<frames>``, ``<frames>/<video>`` or ``<video>/*.png``."""
    inside = [path for path in visible(folder) if path.is_dir()]
    kinds = {path.name: path for path in inside}
    by_kind = next((kinds[name] for name in frames if name in kinds and
                    any(path.is_dir() for path in visible(kinds[name]))), None)
    if by_kind is not None:
        for path in visible(by_kind):
            entries = {'frames': path} | {kind.name: kind / path.name for kind in inside
                                          if kind != by_kind and (kind / path.name).exists()}
            yield Video(split, domain, path.stem, entries)
        return
    for path in inside:
        entries = {p.name if p.is_dir() else p.stem: p for p in visible(path)
                   if p.is_dir() or p.suffix.lower() in VIDEO_SUFFIXES}
        own = next((name for name in frames if name in entries), None)
        if own is not None:
            yield Video(split, domain, path.name, {'frames': entries.pop(own)} | entries)
        elif any(p.suffix.lower() in IMAGE_SUFFIXES for p in visible(path)):
            yield Video(split, domain, path.name, {'frames': path})
