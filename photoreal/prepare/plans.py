"""What is to be made of a source, and what of it is there already.

A new video grows in a hidden folder beside its place and gets its name when it is whole; so does a modality that is
added to a video. ``meta.json`` in that folder tells a later run whether what lies there is of the same making.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photoreal.datasets.scenes import find_cuts, shots
from photoreal.datasets.sources import open_source
from photoreal.datasets.writers import write_json
from photoreal.errors import ConfigError, DataError
from photoreal.modalities.base import Modality
from photoreal.prepare.footage import Footage, Track

FORMATS = ('png', 'jpg')
SPLITS, DOMAINS = ('train', 'val'), ('real', 'virtual')


@dataclass(frozen=True)
class Settings:
    """How videos are made.

    Attributes:
        out: Root of the data set.
        split: ``train`` or ``val``.
        domain: ``real`` or ``virtual``.
        fps: Frames per second at most; None: the source's.
        size: (height, width) of frames; None: the source's.
        cut_scenes: Make a video of every scene.
        min_frames: Leave out scenes, and stretches between gaps, with fewer frames; ``fps`` counts, ``max_frames`` not.
        max_frames: Use at most so many frames of a video; None: all.
        format: ``png`` or ``jpg``, of frames; maps are always PNG.

    Raises:
        ConfigError: A value is out of its range.
    """

    out: Path
    split: str
    domain: str
    fps: float | None = None
    size: tuple[int, int] | None = None
    cut_scenes: bool = False
    min_frames: int = 10
    max_frames: int | None = None
    format: str = 'png'

    def __post_init__(self) -> None:
        rules = {
            'split': ("'train' or 'val'", self.split in SPLITS),
            'domain': ("'real' or 'virtual'", self.domain in DOMAINS),
            'fps': ('a number above 0', self.fps is None or 0 < self.fps < float('inf')),
            'size': ('a width and a height of 1 or more', self.size is None or min(self.size) >= 1),
            'min_frames': ('1 or more', self.min_frames >= 1),
            'max_frames': ('1 or more', self.max_frames is None or self.max_frames >= 1),
            'format': (f'one of {", ".join(FORMATS)}', self.format in FORMATS),
        }
        wrong = [f'{name}={getattr(self, name)!r}; expected {rule}' for name, (rule, kept) in rules.items() if not kept]
        if wrong:
            raise ConfigError.from_faults('prepare:', wrong)


@dataclass(frozen=True)
class Recipe:
    """One video, and what ``meta.json`` will say of its frames."""

    footage: Footage
    meta: dict[str, Any]


@dataclass(frozen=True)
class Survey:
    """What is in a source: the videos to make of it, how many scenes or stretches are too short, what is left out."""

    recipes: list[Recipe]
    too_short: int
    notes: list[str]


def survey(footage: Footage, settings: Settings) -> Survey:
    """Look through a source: which frames make which video.

    Raises:
        DataError: It cannot be used.
    """
    footage.check()
    length = len(footage.frames)
    fps = footage.fps or footage.frames.source.fps
    spans = {footage.name: range(length)}
    if settings.cut_scenes:
        found = shots(find_cuts(footage.frames.read(i) for i in range(length)), length)
        spans = {f'{footage.name}_{number:03d}': shot for number, shot in enumerate(found)}
    # A source that is whole is wanted, however short it is.
    least = settings.min_frames if settings.cut_scenes or footage.is_stretch else 1
    chosen = {name: resample(span, fps, settings.fps) for name, span in spans.items()}
    recipes = [_recipe(footage, name, positions, fps, new_fps, settings)
               for name, (positions, new_fps) in chosen.items() if len(positions) >= least]
    source = footage.frames.source
    return Survey(recipes, len(spans) - len(recipes), [f'{source.path}: {note}' for note in source.notes])


def _recipe(footage: Footage, name: str, positions: list[int], fps: float, new_fps: float,
            settings: Settings) -> Recipe:
    part = footage.select(positions[:settings.max_frames], name=name)
    height, width = part.frames.source.size
    new_height, new_width = settings.size or (height, width)
    places = part.frames.places
    return Recipe(part, {
        'fps': new_fps,
        'frames': len(places),
        'width': new_width,
        'height': new_height,
        'format': settings.format,
        'maps': sorted(part.maps),
        'origin': {'source': footage.origin, 'fingerprint': part.frames.fingerprint(),
                   'first_frame': places[0], 'last_frame': places[-1], 'fps': fps, 'width': width, 'height': height},
    })


def resample(span: range, fps: float, wanted: float | None) -> tuple[list[int], float]:
    """Choose frames so that there are ``wanted`` a second: for each moment the nearest earlier frame.

    A source with fewer keeps its own rate, since repeated frames would teach a network to stutter.

    Returns:
        The frames, and their rate.
    """
    if wanted is None or wanted >= fps:
        return list(span), fps
    step = fps / wanted
    positions, k = [], 0
    while (offset := int(k * step + 1e-6)) < len(span):  # 1e-6: a quotient that rounding left just below a whole number
        positions.append(span[offset])
        k += 1
    return positions, wanted


@dataclass(frozen=True)
class VideoPlan:
    """What is left to do for one video.

    Attributes:
        recipe: The video.
        settings: How it is made.
        final: Its folder.
        staging: The hidden folder that it grows in.
        meta: What ``meta.json`` will hold.
        modalities: Folder -> modality, those that are to be computed.
        is_new: Whether the frames are to be made as well.
        names: Of frames that are there, without suffix; None: those of new ones.
    """

    recipe: Recipe
    settings: Settings
    final: Path
    staging: Path
    meta: dict[str, Any]
    modalities: dict[str, Modality]
    is_new: bool
    names: Sequence[str] | None = None

    @property
    def home(self) -> Path:
        """The folder that has the frames."""
        return self.staging if self.is_new else self.final

    @property
    def frame_count(self) -> int:
        return len(self.recipe.footage.frames)

    def file_name(self, index: int) -> str:
        """Name of a frame, without suffix."""
        if self.names is not None:
            return self.names[index]
        return f'{index:0{max(5, len(str(self.frame_count - 1)))}d}'


def make_plan(recipe: Recipe, settings: Settings, modalities: Mapping[str, Modality],
              configs: Mapping[str, Any]) -> VideoPlan | None:
    """Find out what is left to do for a video, and clear away what an interrupted run left half done.

    Args:
        recipe: The video.
        settings: How it is made.
        modalities: Folder -> modality.
        configs: Folder -> the modality's config, plain JSON.

    Returns:
        The plan; None where the video is whole.

    Raises:
        DataError: In its place is something else.
    """
    both = sorted(set(recipe.meta['maps']) & set(modalities))
    if both:
        raise DataError(f"{recipe.footage.origin}: '{both[0]}' is recorded with the frames and also a modality to "
                        f"compute; expected one of them; call the modality something else than '{both[0]}'")
    folder = settings.out / settings.split / settings.domain
    final, staging = folder / recipe.footage.name, folder / f'.{recipe.footage.name}.preparing'
    done = _read_done(final, recipe, configs) if final.exists() else None
    missing = [name for name in modalities if done is None or not (final / name).is_dir()]
    if done is not None and not missing:
        shutil.rmtree(staging, ignore_errors=True)
        return None
    meta = recipe.meta | {'modalities': (done['modalities'] if done else {}) | dict(configs)}
    _stage(staging, meta)
    return VideoPlan(recipe, settings, final, staging, meta, {name: modalities[name] for name in missing}, done is None)


def _stage(staging: Path, meta: Mapping[str, Any]) -> None:
    """Go on with what an interrupted run left in a hidden folder if it was the same, else begin."""
    if _read_json(staging / 'meta.json') != meta:
        shutil.rmtree(staging, ignore_errors=True)
        write_json(staging / 'meta.json', meta)
    for path in staging.rglob('.*.tmp*'):
        path.unlink(missing_ok=True)


def video_folders(root: Path) -> list[Path]:
    """The videos of a data set: ``<split>/<domain>/<video>``.

    Raises:
        DataError: There are none.
    """
    found = [path for split in SPLITS for domain in DOMAINS for path in (root / split / domain).glob('*')
             if path.is_dir() and not path.name.startswith('.')]
    if not found:
        raise DataError(f'{root}: found no videos to add to; expected a data set, with train/real/<video>/frames and '
                        'the like')
    return found


def plan_addition(final: Path, modalities: Mapping[str, Modality], configs: Mapping[str, Any]) -> VideoPlan | None:
    """Find out which modalities a video lacks, whoever has made it.

    Args:
        final: The video's folder.
        modalities: Folder -> modality.
        configs: Folder -> the modality's config, plain JSON.

    Returns:
        The plan; None where it lacks none.

    Raises:
        DataError: It has no frames, or other maps of such a name.
    """
    source = open_source(final, 'frames')
    if source is None:
        raise DataError(f'{final}: found no frames; expected a folder frames/, or a video frames.mp4')
    meta = _read_json(final / 'meta.json')
    meta = meta if isinstance(meta, dict) else {'fps': source.fps}
    done = meta.get('modalities') if isinstance(meta.get('modalities'), dict) else {}
    for name, config in configs.items():
        there = open_source(final, name)
        if there is not None and done.get(name) != config:
            made = f'made as {done[name]}' if name in done else 'not made by this tool'
            raise DataError(f"{final / name}: found maps that were {made}; expected none, or such of {config}; remove "
                            f"them, or call the modality something else than '{name}'")
        if there is not None and len(there) != len(source):
            raise DataError(f'{final / name}: found {len(there)} maps; expected {len(source)}; remove that folder to '
                            'make it anew')
    missing = {name: modality for name, modality in modalities.items() if not (final / name).exists()}
    staging = final.with_name(f'.{final.name}.preparing')
    if not missing:
        shutil.rmtree(staging, ignore_errors=True)
        return None
    meta = meta | {'modalities': {**done, **configs}}
    _stage(staging, meta)
    split, domain = final.parts[-3:-1]
    recipe = Recipe(Footage(final.name, final.name, Track(source)), meta)
    return VideoPlan(recipe, Settings(final.parents[2], split, domain), final, staging, meta, missing, False,
                     source.names)


def _read_done(final: Path, recipe: Recipe, configs: Mapping[str, Any]) -> dict[str, Any]:
    """``meta.json`` of a finished video, which must be of the same making.

    Raises:
        DataError: It is of another making, or something of it is missing.
    """
    remedy = 'remove that folder to make it anew, or choose another --out or another name for the source'
    done = _read_json(final / 'meta.json')
    if not isinstance(done, dict) or not isinstance(done.get('modalities'), dict):
        raise DataError(f'{final}: found a folder that was not made by this tool; {remedy}')
    differences = [f'{name} {done.get(name)!r} there, {value!r} now' for name, value in recipe.meta.items()
                   if done.get(name) != value]
    differences += [f'modality {name} {done["modalities"][name]!r} there, {config!r} now'
                    for name, config in configs.items() if done['modalities'].get(name, config) != config]
    if differences:
        raise DataError(f'{final}: found a video that was made otherwise: {"; ".join(differences)}; {remedy}')
    for name in configs:
        if (final / name).exists() and name not in done['modalities']:
            raise DataError(f"{final / name}: found maps that were not made by this tool; call the modality '{name}' "
                            'something else, or remove them')
    for name in ('frames', *done['maps'], *done['modalities']):
        count = len([p for p in os.listdir(final / name) if not p.startswith('.')]) if (final / name).is_dir() else None
        if count != done['frames'] and (count is not None or name not in configs):
            raise DataError(f'{final / name}: found {count or 0} files; expected {done["frames"]}; {remedy}')
    return done


def _read_json(path: Path) -> Any:
    """What a JSON file holds; None where there is none, or one that is damaged."""
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def finish(plan: VideoPlan) -> None:
    """Give a video, or the modalities added to it, their final names."""
    if plan.is_new:
        os.replace(plan.staging, plan.final)
        return
    # The entry first: a folder without one would be taken for somebody else's.
    write_json(plan.final / 'meta.json', plan.meta)
    for name in plan.modalities:
        os.replace(plan.staging / name, plan.final / name)
    shutil.rmtree(plan.staging)


def plain(value: Any) -> Any:
    """A config as JSON gives it back.

    Raises:
        ConfigError: It holds something that JSON cannot.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if isinstance(value, type):
        return value.__name__
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f'{value!r} in the config of a modality cannot be written to meta.json; '
                      'expected numbers, strings, lists and dicts')
