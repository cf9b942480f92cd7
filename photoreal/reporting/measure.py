"""Measure what is to be compared: a checkpoint by a test, predictions on disk as they are, whoever made them."""

import copy
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import METRICS

from photoreal.datasets.build import build_dataset
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.streams import StreamDataset
from photoreal.datasets.writers import write_json
from photoreal.engine import runner
from photoreal.engine.summary import by_video
from photoreal.errors import DataError
from photoreal.metrics import VideoMetric
from photoreal.metrics.base import DOMAINS
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.reporting.build import build_report
from photoreal.reporting.compare import Difference, compare
from photoreal.reporting.runs import PerFrame, is_test_dir, read_test
from photoreal.storage import is_url
from photoreal.structures import FrameResult


def compare_predictions(cfg: Config, a: str | os.PathLike, b: str | os.PathLike,
                        out: str | os.PathLike) -> list[Difference]:
    """Compare two checkpoints, or two folders of predictions, or one of each, on the test data of a config.

    Args:
        cfg: A checked config.
        a: A checkpoint, a work dir with one, a URL of either, or a folder of predictions
            ``<domain>/<video>/<name>.png``.
        b: The other.
        out: Where ``comparison.json`` goes; tests of checkpoints go to ``A/`` and ``B/`` in it. Where both are
            outputs of tests, their common report goes there as ``report.html``.

    Metrics that have no values of single frames cannot be compared so; a line says which, and ``comparison.json``.

    Returns:
        See :func:`~photoreal.reporting.compare.compare`.

    Raises:
        DataError: They cannot be compared.
        CheckpointError: A checkpoint is missing, or is not one of the config's model.
    """
    out = Path(out)
    subjects = {'A': a, 'B': b}
    measured: dict[str, PerFrame] = {}
    higher: frozenset[str] = frozenset()
    neutral: frozenset[str] = frozenset()
    for letter, subject in subjects.items():
        if not is_url(subject) and any(Path(subject, domain).is_dir() for domain in DOMAINS):
            measured[letter], more, neither = measure_predictions(cfg, subject)
        else:
            subjects[letter] = _test(cfg, subject, out / letter)
            test = read_test(subjects[letter])
            measured[letter], more, neither = test.frames, test.higher_is_better, test.neutral
        higher, neutral = higher | more, neutral | neither
    rows = compare(measured['A'], measured['B'], higher, neutral=neutral)
    not_compared = _without_frames(cfg)
    if not_compared:
        print_log(f'not compared, as it has no values of single frames: {", ".join(not_compared)}', logger='current')
    write_json(out / 'comparison.json', {'A': str(a), 'B': str(b), 'not_compared': not_compared,
                                         'rows': [{**asdict(row), 'better': row.better} for row in rows]})
    folders = list(map(Path, subjects.values()))
    if all(map(is_test_dir, folders)):
        build_report(folders, out / 'report.html')
    return rows


def _without_frames(cfg: Config) -> list[str]:
    """The metrics of a config that know sets of frames alone."""
    named = [(config, METRICS.get(config['type'])) for config in _metric_configs(cfg)]
    return [f"{kind.__name__} ({config['prefix']})" if config.get('prefix') else kind.__name__
            for config, kind in named if not issubclass(kind, VideoMetric)]


def _metric_configs(cfg: Config) -> list[dict[str, Any]]:
    return cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]


def _test(cfg: Config, checkpoint: str | os.PathLike, out: Path) -> Path:
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = str(out / 'log')
    cfg.experiment_name = f'compare_{out.name}'  # loggers are global: two of one name would write to one file
    runner.test(cfg, checkpoint, out)
    return out


def measure_predictions(cfg: Config, folder: str | Path) -> tuple[PerFrame, frozenset[str], frozenset[str]]:
    """Measure the predictions of a folder with the metrics of a config, against its test data.

    Args:
        cfg: A checked config; its ``test_dataloader.dataset`` and ``test_evaluator`` are used.
        folder: Predictions as tools/test.py writes them: ``<domain>/<video>/``, pictures in the order of the frames,
            of the names or at least the number of the source's. Videos that are not there are passed over.

    Returns:
        ``<domain>/<video>`` -> metric -> value of each frame; the metrics of which more is better, and those of which
        neither more nor less is.

    Raises:
        DataError: There are no predictions of any video, or of another number of frames.
    """
    dataset: StreamDataset = build_dataset(cfg, 'test')
    metrics = [metric for metric in map(METRICS.build, _metric_configs(cfg)) if isinstance(metric, VideoMetric)]
    for result in _results(dataset, Path(folder)):
        for metric in metrics:
            metric.process(None, [result])
    for metric in metrics:
        metric.compute_metrics(metric.results)
    return (by_video(metrics, 'per_frame'), frozenset().union(*(metric.higher_is_better for metric in metrics)),
            frozenset().union(*(metric.neutral for metric in metrics)))


def _results(dataset: StreamDataset, folder: Path) -> Iterator[FrameResult]:
    preprocessor = ClipPreprocessor(dataset.modalities)
    found = False
    for video, span in zip(dataset.videos, dataset.video_ranges, strict=True):
        pictures = folder / video.domain / video.name
        if not pictures.is_dir():
            continue
        found = True
        predictions = FolderSource(pictures)
        if len(predictions) != len(span):
            raise DataError(f'{predictions.path}: found {len(predictions)} predictions; expected {len(span)}, one for '
                            f'each frame of {video.frames.path}; predict that video anew')
        for index, k in enumerate(span):
            item = dataset[k]
            frame = item['frame'].permute(1, 2, 0).contiguous().numpy()  # (H, W, 3)
            labels = preprocessor.labels(item['maps'])
            yield FrameResult(pred=predictions.read([index])[0], frame=frame,
                              target=frame if video.domain == 'real' else None, image=None, info=item['info'],
                              labels=None if labels is None else labels[0].numpy())
    if not found:
        wanted = ', '.join(f'{video.domain}/{video.name}/' for video in dataset.videos[:3])
        raise DataError(f'{folder}: found predictions of no video of the test data; expected folders such as {wanted}; '
                        'name an output folder of tools/test.py')
