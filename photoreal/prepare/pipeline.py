"""The whole of it: look through the sources, write frames, compute modalities, give finished videos their names."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from photoreal.errors import ConfigError, DataError
from photoreal.modalities import Precomputed, build_modalities
from photoreal.modalities.base import Modality
from photoreal.modalities.networks import ESTIMATED, settings_for
from photoreal.prepare.engines import Engine, Task
from photoreal.prepare.footage import Footage
from photoreal.prepare.plans import (
    Recipe,
    Settings,
    Survey,
    VideoPlan,
    finish,
    make_plan,
    plain,
    plan_addition,
    survey,
    video_folders,
)
from photoreal.prepare.work import is_recordable, segments, write_frames, write_modalities
from photoreal.progress import progress
from photoreal.registry import MODALITIES, load_plugins, suggest

__all__ = ['Settings', 'Summary', 'choose_modalities', 'prepare']


@dataclass
class Summary:
    """What a run did.

    Attributes:
        written: Videos that were made, or got a modality, and how many frames each has.
        whole: Videos that were whole before.
        too_short: Scenes, and stretches between gaps, that were left out.
        faults: What was wrong, a sentence a source or video.
        notes: What is in the sources and not in the frames.
    """

    written: dict[str, int] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    too_short: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """One line."""
        parts = [f'{len(self.written)} videos written ({sum(self.written.values())} frames)']
        parts += [f'{len(self.whole)} whole already'] if self.whole else []
        parts += [f'{self.too_short} scenes or stretches too short'] if self.too_short else []
        parts += [f'{len(self.faults)} faults'] if self.faults else []
        return ', '.join(parts)


def prepare(footage: Sequence[Footage], settings: Settings, engine: Engine,
            modalities: Mapping[str, Any] | None = None) -> Summary:
    """Make videos. What is whole is left alone, so that an interrupted run is continued by running it again.

    Args:
        footage: The sources.
        settings: How videos are made.
        engine: Who does the work.
        modalities: Folder -> config of the modality that is computed into it, with its fixed parameters.

    Returns:
        What was done; a source that cannot be used is among its faults, and the others are made.

    Raises:
        ConfigError: A modality cannot be built, run, or recorded.
    """
    configs = dict(modalities or {})
    if 'frames' in configs:
        raise ConfigError("modality 'frames': that is the name of the frames' own folder; call it something else")
    built = build_modalities(configs) if configs else {}
    configs = {name: plain(config) for name, config in configs.items()}
    summary = Summary()
    recipes = _survey(footage, settings, engine, summary)
    if recipes:
        height, width = recipes[0].meta['height'], recipes[0].meta['width']
        _check_recordable(built, (height, width))
    plans = _plan(recipes, settings, built, configs, summary)
    plans = _work(plans, 'frames', write_frames, lambda plan: plan.is_new, engine, summary)
    plans = _work(plans, 'modalities', write_modalities, lambda plan: bool(plan.modalities), engine, summary)
    for plan in plans:
        finish(plan)
        summary.written[plan.final.name] = plan.frame_count
    return summary


def add_modalities(root: Path, engine: Engine, modalities: Mapping[str, Any]) -> Summary:
    """Compute modalities into the videos that a data set has already, of both splits and both domains.

    Args:
        root: The data set's folder; who has made its videos does not matter.
        engine: Who does the work.
        modalities: As in :func:`prepare`.

    Returns:
        As :func:`prepare`; videos are named by split and domain.

    Raises:
        ConfigError: As :func:`prepare`.
        DataError: There are no videos.
    """
    built, configs, summary = build_modalities(dict(modalities)), plain(modalities), Summary()
    plans: list[VideoPlan] = []
    for folder in sorted(video_folders(root)):
        try:
            plan = plan_addition(folder, built, configs)
        except DataError as error:
            summary.faults.append(str(error))
            continue
        if plan is None:
            summary.whole.append(folder.relative_to(root).as_posix())
        else:
            plans.append(plan)
    if plans:
        _check_recordable(built, plans[0].recipe.footage.frames.source.size)
    for plan in _work(plans, 'modalities', write_modalities, lambda plan: True, engine, summary):
        finish(plan)
        summary.written[plan.final.relative_to(root).as_posix()] = plan.frame_count
    return summary


def _survey(footage: Sequence[Footage], settings: Settings, engine: Engine, summary: Summary) -> list[Recipe]:
    found: dict[int, Survey] = {}
    faults: dict[int, str] = {}
    with progress('looking through sources', len(footage)) as advance:
        for outcome in engine.run([Task(survey, one, (settings,)) for one in footage]):
            if outcome.fault is None:
                found[outcome.number] = outcome.value
            else:
                faults[outcome.number] = outcome.fault
            advance(1)
    summary.faults += [faults[number] for number in sorted(faults)]  # in the order of the sources
    summary.too_short += sum(one.too_short for one in found.values())
    summary.notes += [note for number in sorted(found) for note in found[number].notes]
    return [recipe for number in sorted(found) for recipe in found[number].recipes]


def _check_recordable(modalities: Mapping[str, Modality], size: tuple[int, int]) -> None:
    """See, before hours of work, whether what the modalities compute can be written as pictures."""
    for name, modality in modalities.items():
        blank = np.zeros((modality.context + 1, *size, 3), np.uint8)
        maps = modality.compute(blank, **modality.sample(None))
        if not is_recordable(maps):
            raise ConfigError(f"modality '{name}' makes maps of {maps.shape[-1]} channels of {maps.dtype}, which a PNG "
                              'cannot hold; expected 1 or 3 channels of 8 or 16 bits; leave it out, and let training '
                              'compute it')


def _plan(recipes: Sequence[Recipe], settings: Settings, modalities: Mapping[str, Modality],
          configs: Mapping[str, Any], summary: Summary) -> list[VideoPlan]:
    plans = []
    counts = Counter(recipe.footage.name for recipe in recipes)
    for recipe in recipes:
        name = recipe.footage.name
        try:
            if counts[name] > 1:
                raise DataError(f"{recipe.footage.frames.source.path}: {counts[name]} sources would make a video "
                                f"called '{name}'; expected a name for each; prepare them one after the other, into "
                                'roots of their own')
            plan = make_plan(recipe, settings, modalities, configs)
        except DataError as error:
            summary.faults.append(str(error))
            continue
        if plan is None:
            summary.whole.append(name)
        else:
            plans.append(plan)
    return plans


def _work(plans: list[VideoPlan], title: str, function: Callable[[VideoPlan, int, int], int],
          concerns: Callable[[VideoPlan], bool], engine: Engine, summary: Summary) -> list[VideoPlan]:
    """Let ``function`` do every segment of the plans that it concerns.

    Returns:
        All plans but those that failed, of which nothing is left.
    """
    tasks = [Task(function, plan, span) for plan in plans if concerns(plan) for span in segments(plan.frame_count)]
    if not tasks:
        return plans
    faults: dict[int, str] = {}
    with progress(title, sum(stop - start for start, stop in (task.args for task in tasks))) as advance:
        for outcome in engine.run(tasks):
            start, stop = tasks[outcome.number].args
            advance(stop - start)
            if outcome.fault is not None:
                faults.setdefault(id(tasks[outcome.number].shared), outcome.fault)
    summary.faults += [faults[id(plan)] for plan in plans if id(plan) in faults]
    for plan in plans:
        if id(plan) in faults:
            shutil.rmtree(plan.staging)
    return [plan for plan in plans if id(plan) not in faults]


def _modality_types(names: Sequence[str]) -> dict[str, str]:
    """Lower-case name -> type; other packages are looked through only for a name that is not photoreal's own."""
    if not {name.lower() for name in names} <= {name.lower() for name in MODALITIES.module_dict}:
        load_plugins()
    return {name.lower(): name for name in MODALITIES.module_dict}


