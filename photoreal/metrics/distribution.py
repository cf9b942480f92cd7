"""How far the predictions as a whole are from real video: KID, FID, a Gaussian MMD as in CMMD, and sKVD."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from zlib import crc32

import cv2
import numpy as np
import torch
from mmengine.device import get_device
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from photoreal.colour import apply_tables, lab_histogram, matching_tables, reinhard_tables
from photoreal.errors import ConfigError
from photoreal.metrics.features import FeatureExtractor
from photoreal.metrics.networks import obtain, to_batch
from photoreal.metrics.statistics import cubic_kernel, frechet_distance, gaussian_kernel, mmd
from photoreal.metrics.temporal import NO_CLASS, resize
from photoreal.registry import FEATURE_EXTRACTORS
from photoreal.structures import FrameInfo, FrameResult

CROP_AREA = 1 / 8  # of the frame's, as EPE has it
LABEL_GRID = 16
MIN_BLOCKS = 10
# Rows of the table beside the prediction; what each is, see Distribution.
BASELINES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    'reinhard': reinhard_tables, 'lab_matching': matching_tables}
OTHER_ROWS = ('untranslated', *BASELINES, 'held_out_real')
DISTANCES = ('kid', 'fid', 'rbf_mmd', 'skvd')
ABOUT_DISTANCES = ('kid_ci95', 'skvd_pairs', 'skvd_rejected')  # an error bar, and counts


@dataclass
class Sample:
    """What is kept of one frame. A frame that is not looked at has no features.

    Attributes:
        video: ``<domain>/<video>``.
        block: The stretch of its video that the frame lies in.
        features: Of a virtual frame ``pred`` and ``untranslated``, of a real one ``real``: (crops, D) float32.
        histogram: (3, 256) of the whole source frame, in Lab.
        crops: Of a virtual frame the crops of the source, (crops, side, side, 3) uint8: the baselines can only be made
            of them when all real frames were seen.
        labels: (crops, 256) uint8, each crop's label map at 16x16; None without label maps.
    """

    video: str
    block: int = 0
    features: dict[str, np.ndarray] = field(default_factory=dict)
    histogram: np.ndarray | None = None
    crops: np.ndarray | None = None
    labels: np.ndarray | None = None


@dataclass
class _Set:
    """Vectors to compare, (n, D), the block (n,) of each, and its labels (n, 256), or None."""

    vectors: np.ndarray
    blocks: np.ndarray
    labels: np.ndarray | None


@METRICS.register_module()
class Distribution(BaseMetric):
    """Distance of the virtual videos' predictions to the real videos, as sets of crops; lower is better.

    Crops of 1/8 of the frame's area at random places (the same in every run, and for all rows), resized to the
    extractor's side, become feature vectors, of which are measured

    - ``kid``: 1000 * unbiased MMD^2 with the kernel (x.y/D + 1)^3 (Binkowski et al., ICLR 2018, arXiv 1801.01401);
      ``kid_ci95``: half the width of its 95 % confidence interval, by a jackknife over stretches of the videos;
    - ``fid``: squared Frechet distance; biased upward where crops are few, so that rows compare and runs of other
      settings do not;
    - ``rbf_mmd``: 1000 * unbiased MMD^2 with a Gaussian kernel, sigma 10, of unit vectors, as CMMD has it (Jayasumana
      et al., CVPR 2024, arXiv 2401.09603), which takes CLIP's vectors;
    - where both domains have label maps, ``skvd``: 1000 * MMD^2 as for KID between crops that show the same: to each
      virtual crop belongs the real one with the most equal labels on a 16x16 grid, if more than half are (after
      Richter et al., "Enhancing photorealism enhancement", arXiv 2105.04619); ``skvd_pairs``, ``skvd_rejected``.

    Each of them is there for more rows, whose names follow: ``kid_untranslated``, the virtual frames as they are;
    ``kid_reinhard`` and ``kid_lab_matching``, these after a transfer of colour alone, which a translation has to beat;
    ``kid_held_out_real``, real against real, what is as good as it gets. All rows are compared with the same half of
    the real video: every other video, or, of a single one, its first half. The other half is the held-out one.

    The scene's layout is in these numbers as much as the look, so read them against the rows, never alone; numbers of
    another extractor or codebase do not compare.

    Args:
        extractor: Config of a feature extractor, see :mod:`photoreal.metrics.features`.
        crops: Crops of a frame.
        frames: So many frames of each video are looked at, evenly spread; of shorter videos all.
        prefix: First part of the names.
        required: Without the extractor (weights, package), raise rather than leave the values out.
        batch_size: Crops that the extractor sees at once.

    Attributes:
        rows: Row (``prediction``, ``untranslated`` ...) -> name -> value of the last evaluation; like ``per_video``
            it is filled on the main process only.
        per_video: ``virtual/<video>`` -> ``kid`` of that video's predictions.

    Raises:
        ConfigError: An argument is out of range, the extractor's config cannot be used, or with ``required`` a package
            is missing.
        CheckpointError: With ``required``, the extractor's weights cannot be had.
    """

    default_prefix = 'distribution'
    higher_is_better: ClassVar[frozenset[str]] = frozenset()
    neutral: ClassVar[frozenset[str]] = frozenset(
        [*ABOUT_DISTANCES, *(f'{name}_{row}' for name in DISTANCES + ABOUT_DISTANCES for row in OTHER_ROWS)])
    domains: ClassVar[tuple[str, ...]] = ('real', 'virtual')  # it needs videos of both

    def __init__(self, extractor: dict[str, Any] | None = None, crops: int = 4, frames: int = 16,
                 prefix: str = 'distribution', required: bool = False, batch_size: int = 16) -> None:
        for name, value in (('crops', crops), ('frames', frames), ('batch_size', batch_size)):
            if value < 1:
                raise ConfigError(f'Distribution: {name}={value}; expected 1 or more')
        super().__init__(collect_device='gpu', prefix=prefix)
        self.crops, self.frames, self.batch_size = crops, frames, batch_size
        self.device = torch.device(get_device())
        self.rows: dict[str, dict[str, float]] = {}
        self.per_video: dict[str, dict[str, float]] = {}
        self.per_frame: dict[str, dict[str, list[float | None]]] = {}
        self._config = extractor or {'type': 'SqueezeNetExtractor'}
        self._extractor: FeatureExtractor | None = None
        obtain(self, self._build, required)
        self._waiting: list[tuple[np.ndarray, Sample, str]] = []  # crops, and where their features belong

    def _build(self) -> None:
        self._extractor = _build_extractor(self._config).to(self.device)

    def process(self, data_batch: Any, data_samples: Sequence[FrameResult]) -> None:
        """Look at the next frames; ``data_batch`` is not looked at."""
        for result in data_samples:
            sample = Sample(f"{result.info['domain']}/{result.info['video']}")
            self.results.append(sample)  # one entry a frame: gathering cuts them to the length of the dataset
            if self._extractor is not None and _is_chosen(result.info, self.frames):
                self._look_at(result, sample)

    def evaluate(self, size: int) -> dict[str, float]:
        """Compare, over processes, what was looked at; see MMEngine's BaseMetric."""
        self._flush()
        return super().evaluate(size)

    def compute_metrics(self, results: Iterable[Sample]) -> dict[str, float]:
        """All values of all rows: ``<name>`` of the prediction, ``<name>_<row>`` of the others."""
        self.rows, self.per_video = {}, {}
        if self._extractor is None:
            return {}
        samples = [sample for sample in results if sample.features]
        virtual, reference, held_out = _split(samples)
        if not reference or not virtual:
            print_log('Distribution: needs videos of both domains, real and virtual; its values are left out',
                      logger='current', level=logging.WARNING)
            return {}
        target = _gather(reference, 'real')
        sets = {'prediction': _gather(virtual, 'pred'), 'untranslated': _gather(virtual, 'untranslated')}
        for row, make_tables in BASELINES.items():
            self._translate(virtual, reference, row, make_tables)
            sets[row] = _gather(virtual, row)
        if held_out:
            sets['held_out_real'] = _gather(held_out, 'real')
        self.rows = {row: distances(found, target) for row, found in sets.items()}
        for video in sorted({sample.video for sample in virtual}):
            own = _gather([sample for sample in virtual if sample.video == video], 'pred')
            if min(len(own.vectors), len(target.vectors)) >= 2:
                self.per_video[video] = {'kid': 1000 * mmd(own.vectors, target.vectors)[0]}
        print_log(f'Distribution: {self._extractor.name}, crops of 1/8 of the area at {self._extractor.side} pixels; '
                  + ', '.join(f'{row} {len(found.vectors)}' for row, found in sets.items())
                  + f' crops against {len(target.vectors)} real ones', logger='current')
        return {name if row == 'prediction' else f'{name}_{row}': value
                for row, values in self.rows.items() for name, value in values.items()}

    def _look_at(self, result: FrameResult, sample: Sample) -> None:
        info, side = result.info, self._extractor.side
        places = np.random.default_rng([crc32(sample.video.encode()), info['index']]).random((self.crops, 2))
        # Ten stretches a video at the most: neighbours are alike, and an error taken over frames would be too small.
        sample.block = info['index'] * MIN_BLOCKS // info['length']
        sample.histogram = lab_histogram(result.frame)
        if result.labels is not None:
            sample.labels = np.stack([_crop(result.labels, place, LABEL_GRID, nearest=True).ravel()
                                      for place in places])
        source = np.stack([_crop(result.frame, place, side) for place in places])
        if info['domain'] == 'real':
            self._waiting.append((source, sample, 'real'))
        else:
            sample.crops = source
            self._waiting.append((source, sample, 'untranslated'))
            self._waiting.append((np.stack([_crop(result.pred, place, side) for place in places]), sample, 'pred'))
        if len(self._waiting) * self.crops >= self.batch_size:
            self._flush()

    @torch.no_grad()
    def _flush(self) -> None:
        """Extract the features of the crops that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        images = np.concatenate([crops for crops, _, _ in waiting])
        vectors = torch.cat([self._extractor(to_batch(images[i:i + self.batch_size], self.device))
                             for i in range(0, len(images), self.batch_size)]).float().cpu().numpy()
        for (_, sample, row), own in zip(waiting, vectors.reshape(len(waiting), self.crops, -1), strict=True):
            sample.features[row] = own

    def _translate(self, virtual: list[Sample], reference: list[Sample], row: str,
                   make_tables: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        """Add the features of a baseline: each virtual video's colours brought to those of the real videos."""
        wanted = sum(sample.histogram for sample in reference)
        for video in sorted({sample.video for sample in virtual}):
            own = [sample for sample in virtual if sample.video == video]
            tables = make_tables(sum(sample.histogram for sample in own), wanted)
            for sample in own:
                self._waiting.append((np.stack([apply_tables(crop, tables) for crop in sample.crops]), sample, row))
                if len(self._waiting) * self.crops >= self.batch_size:
                    self._flush()
        self._flush()


