"""Check a data set: survey its folders, look at every video, measure the gap, and say what to do."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from photoreal.datasets.layout import TARGET, VideoRecord, absence, is_absent, survey
from photoreal.datasets.lmdb_path import LmdbPath, data_path
from photoreal.datasets.sources import size_text
from photoreal.inspect.colours import ColourStatistics
from photoreal.inspect.gap_meter import WIDE, GapMeter, GapReading
from photoreal.inspect.look import VideoLook, look_at
from photoreal.inspect.plan import GROUPS, CheckPlan, recorded_stems
from photoreal.modalities import Modality

MAX_FRAMES = 6000  # looked at in the whole data set
_THREADS = 4
_HALO = 0.1  # overshoot from which on it is visible
_BRIGHTER = 0.1  # difference of the domains' mean luma or saturation worth a word
_NAMED = 6


@dataclass(frozen=True)
class Finding:
    """Something to know about the data: ``level`` is 'error' (training would fail), 'warning' or 'note'."""

    level: str
    text: str


@dataclass
class Report:
    """All that a check has found.

    Attributes:
        root: The data root.
        plan: What was looked at.
        looks: What was seen of each video without faults.
        findings: Errors first.
        gap: How far the domains can be told apart.
        gap_without_look: The same without the plan's look; empty where there is none.
    """

    root: Path | LmdbPath
    plan: CheckPlan
    looks: list[VideoLook] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    gap: list[GapReading] = field(default_factory=list)
    gap_without_look: list[GapReading] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether training would fail."""
        return any(finding.level == 'error' for finding in self.findings)

    def colours(self, domain: str) -> ColourStatistics:
        """Of all frames of a domain that were looked at."""
        total = ColourStatistics()
        for look in self.of_domain(domain):
            total.merge(look.colours)
        return total

    def classes(self, name: str, domain: str) -> np.ndarray | None:
        """(K + 1,) shares of a label map's classes, at last of no class; None where the domain has none."""
        counts = [look.classes[name] for look in self.of_domain(domain) if name in look.classes]
        return sum(counts) / max(1, int(sum(counts).sum())) if counts else None

    def label_maps(self) -> list[str]:
        """Names of the modalities that hold classes."""
        return sorted({name for look in self.looks for name in look.classes})

    def of_domain(self, domain: str) -> list[VideoLook]:
        """The videos of a domain, of both splits."""
        return [look for look in self.looks if look.video.domain == domain]


def check(root: str | os.PathLike, plan: CheckPlan, max_frames: int = MAX_FRAMES,
          progress: Callable[[int, int], None] = lambda done, total: None) -> Report:
    """Check a data set.

    Args:
        root: The data root.
        plan: What to look at.
        max_frames: Frames to look at in all, shared evenly among the videos; of a video that has more, runs of 24
            consecutive frames spread over it are looked at. At least one run of each video is.
        progress: Called with the videos done and their number.

    Raises:
        DataError: The data root is no folder.
    """
    report = Report(data_path(root), plan)
    videos = list(_survey(report))
    budget = max_frames // max(1, len(videos))
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        looks = pool.map(lambda video: look_at(video, plan.modalities, budget), videos)
        for done, look in enumerate(looks, start=1):
            report.looks.append(look)
            progress(done, len(videos))
    usable = [look.video for look in report.looks if not look.faults]
    report.gap = GapMeter(plan.modalities, plan.scale, plan.look).measure(usable)
    if plan.look is not None:
        report.gap_without_look = GapMeter(plan.modalities, plan.scale).measure(usable)
    report.findings += _findings(report)
    order = ('error', 'warning', 'note')
    report.findings.sort(key=lambda finding: order.index(finding.level))
    return report


