"""The picture of docs/modalities.md: one rendered frame as each modality shows it. To remake it::

    python -m docs._generate.sheet
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from docs._generate.components import ROOT
from docs._generate.pictures import FRAME, STREET
from photoreal.config import load_config
from photoreal.datasets.sources import open_source
from photoreal.datasets.styles import InputStyle, Reference
from photoreal.datasets.writers import write_image
from photoreal.modalities import Modality, build_modalities
from photoreal.registry import INPUT_STYLES

PATH = ROOT / 'docs/images/modalities.jpg'
LABELS = dict(type='LabelMap', num_classes=19, palette=None, ignore=24)
# What is shown, under which caption; the second is the seed of a clip in training, None: as at prediction.
SHOWN: dict[str, tuple[dict[str, Any], int | None]] = {
    'Blur': (dict(type='Blur'), None),
    'Smooth': (dict(type='Smooth', passes=3), None),
    'Guided': (dict(type='Guided'), None),
    'Kuwahara': (dict(type='Kuwahara'), None),
    'Superpixels': (dict(type='Superpixels'), None),
    'Posterize': (dict(type='Posterize'), None),
    'Palette, of a clip': (dict(type='Palette'), 1),
    'Gray': (dict(type='Gray'), None),
    'Edges': (dict(type='Edges'), None),
    'LineDrawing': (dict(type='LineDrawing'), None),
    'LabelMap': (LABELS, None),
    'LabelMap, degraded': (LABELS | dict(degrade=dict(warp=6, erode=1, drop=0.1)), 0),
    'Depth': (dict(type='Depth'), None),
    'Flow, estimated': (dict(type='Flow', limit=8), None),
}
STYLES = {'input style Jitter': dict(type='Jitter'), 'input style RandomConv': dict(type='RandomConv')}
COLUMNS, WIDTH, BAND, GAP = 4, 208, 18, 4  # pixels


def sheet() -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    frames = open_source(STREET, 'frames').read([FRAME - 1, FRAME])
    cells = {'the frame': frames[-1]}
    for caption, (config, seed) in SHOWN.items():
        [modality] = build_modalities({caption: config}).values()
        cells[caption] = _shown(modality, frames, seed)
    for seed in (1, 2):
        [mix] = [m for name, m in build_modalities(load_config(ROOT / 'configs/cosmos_mix.py').modalities).items()
                 if name == 'blur']
        cells[f'cosmos_mix.py, clip {seed}'] = _shown(mix, frames, seed)
    for caption, config in STYLES.items():
        style: InputStyle = INPUT_STYLES.build(config)
        params = style.sample(np.random.default_rng(3))
        cells[caption] = style.apply(frames[-1:], Reference(lambda: frames[-1]), **params)[0]
    pictures = [_cell(caption, picture) for caption, picture in cells.items()]
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % COLUMNS)
    rows = [np.concatenate(pictures[i:i + COLUMNS], axis=1) for i in range(0, len(pictures), COLUMNS)]
    return np.concatenate(rows)


def _shown(modality: Modality, frames: np.ndarray, seed: int | None) -> np.ndarray:
    """What the network sees of the last frame: (H, W, 3) uint8 RGB."""
    if modality.folder is not None:
        frames = open_source(STREET, modality.folder).read([FRAME], raw=modality.raw)
    params = modality.sample(None if seed is None else np.random.default_rng(seed))
    maps = modality.compute(frames, **params)[-1]
    return modality.show(modality.encode(torch.from_numpy(maps.copy()).movedim(-1, 0)))


def _cell(caption: str, picture: np.ndarray) -> np.ndarray:
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    picture = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
    band = np.full((BAND, WIDTH, 3), 255, np.uint8)
    cv2.putText(band, caption, (2, BAND - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return np.pad(np.concatenate([band, picture]), ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


if __name__ == '__main__':
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    write_image(path, sheet())
    print(path)
