"""Whole videos, frame by frame, for testing: what is in memory does not grow with a video's length."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from photoreal.datasets.layout import VideoRecord, scan
from photoreal.datasets.sources import FrameSource
from photoreal.datasets.transforms import Window, compute_map, to_tensor
from photoreal.errors import ConfigError
from photoreal.look import Look, build_look
from photoreal.modalities import Modality, build_modalities, without
from photoreal.registry import DATASETS
from photoreal.structures import FrameInfo, StreamItem


@DATASETS.register_module()
class StreamDataset(Dataset):
    """Single frames, video after video: domains in the order given, videos in natural order of their names.

    Real frames are cut to a multiple of ``scale`` and the condition is computed on them shrunk by it, so that the
    frame is the target; virtual frames are the condition's own size, and predictions come out ``scale`` times larger.
    With a ``scale`` of 1, what a teacher made of virtual frames comes along, from ``target/`` beside them.

    Args:
        data_root: The data set's folder, an LMDB that it was packed into, or a URL of either.
        modalities: Name -> modality or its config; their parameters are the fixed ones of ``sample(None)``.
        split: ``val`` or ``train``.
        domains: Some of ``real`` and ``virtual``.
        scale: How much larger predictions are than the condition.
        max_frames: Use at most so many frames of each video; None: all.
        leave_out: Names of modalities to do without, which a model allows that was trained with dropout; what is
            recorded of them need not be there.
        optional: Names of modalities that a video may lack; None: those that the model's dropout leaves out.
        look: What virtual frames go through before modalities are computed from them, see
            :func:`photoreal.look.build_look`; None: nothing. The items' frames stay untouched.

    Attributes:
        modalities: Name -> modality, without those that are left out.
        videos: The videos.
        video_ranges: For every video the range of its items.

    Raises:
        ConfigError: An argument is out of range.
        DataError: The data cannot be used; all faults are listed.
    """

    def __init__(self, data_root: str | os.PathLike, modalities: dict[str, dict | Modality], split: str = 'val',
                 domains: Sequence[str] = ('real', 'virtual'), scale: int = 1, max_frames: int | None = None,
                 leave_out: Sequence[str] = (), optional: Sequence[str] | None = None,
                 look: str | dict[str, Any] | Look | None = None) -> None:
        if scale < 1:
            raise ConfigError(f'StreamDataset: scale={scale}; expected 1 or more')
        if max_frames is not None and max_frames < 1:
            raise ConfigError(f'StreamDataset: max_frames={max_frames}; expected 1 or more, or None')
        if isinstance(domains, str):
            raise ConfigError(f"StreamDataset: domains='{domains}'; expected a list, such as ['{domains}']")
        self.modalities = without(build_modalities(modalities), leave_out)
        self.scale = scale
        self.look = build_look(look)
        self.videos: list[VideoRecord] = scan(data_root, split, domains, self.modalities, min_size=(scale, scale),
                                              optional=optional or (), targets=scale == 1)
        self.video_ranges: list[range] = []
        start = 0
        for video in self.videos:
            length = min(len(video), max_frames or len(video))
            self.video_ranges.append(range(start, start + length))
            start += length
        self._starts = [span.start for span in self.video_ranges]
        self._params = {name: modality.sample(None) for name, modality in self.modalities.items()}
        self._readers: dict[str | None, _Reader] = {}  # None: the frames
        self._reading: int | None = None

    def __len__(self) -> int:
        return self.video_ranges[-1].stop if self.video_ranges else 0

    def __getitem__(self, k: int) -> StreamItem:
        if not 0 <= k < len(self):
            raise IndexError(f'frame {k} of {len(self)}')
        number = bisect_right(self._starts, k) - 1
        video, span = self.videos[number], self.video_ranges[number]
        index = k - span.start
        if number != self._reading:
            self._readers, self._reading = {}, number
        scale = self.scale if video.domain == 'real' else 1
        frames = self._read(None, video.frames, index, self._context(), scale, raw=False)
        seen = frames if self.look is None or video.domain == 'real' else self.look.apply(frames)
        maps = {}
        for name, modality in self.modalities.items():
            if modality.folder is None:
                source, given = video.frames, seen[-1 - modality.context:]
            elif name not in video.recorded:
                continue  # the model does without it
            else:
                source = video.recorded[name]
                given = self._read(name, source, index, modality.context, scale, raw=modality.raw)
            indices, given = range(index + 1 - len(given), index + 1), modality.shrink(given, scale)
            maps[name] = compute_map(name, modality, given, self._params[name], source, indices)[-1]
        info = FrameInfo(domain=video.domain, video=video.name, name=video.frames.names[index], index=index,
                         length=len(span), fps=video.fps)
        item = StreamItem(maps={name: to_tensor(m) for name, m in maps.items()}, frame=to_tensor(frames[-1]), info=info)
        if video.target is not None:
            item['teacher'] = to_tensor(video.target.read([index])[0])
        return item

    def _context(self) -> int:
        return max((m.context for m in self.modalities.values() if m.folder is None), default=0)

    def _read(self, key: str | None, source: FrameSource, index: int, context: int, scale: int, *,
              raw: bool) -> np.ndarray:
        """Frame ``index`` and up to ``context`` before it, cut to a multiple of ``scale``."""
        reader = self._readers.setdefault(key, _Reader())
        height, width = (side // scale * scale for side in source.size)
        return reader.read(source, range(max(0, index - context), index + 1), raw, Window(0, 0, height, width))


class _Reader:
    """Keeps the last frames, so that the context of the next frame is not decoded again, nor sought backward."""

    def __init__(self) -> None:
        self._kept: dict[int, np.ndarray] = {}

    def read(self, source: FrameSource, indices: range, raw: bool, window: Window) -> np.ndarray:
        missing = [i for i in indices if i not in self._kept]
        if missing:
            self._kept.update(zip(missing, source.read(missing, raw=raw, window=window), strict=True))
        self._kept = {i: self._kept[i] for i in indices}
        kept = list(self._kept.values())
        return np.stack(kept) if len(kept) > 1 else kept[0][None]