def _survey(report: Report) -> Iterator[VideoRecord]:
    """The videos without faults; the faults of others become findings."""
    plan = report.plan
    for split, domain in dict.fromkeys([*plan.required, *GROUPS]):
        required = (split, domain) in plan.required
        folder = report.root / split / domain
        if not required and not folder.is_dir():
            continue
        trained = (split, domain) in plan.clips
        donor = (split, domain) in plan.donors
        if required and not (trained or donor) and is_absent(report.root, split, domain):
            report.findings.append(Finding('note', absence(report.root, split, domain)))
            continue
        modalities = (dict(plan.modalities) if plan.configured and required and not donor else
                      _recorded_in(report, folder))
        videos, faults = survey(report.root, split, [domain], modalities, min_length=plan.clip_length if trained else 1,
                                min_size=plan.min_size if trained else (plan.scale, plan.scale),
                                optional=plan.optional, targets=True)
        report.findings += [Finding('error' if required else 'warning', fault) for fault in faults]
        yield from videos


def _recorded_in(report: Report, folder: Path | LmdbPath) -> dict[str, Modality]:
    """The modalities that every video of a folder has; one that only some have is a finding."""
    videos = [set(recorded_stems(p)) for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    kept = {}
    for name, modality in report.plan.modalities.items():
        having = sum(modality.folder in stems for stems in videos)
        if modality.folder is None or having == len(videos):
            kept[name] = modality
        elif having:
            report.findings.append(Finding('warning', (
                f"{folder}: {having} of {len(videos)} videos have {modality.folder}/; training with the modality "
                f"'{name}' would fail; record it for all of them, leave it out, or have the model learn to do without "
                f'it (model.dropout)')))
    return kept


def _findings(report: Report) -> Iterator[Finding]:
    for look in report.looks:
        yield from _of_video(look, report.plan)
    yield from _of_sizes(report)
    yield from _of_recorded(report)
    yield from _of_targets(report)
    for name in report.label_maps():
        yield from _of_classes(report, name)
    yield from _of_colours(report)
    yield from _of_gap(report)


def _of_video(look: VideoLook, plan: CheckPlan) -> Iterator[Finding]:
    video = look.video
    required = (video.split, video.domain) in plan.required
    for fault in look.faults:
        yield Finding('error' if required else 'warning', fault)
    where = video.frames.path
    for note in video.frames.notes:
        yield Finding('note', f'{where}: {note}')
    absent = [m.folder for name, m in plan.modalities.items() if name in plan.optional and m.folder is not None
              and name not in video.recorded]
    if absent:
        yield Finding('note', f'{video.path}: has no {" and no ".join(f"{folder}/" for folder in absent)}; the model '
                              'does without, as its dropout has it learn')
    if look.cuts:
        yield Finding('warning', f'{where}: found cuts before {_frames(look.cuts)}; clips that run across a cut teach '
                                 'flicker; split the video there (tools/prepare_data.py --cut-scenes)')
    if look.frozen:
        yield Finding('warning', f'{where}: {len(look.frozen)} of {look.looked} frames repeat the one before, such as '
                                 f'{_frames(look.frozen)}; they teach stutter; remove them, or take fewer frames a '
                                 'second (tools/prepare_data.py --fps)')
    overshoot = look.edges.overshoot()
    if video.domain == 'real' and overshoot is not None and overshoot > _HALO:
        yield Finding('warning', f'{where}: edges overshoot by {overshoot:.0%}, these frames were sharpened; the '
                                 'generator would learn the halos; take footage without sharpening, or shrink it')
    if (video.split, video.domain) in plan.clips and not look.usable_clips(plan.clip_length):
        yield Finding('warning', f'{where}: no clip of {plan.clip_length} frames is free of cuts and repeated frames; '
                                 'remove the video, or set a smaller clip_length')


def _of_sizes(report: Report) -> Iterator[Finding]:
    trained = [look.video for look in report.looks if (look.video.split, look.video.domain) in report.plan.clips]
    sizes = sorted({video.size for video in trained})
    if report.plan.one_size and len(sizes) > 1:
        yield Finding('error', f'{report.root}: found training videos of {_some(map(size_text, sizes))} pixels; a '
                               'batch of whole frames needs one size; set crop_size, or batch_size=1')
    rates = {f'{look.video.fps:.4g}' for look in report.looks}
    if len(rates) > 1:
        yield Finding('note', f'{report.root}: videos have {_some(sorted(rates, key=float))} frames a second; motion '
                              'from frame to frame differs as much; bring them to one rate where that matters '
                              '(tools/prepare_data.py --fps)')


def _of_recorded(report: Report) -> Iterator[Finding]:
    for name, modality in report.plan.modalities.items():
        have = {look.video.domain for look in report.looks if name in look.video.recorded}
        if modality.folder is not None and not report.plan.configured and len(have) == 1:
            domain = have.pop()
            other = 'virtual' if domain == 'real' else 'real'
            yield Finding('note', f'{modality.folder}: found beside {domain} videos only; to train with it, record or '
                                  f'estimate it for the {other} ones (tools/prepare_data.py --modalities)')


def _of_targets(report: Report) -> Iterator[Finding]:
    """Which virtual videos to train on a teacher has made something of."""
    videos = [look.video for look in report.looks if (look.video.split, look.video.domain) == ('train', 'virtual')]
    untaught = [video.name for video in videos if video.target is None]
    where = report.root / 'train' / 'virtual'
    if report.plan.teacher and videos and len(untaught) == len(videos):
        yield Finding('error', f'{where}: no video has {TARGET}/, from which a loss learns; put there what a teacher '
                               "made of each frame, under the frame's name (docs/teacher.md), or leave the loss out")
    elif 0 < len(untaught) < len(videos):
        yield Finding('note', f'{where}: {len(untaught)} of {len(videos)} videos have no {TARGET}/: '
                              f'{_some(untaught)}; nothing is learnt of a teacher from them')


def _of_classes(report: Report, name: str) -> Iterator[Finding]:
    real, virtual = (report.classes(name, domain) for domain in ('real', 'virtual'))
    if real is None or virtual is None:
        return
    only = [k for k in range(len(real) - 1) if virtual[k] > 0 and real[k] == 0]
    if only:
        shares = ', '.join(f'{k} ({virtual[k]:.2%})' for k in only[:_NAMED])
        yield Finding('warning', f"modality '{name}': class{'es' * (len(only) > 1)} {shares} occur"
                                 f"{'s' * (len(only) == 1)} in virtual but never in real; the generator never learns "
                                 f'what to make of it; ignore it (ignore={only}), or record it as another class')


def _of_colours(report: Report) -> Iterator[Finding]:
    if not (report.of_domain('real') and report.of_domain('virtual')):
        return
    real, virtual = report.colours('real').mean, report.colours('virtual').mean
    for channel, more, less in (('luma', 'brighter', 'darker'), ('saturation', 'more saturated', 'less saturated')):
        difference = virtual[channel] - real[channel]
        if abs(difference) > _BRIGHTER:
            yield Finding('note', f'virtual frames are {more if difference > 0 else less} than real ones (mean '
                                  f'{channel} {virtual[channel]:.2f} against {real[channel]:.2f}); a modality that '
                                  'keeps colours carries this into the predictions; '
                                  + ('another look may be closer' if report.plan.look is not None else
                                     'a look closes it (tools/fit_look.py), or another exposure of the render'))


def _of_gap(report: Report) -> Iterator[Finding]:
    for reading in report.gap:
        if reading.name != 'frames' and reading.accuracy >= WIDE:
            yield Finding('note', f"modality '{reading.name}': a linear probe tells real from virtual patches in "
                                  f'{reading.accuracy:.0%}; ' + (
                                      'it tells real videos from each other as well, so different content explains it; '
                                      'compare footage of like scenes' if reading.like_real else
                                      'it hides little of the domain; make it coarser, or take another'))


def _frames(indices: Sequence[int]) -> str:
    return f'frame{"s" * (len(indices) > 1)} ' + _some(map(str, indices))


def _some(names: Iterator[str] | Sequence[str]) -> str:
    names = list(names)
    return ', '.join(names[:_NAMED]) + (f' and {len(names) - _NAMED} more' if len(names) > _NAMED else '')
