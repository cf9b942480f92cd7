"""What every metric is: values per frame, averaged over each video, then over the videos of one domain."""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, ClassVar

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from photoreal.errors import ConfigError, DataError
from photoreal.registry import suggest
from photoreal.structures import FrameInfo, FrameResult

DOMAINS = ('real', 'virtual')


class VideoMetric(BaseMetric):
    """A metric of the videos of one domain, fed frame by frame.

    Frames of a video arrive in order and whole videos at one process (StreamDataset's sampler sees to that); what
    is carried from frame to frame is the state of one video, so memory does not grow with its length. Frames of
    the other domain are passed over.

    A result is the mean over videos of the mean over a video's frames: each video weighs the same, however long
    it is. The other usual average, over all frames, is in :attr:`mean_over_frames`. A name for which no frame of
    the domain gave a value is absent from the results, never NaN; a warning says so.

    Subclasses implement :meth:`update`, and :meth:`reset_video` if they carry anything from frame to frame.
    Register them with ``@mmengine.registry.METRICS.register_module()``.

    Args:
        domain: ``real`` or ``virtual``, the videos to measure.
        prefix: First part of the names (``real`` in ``real/psnr``); None: the domain. Needed only where two
            metrics of the same names are wanted, such as one each of two protocols.

    Attributes:
        needs_target: The metric compares with ground truth. Virtual videos have none: there it compares with what a
            teacher made of the frames (``target/``), and passes over videos that have no such thing.
        per_video: ``<domain>/<video>`` -> name -> mean over that video's frames, of the last evaluation; like
            ``per_frame`` and ``mean_over_frames`` it is filled on the main process only.
        per_frame: ``<domain>/<video>`` -> name -> the value of each frame in order, None where a frame has none.
        mean_over_frames: Name -> mean over all frames of all videos, of the last evaluation.
        higher_is_better: Of which names a larger value is the better one; of all others a smaller one is.
        neutral: Names that are neither: counts, error bars, measures of the input.
        default_prefix: The domain. What is written of single videos and frames has the prefix only where it is
            another one.

    Raises:
        ConfigError: An unknown domain.
    """

    needs_target: ClassVar[bool] = False
    higher_is_better: ClassVar[frozenset[str]] = frozenset()
    neutral: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, domain: str, prefix: str | None = None) -> None:
        if domain not in DOMAINS:
            raise ConfigError(f'{type(self).__name__}: no domain is called {domain!r}{suggest(str(domain), DOMAINS)}')
        # 'gpu' means the process group, whichever device it runs on; 'cpu' would pass files through the
        # working directory.
        super().__init__(collect_device='gpu', prefix=prefix or domain)
        self.default_prefix = domain
        self.domain = domain
        self.per_video: dict[str, dict[str, float]] = {}
        self.per_frame: dict[str, dict[str, list[float | None]]] = {}
        self.mean_over_frames: dict[str, float] = {}
        self._next: tuple[str, int] | None = None  # video and index that must follow

    @abstractmethod
    def update(self, result: FrameResult) -> dict[str, float]:
        """Measure the next frame.

        Args:
            result: A frame of this metric's domain, the successor of the last one or the first of a video.

        Returns:
            Name -> value of this frame. A name that is missing has no value for this frame and does not count.

        Raises:
            ValueError: The frame cannot be measured. The caller adds which frame it was.
        """

    def reset_video(self) -> None:
        """Forget the video so far. Called before the first and after the last frame of each video."""

    def process(self, data_batch: Any, data_samples: Sequence[FrameResult]) -> None:
        """Measure the next frames; ``data_batch`` is not looked at.

        Raises:
            DataError: Frames are out of order, or one of them cannot be measured.
        """
        for result in data_samples:
            values = self._measure(result) if result.info['domain'] == self.domain else {}
            # One entry a frame, whatever its domain: gathering cuts the entries to the length of the dataset.
            self.results.append((_video_key(result.info), values))

    def compute_metrics(self, results: Iterable[tuple[str, dict[str, float]]]) -> dict[str, float]:
        """Average the frames' values: name -> mean over videos of the mean over frames."""
        videos: dict[str, list[dict[str, float]]] = {}
        for video, values in results:
            if video.startswith(f'{self.domain}/'):
                videos.setdefault(video, []).append(values)
        series = {video: dict(_by_name(pair for values in frames for pair in values.items()))
                  for video, frames in videos.items()}
        self.per_frame = {video: {name: [values.get(name) for values in frames] for name in series[video]}
                          for video, frames in videos.items()}
        self.per_video = {video: {name: fmean(values) for name, values in by_name.items()}
                          for video, by_name in series.items()}
        self.mean_over_frames = {name: fmean(values) for name, values in _by_name(
            (name, value) for by_name in series.values() for name, values in by_name.items() for value in values)}
        self._warn_of_gaps()
        return {name: fmean(means) for name, means in _by_name(
            pair for means in self.per_video.values() for pair in means.items())}

    def _measure(self, result: FrameResult) -> dict[str, float]:
        info = result.info
        video, index = _video_key(info), info['index']
        if index == 0:
            self.reset_video()
        elif self._next != (video, index):
            raise DataError(f"{type(self).__name__}: frame {index} ('{info['name']}') of {video} does not follow on "
                            'the frame before it: expected the frames of a video in order and all in one process; '
                            "use StreamDataset's sampler")
        try:
            untaught = self.needs_target and info['domain'] == 'virtual' and result.target is None
            values = {} if untaught else self.update(result)
        except ValueError as error:
            raise DataError(f"{type(self).__name__}: frame {index} ('{info['name']}') of {video}: {error}") from error
        if index == info['length'] - 1:
            self.reset_video()
            self._next = None
        else:
            self._next = (video, index + 1)
        return values

    def _warn_of_gaps(self) -> None:
        who = type(self).__name__
        if not self.per_video:
            print_log(f'{who}: no video of the domain {self.domain!r} was seen; its values are left out',
                      logger='current', level=logging.WARNING)
        empty = [video for video, means in self.per_video.items() if not means]
        if empty:
            print_log(f'{who}: no frame gave a value in {", ".join(empty)} (too short, too small'
                      + (', or without a target/' if self.needs_target and self.domain == 'virtual' else '')
                      + '?); left out of the mean', logger='current', level=logging.WARNING)


def _video_key(info: FrameInfo) -> str:
    return f'{info["domain"]}/{info["video"]}'


def _by_name(pairs: Iterable[tuple[str, float]]) -> Iterable[tuple[str, list[float]]]:
    """Group (name, value) pairs by name."""
    groups: dict[str, list[float]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups.items()
