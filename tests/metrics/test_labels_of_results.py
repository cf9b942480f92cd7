import torch

from photoreal.metrics import PSNR, Distribution, WarpError
from photoreal.models.preprocessor import ClipPreprocessor


def test_labels_are_the_first_map_of_classes():
    preprocessor = ClipPreprocessor({'edges': {'type': 'Edges'}, 'depth': {'type': 'Depth'},
                                     'classes': {'type': 'LabelMap', 'num_classes': 3}})
    classes = torch.randint(0, 3, (1, 1, 4, 6), dtype=torch.uint8)
    maps = {'edges': torch.zeros(1, 1, 4, 6, dtype=torch.uint8), 'depth': torch.zeros(1, 1, 4, 6), 'classes': classes}
    assert preprocessor.labels(maps) is classes
    assert ClipPreprocessor({'edges': {'type': 'Edges'}}).labels(maps) is None


def test_measures_of_the_input_are_neither_better_nor_worse():
    assert PSNR.neutral == {'psnr_input'} and WarpError.neutral == {'warp_error_input', 'warp_error_target'}
    assert all(not kind.neutral & kind.higher_is_better for kind in (PSNR, WarpError, Distribution))
