"""A table of predictions beside what they are made of, what they have to beat, and what is as good as it gets."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean, stdev

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.logging import print_log

from photoreal.colour import apply_tables, lab_histogram, matching_tables, reinhard_tables
from photoreal.errors import CheckpointError, ConfigError, DataError
from photoreal.judging.footage import Footage
from photoreal.judging.patches import (
    BLOCKS,
    Patches,
    Value,
    cut_patches,
    encode,
    jackknife,
    kid,
    share_of_way,
    sliced_wasserstein,
)
from photoreal.metrics import EdgeAgreement, HueDifference, WarpError
from photoreal.metrics.features import FeatureExtractor
from photoreal.registry import FEATURE_EXTRACTORS, suggest
from photoreal.structures import FrameResult

# Short name -> config of the extractor.
ENCODERS = {
    'squeezenet': {'type': 'SqueezeNetExtractor'},
    'efficientnet': {'type': 'EfficientNetLiteExtractor'},
    'vgg16': {'type': 'HEDExtractor'},
    'vgg16_fine': {'type': 'HEDExtractor', 'layer': 'relu3_3'},
}
USUAL = ('squeezenet', 'efficientnet', 'vgg16')
DISTANCES = {'kid': kid, 'sw': sliced_wasserstein}
RENDER, HELD_OUT = 'render', 'real, held out'
BASELINES = {'Reinhard colour transfer': reinhard_tables, 'Lab histogram matching': matching_tables}


@dataclass(frozen=True)
class Setting:
    """What rows are measured against, and how.

    Attributes:
        render: The virtual video that predictions were made of.
        real: Real videos that rows are compared with.
        held_out: Other real videos.
        labels: Label maps of the render (Cityscapes' trainIds); None without.
        frames: Frames of each video that patches are cut of.
        crops: Patches of each frame.
        side: Width and height of a patch in pixels of the render.
    """

    render: Footage
    real: Sequence[Footage]
    held_out: Sequence[Footage]
    labels: Footage | None = None
    frames: int = 40
    crops: int = 4
    side: int = 128


@dataclass
class Row:
    """One line of the table.

    Attributes:
        name: What it is.
        values: ``kid <encoder>``, ``sw <encoder>``, ``kid way <encoder>``, ``sw way <encoder>``, ``warp_error``,
            ``warp_ratio``, ``flicker``, ``edge_f1``, ``hue_<object>``, ``chroma_<object>`` -> the value; of several
            folders the mean.
        spread: The same names -> standard deviation over the folders; empty for one.
    """

    name: str
    values: dict[str, Value]
    spread: dict[str, float] = field(default_factory=dict)


def measure_rows(setting: Setting, predictions: Mapping[str, Sequence[Footage]], encoders: Sequence[str],
                 say: Callable[[str], None] = lambda text: None) -> list[Row]:
    """Measure the render, two colour transfers, the predictions and held-out real frames.

    Args:
        setting: What to measure against.
        predictions: Name of a row -> its predictions; several of them, of other seeds, are averaged.
        encoders: Names of :data:`ENCODERS`. One that cannot be had is left out, with a warning.
        say: Is told what is being measured.

    Raises:
        DataError: Predictions and render differ in the number of frames, or patches do not fit into frames.
        ConfigError: An unknown encoder.
        CheckpointError: No encoder can be had.
    """
    _check(setting, predictions)
    colours, wanted = (_histogram(footages) for footages in ([setting.render], setting.real))
    rows = {RENDER: [setting.render]}
    rows |= {name: [replace(setting.render, change=partial(apply_tables, tables=make(colours, wanted)))]
             for name, make in BASELINES.items()}
    rows |= predictions
    found: dict[str, list[dict[str, Value]]] = {name: [{} for _ in videos] for name, videos in rows.items()}
    found[HELD_OUT] = [{}]
    for name, videos in rows.items():
        for video, values in zip(videos, found[name], strict=True):
            say(f'{name}: frames')
            values.update(_measure_frames(video, setting))
    for name, extractor in obtain_encoders(encoders, setting.side).items():
        for row, results in _measure_patches(extractor, setting, rows, say).items():
            for values, more in zip(found[row], results, strict=True):
                values.update({f'{key} {name}': value for key, value in more.items()})
    floor = found[RENDER][0].get('warp_error')
    for results in found.values():
        for values in results:
            if floor and 'warp_error' in values:
                values['warp_ratio'] = Value(values['warp_error'].value / floor.value)
    return [_merge(name, results) for name, results in found.items()]


def obtain_encoders(names: Sequence[str], side: int) -> dict[str, FeatureExtractor]:
    """The encoders of these names that can be had; a warning says which cannot.

    Raises:
        ConfigError: An unknown name.
        CheckpointError: None can be had.
    """
    device, extractors, missing = torch.device(get_device()), {}, []
    for name in names:
        if name not in ENCODERS:
            raise ConfigError(f'no encoder is called {name!r}{suggest(name, ENCODERS)}')
        try:
            extractors[name] = FEATURE_EXTRACTORS.build({**ENCODERS[name], 'side': side}).to(device)
        except CheckpointError as error:
            missing.append(str(error))
            print_log(f'the encoder {name} is left out: {error}', logger='current', level=logging.WARNING)
    if not extractors:
        raise CheckpointError.from_faults('no encoder can be had:', missing)
    return extractors


def _check(setting: Setting, predictions: Mapping[str, Sequence[Footage]]) -> None:
    render, labels = setting.render, setting.labels
    for name, videos in {**predictions, 'labels': [labels] if labels else []}.items():
        for video in videos:
            if len(video) != len(render):
                raise DataError(f'{name}: {video.source.path} has {len(video)} frames and the render '
                                f'{render.source.path} has {len(render)}; expected one for each; predict the whole '
                                'render, or name the frames it was made of')
    for name in {RENDER, HELD_OUT, *BASELINES} & set(predictions):
        raise DataError(f"'{name}' is the name of a row that is there in any case; name the predictions otherwise")
    for footage in (render, *setting.real, *setting.held_out):
        if not len(footage):
            raise DataError(f'{footage.source.path}: found no frames to compare with after the split; expected more; '
                            'take a longer video or another split')
        height, width = footage.size
        least = min(render.size[0], round(width * render.size[0] / height))
        if least < setting.side:
            raise DataError(f'{footage.source.path}: frames are {width}x{height}, which is too small for patches of '
                            f'{setting.side} pixels at the height of the render ({render.size[0]}); '
                            'take smaller patches')


def _histogram(footages: Sequence[Footage]) -> np.ndarray:
    return sum(lab_histogram(frame) for footage in footages for frame in footage)


def _measure_frames(video: Footage, setting: Setting) -> dict[str, Value]:
    """What is measured of frames: warping error, flicker, edges, and hues beside those of the render."""
    render, length = setting.render, len(video)
    metrics = [WarpError('virtual'), EdgeAgreement('virtual'), HueDifference('virtual')]
    for index in range(length):
        labels = None if setting.labels is None else setting.labels.source.read(
            [setting.labels.start + index], raw=True)[0, ..., 0].astype(np.uint8)
        result = FrameResult(pred=video.read(index), frame=render.read(index), target=None, image=None, labels=labels,
                             info={'domain': 'virtual', 'video': 'video', 'name': render.source.names[index],
                                   'index': index, 'length': length, 'fps': render.source.fps})
        for metric in metrics:
            metric.process(None, [result])
    values = {}
    for metric in metrics:
        metric.compute_metrics(metric.results)
        for name, series in metric.per_frame.get('virtual/video', {}).items():
            if not name.startswith('flicker_class') and name != 'warp_error_input':
                values[name] = _mean(series)
    return values


def _mean(series: Sequence[float | None]) -> Value:
    """Mean of the frames' values; its interval is by the means of stretches, as neighbouring frames are alike."""
    stretches = [[x for x in part if x is not None] for part in np.array_split(np.array(series, object), BLOCKS)]
    means = [fmean(part) for part in stretches if part]
    value = fmean(x for x in series if x is not None)
    return Value(value, 1.96 * stdev(means) / len(means) ** 0.5 if len(means) > 1 else None)


def _measure_patches(extractor: FeatureExtractor, setting: Setting, rows: Mapping[str, Sequence[Footage]],
                     say: Callable[[str], None]) -> dict[str, list[dict[str, Value]]]:
    """Row -> for each of its videos, the distances by one encoder."""
    device = torch.device(get_device())

    def look(footages: Sequence[Footage]) -> Patches:
        cut = cut_patches(footages, setting.render.size[0], setting.frames, setting.crops, setting.side)
        return encode(cut, extractor, device)

    say(f'{extractor.name}: real frames')
    real, held_out = look(setting.real), look(setting.held_out)
    sets: dict[str, list[Patches]] = {}
    for name, videos in rows.items():
        say(f'{extractor.name}: {name}')
        sets[name] = [look([video]) for video in videos]
    render = sets[RENDER][0]
    found = {name: [{key: jackknife(distance, [own], [real]) for key, distance in DISTANCES.items()} for own in several]
             for name, several in {**sets, HELD_OUT: [held_out]}.items()}
    for name, several in sets.items():
        for own, values in zip(several, found[name], strict=True):
            if name != RENDER:
                ways = {f'{key} way': jackknife(share_of_way(distance), [own, render], [held_out], [real])
                        for key, distance in DISTANCES.items()}
                values.update({key: way for key, way in ways.items() if math.isfinite(way.value)})
    return found


def _merge(name: str, results: Sequence[dict[str, Value]]) -> Row:
    if len(results) == 1:
        return Row(name, results[0])
    shared = [key for key in results[0] if all(key in values for values in results)]
    values, spread = {}, {}
    for key in shared:
        several = [values_of[key] for values_of in results]
        errors = [one.error for one in several]
        values[key] = Value(fmean(one.value for one in several), None if None in errors else fmean(errors))
        spread[key] = stdev(one.value for one in several)
    return Row(name, values, spread)


def as_markdown(rows: Sequence[Row], encoders: Sequence[str]) -> str:
    """Two tables: distances to real frames, and what was kept of the render."""
    distances = [(f'{key} {encoder}', f'{encoder}: {title}', digits, factor) for encoder in encoders
                 for key, title, digits, factor in (('kid', 'KID x1000', 0, 1), ('kid way', 'way %', 0, 100),
                                                    ('sw', 'SW', 2, 1), ('sw way', 'way %', 0, 100))]
    kept = [('warp_error', 'warping error', 1, 1), ('warp_ratio', 'to render', 2, 1), ('flicker', 'flicker', 2, 1),
            ('edge_f1', 'edges kept', 3, 1)]
    kept += [(f'{key}_{name}', f'{title}, {name}', digits, 1) for name in ('vehicles', 'vegetation', 'buildings')
             for key, title, digits in (('hue', 'hue °', 1), ('chroma', 'chroma', 2))]
    return '\n\n'.join([_table(rows, distances), _table([row for row in rows if row.name != HELD_OUT], kept)])


def _table(rows: Sequence[Row], columns: Sequence[tuple[str, str, int, int]]) -> str:
    columns = [column for column in columns if any(column[0] in row.values for row in rows)]
    lines = ['| | ' + ' | '.join(title for _, title, _, _ in columns) + ' |', '|' + '---|' * (len(columns) + 1)]
    lines += [f'| {row.name} | ' + ' | '.join(_cell(row, key, digits, factor) for key, _, digits, factor in columns)
              + ' |' for row in rows]
    return '\n'.join(lines)


def _cell(row: Row, key: str, digits: int, factor: int) -> str:
    if key not in row.values:
        return ''
    found = row.values[key]
    text = f'{factor * found.value:.{digits}f}'
    if found.error is not None:
        text += f' ± {factor * found.error:.{digits}f}'
    if key in row.spread:
        text += f' (sd {factor * row.spread[key]:.{digits}f})'
    return text
