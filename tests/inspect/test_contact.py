"""Contact sheets show what the network is given."""

from pathlib import Path

import numpy as np
import pytest

from photoreal.datasets.layout import VideoRecord, scan
from photoreal.inspect.contact import contact_sheet
from photoreal.modalities import Edges, LabelMap, Modality
from photoreal.modalities.images import shrink
from tests.datasets.helpers import Difference
from tests.inspect.helpers import frames, labels, put

MODALITIES: dict[str, Modality | None] = {'frames': None, 'edges': Edges(), 'labels': LabelMap('labels', ignore=255),
                                          'difference': Difference()}


def video(root: Path, domain: str, pictures: np.ndarray, maps: np.ndarray) -> VideoRecord:
    put(root, f'train/{domain}/a', pictures, labels=maps)
    [found] = scan(root, 'train', [domain], {'labels': MODALITIES['labels']})
    return found


@pytest.mark.parametrize('name', MODALITIES)
def test_real_frames_are_shrunk_first_and_virtual_ones_are_not(tmp_path: Path, name: str) -> None:
    pictures, maps = frames(3), labels(12, *range(10), 255)
    small = video(tmp_path / 'small', 'real', shrink(pictures, 2), shrink(maps, 2, nearest=True))

    def sheet(found: VideoRecord, scale: int) -> np.ndarray:
        return contact_sheet(found, MODALITIES[name], name, 3, scale)

    real, virtual = (video(tmp_path / 'large', domain, pictures, maps) for domain in ('real', 'virtual'))
    np.testing.assert_array_equal(sheet(real, 2), sheet(small, 1))
    np.testing.assert_array_equal(sheet(virtual, 2), sheet(real, 1))