def _build_extractor(cfg: dict[str, Any]) -> FeatureExtractor:
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise ConfigError(f"Distribution: extractor is {cfg!r}: expected a dict with a type, such as "
                          "dict(type='SqueezeNetExtractor')")
    try:
        extractor = FEATURE_EXTRACTORS.build(cfg)
    except (KeyError, TypeError, ValueError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ConfigError(f'Distribution: extractor: {reason}') from error
    if not isinstance(extractor, FeatureExtractor):
        raise ConfigError(f"Distribution: extractor: {cfg['type']} makes a {type(extractor).__name__}; "
                          'expected a subclass of photoreal.metrics.FeatureExtractor')
    return extractor


def distances(found: _Set, target: _Set) -> dict[str, float]:
    """All distances of two sets, name -> value; empty where one has less than two vectors."""
    if min(len(found.vectors), len(target.vectors)) < 2:
        return {}
    blocks = found.blocks, target.blocks
    kid, error = mmd(found.vectors, target.vectors, cubic_kernel, *blocks)
    values = {'kid': 1000 * kid}
    if error is not None:
        values['kid_ci95'] = 1000 * 1.96 * error
    values['fid'] = frechet_distance(found.vectors, target.vectors)
    values['rbf_mmd'] = 1000 * mmd(found.vectors, target.vectors, gaussian_kernel)[0]
    if found.labels is not None and target.labels is not None:
        own, partners = match_labels(found.labels, target.labels)
        values |= {'skvd_pairs': float(len(own)), 'skvd_rejected': float(len(found.labels) - len(own))}
        partners = np.unique(partners)  # a crop that is in a set twice would count as likeness of the set
        if min(len(own), len(partners)) >= 2:
            values['skvd'] = 1000 * mmd(found.vectors[own], target.vectors[partners])[0]
    return values


def match_labels(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find to each crop the one of the others that shows the most of the same; more than half must be equal.

    Args:
        own: (n, cells) uint8 classes, 255 none.
        others: (m, cells) likewise.

    Returns:
        Indices of the crops of ``own`` that have a partner, and of their partners in ``others``.
    """
    found = []
    for i, labels in enumerate(own):
        share = ((others == labels) & (labels != NO_CLASS)).mean(1)
        best = int(share.argmax())
        if share[best] > 0.5:
            found.append((i, best))
    pairs = np.array(found, int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _is_chosen(info: FrameInfo, frames: int) -> bool:
    """Whether the frame is one of ``frames`` that are evenly spread over its video."""
    step = max(info['length'], frames)
    return info['index'] == 0 or info['index'] * frames // step != (info['index'] - 1) * frames // step


def _crop(image: np.ndarray, place: np.ndarray, side: int, nearest: bool = False) -> np.ndarray:
    """A square of 1/8 of the image's area, (side, side, ...); ``place`` (y, x) in [0, 1) says where it lies."""
    height, width = image.shape[:2]
    own = min(max(round((height * width * CROP_AREA) ** 0.5), 1), height, width)
    top, left = (int(p * (extent - own + 1)) for p, extent in zip(place, (height, width), strict=True))
    square = image[top:top + own, left:left + own]
    return cv2.resize(square, (side, side), interpolation=cv2.INTER_NEAREST) if nearest else resize(square, side, side)


def _split(samples: list[Sample]) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Virtual samples, and the halves of the real ones: what all is compared with, and what is held out."""
    virtual = [sample for sample in samples if sample.video.startswith('virtual/')]
    real = [sample for sample in samples if sample.video.startswith('real/')]
    videos = sorted({sample.video for sample in real})
    if len(videos) == 1:
        middle = (len(real) + 1) // 2
        return virtual, real[:middle], real[middle:]
    return (virtual, [sample for sample in real if videos.index(sample.video) % 2 == 0],
            [sample for sample in real if videos.index(sample.video) % 2 == 1])


def _gather(samples: list[Sample], row: str) -> _Set:
    """The features called ``row`` of all samples, in an order that does not depend on which process saw them first."""
    samples = sorted(samples, key=lambda sample: sample.video)  # frames of a video are in order already
    names = sorted({(sample.video, sample.block) for sample in samples})
    blocks = [names.index((sample.video, sample.block)) for sample in samples]
    counts = [len(sample.features[row]) for sample in samples]
    labelled = all(sample.labels is not None for sample in samples)
    return _Set(np.concatenate([sample.features[row] for sample in samples]), np.repeat(blocks, counts),
                np.concatenate([sample.labels for sample in samples]) if labelled else None)
