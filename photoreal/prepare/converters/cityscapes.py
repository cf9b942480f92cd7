"""Cityscapes sequences."""

import re
from itertools import groupby
from pathlib import Path

from photoreal.datasets.sources import FolderSource
from photoreal.errors import DataError
from photoreal.prepare.converters.base import Converter, folders_below, no_videos, without_gaps
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS

_NAME = re.compile(r'(?P<snippet>.+_\d{6})_(?P<frame>\d{6})_leftImg8bit')
_FPS = 17.0


@CONVERTERS.register_module('cityscapes')
class Cityscapes(Converter):
    """Cityscapes sequences: ``leftImg8bit_sequence/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png``.

    M. Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016. Each snippet of 30
    frames becomes a video. Only one frame of each has labels, so that none are taken.
    """

    def find(self, root: Path) -> list[Footage]:
        """The snippets below ``root``, which may be the whole set, ``leftImg8bit_sequence``, a split or a city."""
        # Beside them lies leftImg8bit, the labelled frame of each snippet alone.
        sequences = root / 'leftImg8bit_sequence'
        found = []
        for city in folders_below(sequences if sequences.is_dir() else root, 3):
            if any(city.glob('*_leftImg8bit.png')):
                found += _snippets(FolderSource(city))
        if not found:
            raise no_videos(root, 'Cityscapes sequences',
                            'leftImg8bit_sequence/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png')
        return found


def _snippets(source: FolderSource) -> list[Footage]:
    names = [_NAME.fullmatch(name) for name in source.names]
    for index, match in enumerate(names):
        if match is None:
            raise DataError(f'{source.where(index)}: found a name that is not of Cityscapes; '
                            'expected <city>_<sequence>_<frame>_leftImg8bit.png')
    found = []
    for snippet, group in groupby(range(len(names)), key=lambda i: names[i]['snippet']):
        places = list(group)
        footage = Footage(snippet, source.path.name, Track(source, places), fps=_FPS)
        found += without_gaps(footage, [int(names[i]['frame']) for i in places])
    return found
