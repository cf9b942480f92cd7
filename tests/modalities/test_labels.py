"""Label maps: numbers, colours, what is ignored, and what is an error."""

import re

import cv2
import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.modalities import LabelMap
from photoreal.modalities.labels import PALETTES
from photoreal.testing.modality import ModalityContract

COLOURS = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255))


class TestNumbers(ModalityContract):
    def make(self):
        return LabelMap(num_classes=5, ignore=[255, 24])

    def maps(self, rng, length, height, width):
        return rng.choice(np.array([0, 1, 2, 3, 4, 24, 255], np.uint8), (length, height, width, 1))


class TestNumbersOf16Bits(ModalityContract):
    def make(self):
        return LabelMap(num_classes=255, ignore=65535)

    def maps(self, rng, length, height, width):
        return rng.choice(np.array([0, 100, 254, 65535], np.uint16), (length, height, width, 1))


class TestColours(ModalityContract):
    def make(self):
        return LabelMap(num_classes=4, palette=COLOURS, ignore=[(9, 9, 9)])

    def maps(self, rng, length, height, width):
        return rng.choice(np.array([*COLOURS, (9, 9, 9)], np.uint8), (length, height, width))


def row(*values: int, dtype: type = np.uint8) -> np.ndarray:
    """Class numbers of one frame: (1, 1, W, 1)."""
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def colour_row(*colours: tuple[int, ...]) -> np.ndarray:
    """Colours of one frame: (1, 1, W, 3)."""
    return np.array(colours, np.uint8)[None, None]


def encoded(modality: LabelMap, maps: np.ndarray) -> torch.Tensor:
    """What the network sees of one row: (W, K)."""
    return modality.encode(torch.from_numpy(modality.compute(maps)).permute(0, 3, 1, 2))[0, :, 0].T


def test_encode_is_one_hot_and_ignored_pixels_are_zero():
    out = encoded(LabelMap(num_classes=3, ignore=[7, 1]), row(2, 0, 7, 1))
    assert out.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_labels_travel_as_bytes():
    for maps in (row(0, 18), row(0, 18, dtype=np.uint16)):
        out = LabelMap().compute(maps)
        assert out.dtype == np.uint8 and out.ravel().tolist() == [0, 18]


def test_unknown_numbers_are_named_counted_and_get_a_remedy():
    modality = LabelMap(num_classes=19, ignore=255)
    with pytest.raises(ValueError) as error:
        modality.compute(row(0, 24, 24, 19, 255))
    text = str(error.value)
    assert '24 (2 pixels), 19 (1 pixel)' in text and 'classes are 0 to 18' in text
    assert 'set ignore=[255, 24, 19]' in text
    assert not encoded(LabelMap(num_classes=19, ignore=[255, 19, 24]), row(24, 19, 255)).any()


def test_one_unknown_number_gets_the_shortest_remedy():
    with pytest.raises(ValueError, match=r'value 255 \(2 pixels\).*set ignore=255,'):
        LabelMap().compute(row(255, 255, 3))


def test_many_unknown_numbers_are_cut_short():
    with pytest.raises(ValueError, match='and 72 more'):
        LabelMap(num_classes=20).compute(row(*range(100)))


