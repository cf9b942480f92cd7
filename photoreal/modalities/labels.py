"""Recorded categories: semantic segmentation and the like."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_folder, check_number
from photoreal.modalities.base import Modality, class_colours, colour_classes
from photoreal.modalities.label_noise import NO_CLASS, LabelNoise
from photoreal.registry import MODALITIES, suggest

PALETTES = {
    # The 19 classes of https://www.cityscapes-dataset.com in the order of their trainIds.
    'cityscapes': (
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
        (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0),
        (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
}
_CITYSCAPES = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation',
               'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle')
_MOST_NAMED = 8

Colour = Sequence[int]


def class_names(count: int) -> list[str]:
    """What classes are called: 19 are taken for those of Cityscapes, in the order of their trainIds; else nothing."""
    return list(_CITYSCAPES) if count == len(_CITYSCAPES) else []


@MODALITIES.register_module()
class LabelMap(Modality):
    """A recorded map of classes, stored as class numbers or as colours; the network sees one channel a class.

    Args:
        folder: Name of the folder beside ``frames``.
        num_classes: Number of classes, 1 to 255. Class numbers are 0 to ``num_classes - 1``.
        palette: For maps stored as colours: the (R, G, B) of each class in order, a list of several for a class that
            has more than one, or the name of a known palette, 'cityscapes'. None: maps are stored as class numbers.
        ignore: A value, or a list of values, that belongs to no class: its pixels are 0 in every channel. A value is
            a number as stored or, with a ``palette``, also a colour (R, G, B): ``ignore=[(0, 0, 0)]``. 'others'
            stands for everything that is no class; misread or damaged maps then go unnoticed.
        degrade: Faults that a clip's labels get in training alone, for labels that are better there than they will be
            at prediction: ``dict(warp=(0, 3), erode=(0, 2), merge=0.05, drop=0.05)``, see :class:`LabelNoise` for all;
            None: none.

    Raises:
        ConfigError: An argument is out of its range; the message names it.
    """

    raw = True
    is_label = True

    def __init__(self, folder: str = 'segmentation', num_classes: int = 19,
                 palette: str | Sequence[Colour | Sequence[Colour]] | None = None,
                 ignore: int | str | Sequence[int | Colour] | None = None,
                 degrade: Mapping[str, Any] | None = None) -> None:
        self.folder = check_folder(folder)
        self.channels = self.num_classes = check_number('num_classes', num_classes, 1, 255, integer=True)
        colours = None if palette is None else _parse_palette(palette, self.channels)
        self._shown = _shown_colours(colours, self.channels)
        self._others = ignore == 'others'
        numbers, ignored_colours = _parse_ignore(None if self._others else ignore, with_colours=colours is not None)
        self._numbers = _number_table(self.channels, numbers)
        self._codes = None if colours is None else _code_table(colours, numbers, ignored_colours)
        self._ignored = sorted(numbers)
        self._ignored_colours = sorted(ignored_colours)
        self.noise = LabelNoise.parse(degrade, self.channels) if degrade is not None else None
        if self.noise is not None:
            self.margin = self.noise.margin
            # A crop is warped in its own way: where it lies in the frame is not known here.
            self.exact_crop = not self.noise.warp.high

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``degrade``, what :meth:`LabelNoise.sample` draws; None outside training."""
        return {'degrade': self.noise.sample(rng)} if rng is not None and self.noise is not None else {}

    def compute(self, frames: np.ndarray, degrade: dict[str, Any] | None = None) -> np.ndarray:
        """(T, H, W, c) as read, class numbers (c = 1; 8 or 16 bits) or colours (c = 3, or 4 with alpha; 8 bits),
        -> (T, H, W, 1) uint8: the class, 255 where there is none.

        Raises:
            ValueError: Pixels hold a value that is neither a class nor ignored, or the maps are not stored as
                the palette, or its absence, says.
        """
        labels = self._from_numbers(frames) if frames.shape[-1] == 1 else self._from_colours(frames)
        return labels if degrade is None else self.noise.apply(labels, **degrade)

    def encode(self, x: Tensor) -> Tensor:
        """(..., 1, H, W) uint8 -> (..., num_classes, H, W) float32: 1 in the channel of the class, else 0."""
        classes = torch.arange(self.channels, dtype=x.dtype, device=x.device).view(-1, 1, 1)  # (K, 1, 1)
        return (x == classes).to(torch.float32)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., num_classes, H, W) -> (..., H, W, 3) uint8 RGB: the palette's colours, black where is no class."""
        return colour_classes(encoded, self._shown)

    def _from_numbers(self, maps: np.ndarray) -> np.ndarray:
        if maps.dtype not in (np.uint8, np.uint16):
            raise ValueError(f'labels are stored as {maps.dtype}: expected 8- or 16-bit whole numbers; '
                             'save them as a PNG of class numbers')
        labels = self._numbers[maps]
        left = maps[labels == NO_CLASS]
        unknown = left[~np.isin(left, self._ignored)]
        if unknown.size and not self._others:
            values, counts = _most_common(unknown)
            raise ValueError(f'{_name("value", values, counts)}: classes are 0 to {self.channels - 1}; '
                             f'{_remedy(self._ignored + self._ignored_colours, values)}, or raise num_classes')
        return labels

    def _from_colours(self, maps: np.ndarray) -> np.ndarray:
        if self._codes is None:
            raise ValueError(f'labels have {maps.shape[-1]} channels: expected one of class numbers; save them as '
                             "such, or set palette to the classes' colours (palette='cityscapes' is known)")
        if maps.dtype != np.uint8 or maps.shape[-1] not in (3, 4):
            raise ValueError(f'labels have {maps.shape[-1]} channels of {maps.dtype}: expected RGB of uint8')
        codes, classes = self._codes
        found = _encode_colours(maps)  # (T, H, W, 1)
        at = np.searchsorted(codes, found).clip(max=len(codes) - 1)
        known = codes[at] == found
        if self._others:
            return np.where(known, classes[at], np.uint8(NO_CLASS))
        if not known.all():
            unknown, counts = _most_common(found[~known])
            values = [(code >> 16, code >> 8 & 255, code & 255) for code in unknown]
            hint = '; a lossy file (JPEG, video) mixes colours at edges: save PNG' if len(values) > _MOST_NAMED else ''
            raise ValueError(f'{_name("colour", values, counts)}: the palette has {self.channels} others; '
                             f'{_remedy(self._ignored + self._ignored_colours, values)}, or mend the palette{hint}')
        return classes[at]