def choose_modalities(names: Sequence[str] | None, known: Mapping[str, Any] | None,
                      models: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The modalities to compute: folder -> config.

    Args:
        names: Which; with ``known`` some of those, else registered modalities with their defaults (``blur`` for Blur),
            or ``depth`` and ``segmentation``, which a network estimates. None: all of ``known``.
        known: The modalities of a config. One that is recorded with the frames is passed over, of a Precomputed the
            modality is taken that computes it.
        models: ``depth`` or ``segmentation`` -> a listed network or a file, without ``known``.

    Raises:
        ConfigError: A name is not known, or there is no network for it.
    """
    models = dict(models or {})
    if known is None:
        types = _modality_types([name for name in names or () if name not in ESTIMATED])
        known = {name: {'type': types[name.lower()]} for name in names or () if name.lower() in types}
        known |= {name: settings_for(name, models.pop(name, None)) for name in names or () if name in ESTIMATED}
        every = sorted({*types, *ESTIMATED})
    else:
        every = sorted(known)
    if models:
        raise ConfigError(f'--model {next(iter(models))}=... goes with --modalities {" ".join(sorted(models))}, and '
                          'without --config, which names its networks itself')
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ConfigError(f"no modality is called '{unknown[0]}'{suggest(unknown[0], every)}")
    chosen = {}
    for name in names if names is not None else known:
        [modality] = build_modalities({name: known[name]}).values()
        if isinstance(modality, Precomputed):
            chosen[modality.folder] = known[name]['of']
        elif modality.folder is None:
            chosen[name] = known[name]
        elif names is not None:
            raise ConfigError(f"modality '{name}' is recorded in the folder '{modality.folder}' and cannot be "
                              'computed; leave it out')
    return chosen
