"""Shows training clips as the network sees them: after crop, mirroring, modalities and encoding."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from torch.utils.data import default_collate

from photoreal.datasets.build import build_dataset
from photoreal.datasets.clips import ClipChoice
from photoreal.errors import ConfigError
from photoreal.modalities.base import to_picture
from photoreal.models.preprocessor import ClipPreprocessor

_BAND = 22  # pixels of a caption
_GAP = 2  # pixels between frames
_MIN_SIDE = 96  # pixels that frames are enlarged to by a whole factor


@dataclass(frozen=True)
class ClipView:
    """A training clip to look at.

    Attributes:
        number: The item's number.
        choice: What was drawn for it.
        rows: ``target`` and the modalities -> (T, H, W, 3) uint8 RGB.
        missing: Modalities that the network does without in this clip: dropout took them, or the video has none.
    """

    number: int
    choice: ClipChoice
    rows: dict[str, np.ndarray]
    missing: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Which clip it is."""
        choice, first = self.choice, self.choice.windows[0]
        moving = len(set(choice.windows)) > 1
        return (f'clip {self.number}: {choice.video.domain}/{choice.video.name}, {_spans(choice.indices)}, '
                f'{first.width}x{first.height} at {first.left},{first.top}{" moving" * moving}'
                f'{", mirrored" * choice.flip}{"".join(f", {name}" for name in choice.styles)}'
                f'{"".join(f", without {name}" for name in self.missing)}')

    def caption(self, row: str) -> str:
        """A row's name and the parameters that were drawn for it; or that the network does without."""
        if row in self.missing:
            return f'{row}  left out: the network sees zeros'
        params = self.choice.params.get(row, {})
        return '  '.join([row, *(f'{key}={_number(value)}' for key, value in params.items())])


def browse(cfg: Mapping[str, Any], start: int, count: int) -> Iterator[ClipView]:
    """The clips that training draws, from item ``start`` on, in its order and with its seed.

    Args:
        cfg: A checked config.
        start: Number of the first item: iterations done x batch size for a later one.
        count: How many.

    Raises:
        ConfigError: The training dataset cannot tell what it draws.
        DataError: The data cannot be used.
    """
    dataset = build_dataset(cfg, 'train')
    if not hasattr(dataset, 'describe'):
        raise ConfigError(f'train_dataloader.dataset: a {type(dataset).__name__} has no describe(); '
                          'expected a ClipDataset, or one derived from it')
    model = cfg['model']
    preprocessor = ClipPreprocessor(model['modalities'], model.get('image'), model.get('dropout'))
    for number in range(start, start + count):
        batch = preprocessor(default_collate([dataset[number]]), training=True)
        rows = {'target': to_picture(batch['target'][0])}
        for name, part in preprocessor.layout.slices.items():
            rows[name] = preprocessor.modalities[name].show(batch['condition'][0, :, part])
        missing = tuple(name for name, channel in preprocessor.layout.presence.items()
                        if not batch['condition'][0, :, channel].any())
        yield ClipView(number, dataset.describe(number), rows, missing)


def row_strip(frames: np.ndarray, height: int) -> np.ndarray:
    """Frames (T, H, W, 3) side by side, enlarged to ``height`` without inventing pixels: (height, W', 3)."""
    factor = height / frames.shape[1]
    size = round(frames.shape[2] * factor), height
    pictures = [cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST) for frame in frames]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)


def strips(view: ClipView) -> dict[str, np.ndarray]:
    """A row's name -> its frames side by side, all rows equally high, small frames enlarged by a whole factor."""
    tallest = max(frames.shape[1] for frames in view.rows.values())
    height = tallest * max(1, -(-_MIN_SIDE // tallest))
    return {name: row_strip(frames, height) for name, frames in view.rows.items()}


def picture_of(view: ClipView) -> np.ndarray:
    """All rows below each other, each under its caption: (H, W, 3) uint8 RGB."""
    rows = strips(view)
    captions = [view.title, *map(view.caption, rows)]
    width = max(max(row.shape[1] for row in rows.values()), max(map(_text_width, captions)))
    parts = [_band(view.title, width)]
    for name, row in rows.items():
        parts += [_band(view.caption(name), width),
                  np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)]
    return np.concatenate(parts)


def _text_width(text: str) -> int:
    return cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0] + 8


def _band(text: str, width: int) -> np.ndarray:
    band = np.full((_BAND, width, 3), 255, np.uint8)
    return cv2.putText(band, text, (4, _BAND - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)


def _spans(indices: list[int]) -> str:
    """``3 4 5 6`` -> ``frames 3..6``; numbers that do not step evenly are written out."""
    if len(set(indices)) == 1:
        return f'frame {indices[0]}' + ' standing still' * (len(indices) > 1)
    steps = {b - a for a, b in zip(indices, indices[1:])}
    if len(steps) > 1:
        return 'frames ' + ' '.join(map(str, indices))
    step = steps.pop()
    return f'frames {indices[0]}..{indices[-1]}' + {1: '', -1: ' backward'}.get(step, f' by {step}')


def _number(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
