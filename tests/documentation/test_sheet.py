"""The picture of all modalities is what the code makes."""

import cv2
import numpy as np

from docs._generate import sheet
from photoreal.registry import MODALITIES

# Made of others, read what the sample does not have, or given a network by path.
NOT_SHOWN = {'Chain', 'OneOf', 'Precomputed', 'Downsample', 'ImageFolder', 'Normals', 'GBuffer', 'Segmentation',
             'MonoDepth'}


def test_every_modality_is_shown_or_listed() -> None:
    own = {name for name, kind in MODALITIES.module_dict.items() if kind.__module__.startswith('photoreal.')}
    assert own == NOT_SHOWN | {config['type'] for config, _ in sheet.SHOWN.values()}


def test_the_picture_is_up_to_date() -> None:
    committed, made = cv2.imread(str(sheet.PATH))[..., ::-1].astype(float), sheet.sheet()
    assert committed.shape == made.shape, 'make it anew: python -m docs._generate.sheet'
    difference = np.abs(cv2.blur(committed, (5, 5)) - cv2.blur(made.astype(float), (5, 5)))
    assert np.quantile(difference, 0.98) < 12, 'make it anew: python -m docs._generate.sheet'
