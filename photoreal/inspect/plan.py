"""What a check looks at: the modalities, and what training asks of the videos."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photoreal.datasets.build import learns_from_teacher, optional_modalities
from photoreal.datasets.layout import TARGET
from photoreal.datasets.lmdb_path import LmdbPath, data_path
from photoreal.datasets.sources import VIDEO_SUFFIXES, FrameSource, open_source, visible
from photoreal.datasets.styles import build_styles, styles_with_donors
from photoreal.errors import DataError
from photoreal.look import Look, build_look
from photoreal.modalities import Modality, build_modalities

GROUPS = (('train', 'real'), ('train', 'virtual'), ('val', 'real'), ('val', 'virtual'))
_NO_CLASS = 255  # by custom the value of pixels without a class
_MOST_CLASSES = 64  # more grey values than that are a picture, not classes
_PROBED = 5  # maps of a video that tell what kind they are


@dataclass(frozen=True)
class CheckPlan:
    """What is looked at, and what must hold.

    Attributes:
        modalities: Name -> modality, computed or recorded.
        required: Pairs (split, domain) that training and validation read.
        clips: Those among them that clips to train on come from, with all modalities.
        donors: Those among them of which training takes the frames alone, for input styles.
        clip_length: Frames of a training clip.
        min_size: (height, width) in pixels that frames to train on must have.
        scale: Size of the target over that of the condition.
        one_size: Whether a batch holds whole frames of several videos, which must then have one size.
        configured: Whether a config says all this; else it was inferred from the folders.
        optional: Names of modalities that a video may lack.
        look: What virtual frames go through before modalities are computed from them.
        teacher: Whether a loss learns from what a teacher made of virtual frames.
    """

    modalities: Mapping[str, Modality]
    required: tuple[tuple[str, str], ...]
    clips: tuple[tuple[str, str], ...] = (('train', 'real'),)
    donors: tuple[tuple[str, str], ...] = ()
    clip_length: int = 10
    min_size: tuple[int, int] = (1, 1)
    scale: int = 1
    one_size: bool = False
    configured: bool = False
    optional: tuple[str, ...] = ()
    look: Look | None = None
    teacher: bool = False


def plan_from_config(cfg: Mapping[str, Any]) -> CheckPlan:
    """What a checked config's training and validation need.

    Raises:
        ConfigError: A modality or an input style cannot be built.
    """
    train, val = (cfg[f'{phase}_dataloader']['dataset'] for phase in ('train', 'val'))
    crop, scale = train.get('crop_size', 128), train.get('scale', 1)
    height, width = (crop, crop) if isinstance(crop, int) else crop or (1, 1)
    split = val.get('split', 'val')
    renders = (('train', 'virtual'),)
    clips = ((train.get('split', 'train'), train.get('domain', 'real')),
             *(renders if train.get('unpaired') is not None else ()))
    donors = () if renders[0] in clips or not styles_with_donors(build_styles(train.get('input_styles'))) else renders
    measured = ((split, domain) for domain in val.get('domains', ('real', 'virtual')))
    return CheckPlan(build_modalities(cfg['model']['modalities']), (*clips, *donors, *measured), clips, donors,
                     train.get('clip_length', 10), (height * scale, width * scale), scale,
                     one_size=crop is None and cfg['train_dataloader'].get('batch_size', 1) > 1, configured=True,
                     optional=optional_modalities(cfg), look=build_look(train.get('look')),
                     teacher=learns_from_teacher(cfg))


def plan_from_folders(root: str | os.PathLike) -> CheckPlan:
    """The recorded maps that lie in a data root, as far as their pixels tell what they are, and blur and edges.

    Maps of one channel are depth where they have 16 bits, and classes where they hold few values; all others are
    pictures.

    Raises:
        DataError: The data root is no folder.
    """
    root = data_path(root)
    if not root.is_dir():
        raise DataError(f'{root}: the data root is no folder that exists; give the one that holds train/ and val/, '
                        'or an LMDB')
    maps: dict[str, list[FrameSource]] = {}
    for split, domain in GROUPS:
        folder = root / split / domain
        for video in visible(folder) if folder.is_dir() else []:
            for stem in recorded_stems(video):
                maps.setdefault(stem, []).extend(_open(video, stem))
    recorded = {stem: infer_config(stem, sources) for stem, sources in sorted(maps.items()) if sources}
    computed = {'blur': {'type': 'Blur'}, 'edges': {'type': 'Edges'}}
    return CheckPlan(build_modalities(computed | recorded),
                     (('train', 'real'), ('val', 'real'), ('val', 'virtual')))


def recorded_stems(video: Path | LmdbPath) -> list[str]:
    """Names of the folders and video files that lie beside a video's frames, but for what a teacher made of them."""
    if not video.is_dir():
        return []
    stems = {p.name if p.is_dir() else p.stem for p in visible(video)
             if p.is_dir() or p.suffix.lower() in VIDEO_SUFFIXES}
    return sorted(stems - {'frames', TARGET})


def _open(video: Path | LmdbPath, stem: str) -> list[FrameSource]:
    try:
        return [source] if (source := open_source(video, stem)) else []
    except DataError:
        return []  # a folder of something else; where it is needed, the check names the fault


def infer_config(stem: str, sources: Sequence[FrameSource]) -> dict[str, Any]:
    """The config of the modality that recorded maps seem to be, as far as some of their pixels tell.

    Args:
        stem: Name of their folder.
        sources: The maps of one or more videos.
    """
    values: set[int] = set()
    for source in sources:
        places = np.linspace(0, len(source) - 1, _PROBED).astype(int)
        try:
            maps = source.read(places.tolist(), raw=True)
        except DataError:
            continue  # the check decodes them again, and reports it
        if maps.shape[-1] != 1:
            return {'type': 'ImageFolder', 'folder': stem}
        if maps.dtype == np.uint16:
            return {'type': 'Depth', 'folder': stem}
        values.update(np.unique(maps).tolist())
    classes = values - {_NO_CLASS}
    if not classes or len(classes) > _MOST_CLASSES:
        return {'type': 'ImageFolder', 'folder': stem, 'channels': 1}
    # Only a config says what the classes are: values beyond those that were probed are no fault here.
    return {'type': 'LabelMap', 'folder': stem, 'num_classes': max(19, max(classes) + 1), 'ignore': 'others'}