def test_palette_round_trip_through_a_png(tmp_path):
    labels = np.random.default_rng(0).integers(0, 19, (12, 17))
    colours = np.array(PALETTES['cityscapes'], np.uint8)[labels]
    assert cv2.imwrite(str(tmp_path / 'labels.png'), colours[..., ::-1])
    read = cv2.cvtColor(cv2.imread(str(tmp_path / 'labels.png'), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)
    modality = LabelMap(palette='cityscapes')
    np.testing.assert_array_equal(modality.compute(read[None])[0, ..., 0], labels)
    with_alpha = np.concatenate([read, np.full((12, 17, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(modality.compute(with_alpha[None])[0, ..., 0], labels)


def test_a_palette_leaves_class_numbers_readable():
    assert LabelMap(num_classes=4, palette=COLOURS).compute(row(3, 1)).ravel().tolist() == [3, 1]


def test_ignored_colours_and_ignored_classes_are_zero():
    modality = LabelMap(num_classes=4, palette=COLOURS, ignore=[(9, 8, 7), 2])
    out = encoded(modality, colour_row((255, 0, 0), (9, 8, 7), (0, 255, 0), (0, 0, 255)))
    assert out.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_an_ignored_colour_may_be_one_of_the_palette():
    modality = LabelMap(num_classes=4, palette=COLOURS, ignore=[(0, 0, 0)])
    assert modality.compute(colour_row((0, 0, 0), (255, 0, 0))).ravel().tolist() == [255, 1]


def test_a_class_may_have_several_colours():
    modality = LabelMap(num_classes=2, palette=[[(255, 0, 0), (0, 0, 255)], (0, 255, 0)])
    assert modality.compute(colour_row((0, 0, 255), (0, 255, 0), (255, 0, 0))).ravel().tolist() == [0, 1, 0]
    shown = modality.show(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    assert shown[0].tolist() == [[255, 0, 0], [0, 255, 0]]


def test_all_others_may_be_ignored():
    assert LabelMap(num_classes=2, ignore='others').compute(row(0, 1, 2, 200)).ravel().tolist() == [0, 1, 255, 255]
    modality = LabelMap(num_classes=4, palette=COLOURS, ignore='others')
    assert modality.compute(colour_row((255, 0, 0), (1, 2, 3))).ravel().tolist() == [1, 255]


def test_unknown_colours_are_named_counted_and_get_a_remedy():
    modality = LabelMap(num_classes=4, palette=COLOURS)
    with pytest.raises(ValueError, match=re.escape('colours (1, 2, 3) (2 pixels), (255, 255, 255) (1 pixel)')) as e:
        modality.compute(colour_row((1, 2, 3), (255, 255, 255), (1, 2, 3), (0, 0, 0)))
    assert 'set ignore=[(1, 2, 3), (255, 255, 255)]' in str(e.value) and 'lossy' not in str(e.value)


def test_lossy_colours_get_a_hint():
    with pytest.raises(ValueError, match='lossy'):
        LabelMap(num_classes=4, palette=COLOURS).compute(colour_row(*((i, 7, 7) for i in range(20))))


def test_maps_stored_otherwise_are_errors():
    with pytest.raises(ValueError, match='3 channels.*set palette'):
        LabelMap().compute(colour_row((1, 2, 3)))
    with pytest.raises(ValueError, match='float32'):
        LabelMap().compute(row(1, dtype=np.float32))
    with pytest.raises(ValueError, match='2 channels of uint8'):
        LabelMap(palette='cityscapes').compute(np.zeros((1, 2, 2, 2), np.uint8))


@pytest.mark.parametrize('arguments, words', [
    ({'num_classes': 0}, 'num_classes=0'),
    ({'num_classes': 256}, 'num_classes=256.*1 to 255'),
    ({'palette': 'cityscape'}, "did you mean 'cityscapes'"),
    ({'palette': 'cityscapes', 'num_classes': 20}, '19 colours and num_classes=20'),
    ({'palette': COLOURS}, '4 colours and num_classes=19'),
    ({'palette': [(0, 0, 0), (0, 0, 0)], 'num_classes': 2}, 'two classes'),
    ({'palette': [(0, 0, 256)], 'num_classes': 1}, r'palette\[0\]=256'),
    ({'palette': [(0, 0)], 'num_classes': 1}, r'palette\[0\]=\(0, 0\)'),
    ({'ignore': 'void'}, "ignore='void'"),
    ({'ignore': [-1]}, r'ignore\[0\]=-1'),
    ({'ignore': [(0, 0, 0)]}, r'ignore\[0\]=\(0, 0, 0\)'),
    ({'palette': 'cityscapes', 'ignore': (0, 0, 0)}, 'twice'),
    ({'folder': '..'}, 'folder='),
])
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        LabelMap(**arguments)