def _shown_colours(colours: dict[tuple[int, ...], int] | None, num_classes: int) -> np.ndarray:
    """(num_classes, 3) uint8: the first colour of each class. Nineteen classes without a palette are nearly always
    those of Cityscapes."""
    if colours is None:
        known = PALETTES['cityscapes']
        return np.array(known, np.uint8) if num_classes == len(known) else class_colours(num_classes)
    first = {number: colour for colour, number in reversed(colours.items())}
    return np.array([first[number] for number in range(num_classes)], np.uint8)


def _parse_palette(palette: str | Sequence[Colour | Sequence[Colour]], num_classes: int) -> dict[tuple[int, ...], int]:
    """Colour -> class."""
    if isinstance(palette, str):
        if palette not in PALETTES:
            raise ConfigError(f'palette={palette!r} is not known{suggest(palette, PALETTES)}')
        palette = PALETTES[palette]
    if len(palette) != num_classes:
        raise ConfigError(f'palette has {len(palette)} colours and num_classes={num_classes}: '
                          'expected a colour for each class')
    classes: dict[tuple[int, ...], int] = {}
    for number, entry in enumerate(palette):
        several = isinstance(entry, Sequence) and len(entry) > 0 and all(isinstance(c, Sequence) for c in entry)
        for colour in entry if several else [entry]:
            parsed = _parse_colour(f'palette[{number}]', colour)
            if parsed in classes:
                raise ConfigError(f'palette gives the colour {parsed} to two classes: expected each colour once')
            classes[parsed] = number
    return classes


def _parse_colour(name: str, colour: Colour) -> tuple[int, ...]:
    if not isinstance(colour, Sequence) or isinstance(colour, str) or len(colour) != 3:
        raise ConfigError(f'{name}={colour!r}: expected a colour (R, G, B) of 0 to 255')
    return tuple(check_number(name, value, 0, 255, integer=True) for value in colour)


def _parse_ignore(ignore: int | Sequence[int | Colour] | None,
                  with_colours: bool) -> tuple[set[int], set[tuple[int, ...]]]:
    """The ignored values: numbers, and colours."""
    values = [] if ignore is None else [ignore] if isinstance(ignore, Integral) else ignore
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ConfigError(f'ignore={ignore!r}: expected a value, a list of values, or None')
    numbers, colours = set(), set()
    for i, value in enumerate(values):
        if isinstance(value, Sequence) and with_colours:
            colours.add(_parse_colour(f'ignore[{i}]', value))
        else:
            numbers.add(check_number(f'ignore[{i}]', value, 0, 65535, integer=True))
    if with_colours and len(numbers) + len(colours) != len(values):
        # (0, 0, 0), meant as black, would otherwise silently drop the class 0.
        raise ConfigError(f'ignore={ignore!r} holds a value twice: write one colour as [(R, G, B)]')
    return numbers, colours


def _number_table(num_classes: int, ignored: Iterable[int]) -> np.ndarray:
    """(65536,) uint8: stored number -> class."""
    table = np.full(65536, NO_CLASS, np.uint8)
    table[:num_classes] = np.arange(num_classes)
    table[list(ignored)] = NO_CLASS
    return table


def _code_table(colours: Mapping[tuple[int, ...], int], ignored: set[int], ignored_colours: set[tuple[int, ...]],
                ) -> tuple[np.ndarray, np.ndarray]:
    """Colours as sorted codes, and the class of each."""
    classes = {colour: NO_CLASS if i in ignored else i for colour, i in colours.items()}
    classes.update((colour, NO_CLASS) for colour in ignored_colours)
    codes = _encode_colours(np.array(list(classes), np.uint8))[..., 0]
    order = np.argsort(codes)
    return codes[order], np.array(list(classes.values()), np.uint8)[order]


def _encode_colours(colours: np.ndarray) -> np.ndarray:
    """(..., 3 or more) uint8 -> (..., 1) int32, one number a colour."""
    wide = colours[..., :3].astype(np.int32)
    return (wide[..., :1] << 16) | (wide[..., 1:2] << 8) | wide[..., 2:3]


def _most_common(values: np.ndarray) -> tuple[list[int], list[int]]:
    """The distinct values, the most frequent first, and how often each occurs."""
    distinct, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind='stable')
    return distinct[order].tolist(), counts[order].tolist()


def _name(kind: str, values: list, counts: list[int]) -> str:
    named = ', '.join(f'{value} ({count} pixel{"s" if count > 1 else ""})'
                      for value, count in zip(values[:_MOST_NAMED], counts))
    more = f' and {len(values) - _MOST_NAMED} more' if len(values) > _MOST_NAMED else ''
    return f'no class has the {kind}{"s" if len(values) > 1 else ""} {named}{more}'


def _remedy(ignored: list, unknown: list) -> str:
    """What to set ``ignore`` to so that these values are accepted as well."""
    values = ignored + unknown[:_MOST_NAMED]
    alone = len(values) == 1 and isinstance(values[0], int)
    return f'set ignore={values[0] if alone else values}'
