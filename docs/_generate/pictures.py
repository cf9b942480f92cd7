"""One rendered frame as each modality shows it to the network."""

from functools import cache

import cv2
import numpy as np
import torch

from docs._generate.components import ROOT, components
from docs._generate.examples import configs
from photoreal.datasets.layout import VideoRecord
from photoreal.datasets.sources import open_source
from photoreal.inspect.maps import read_maps
from photoreal.modalities import Modality
from photoreal.registry import MODALITIES
from photoreal.validation import walk

STREET = ROOT / 'examples/sample/street'
FRAME = 24


@cache
def pictures() -> dict[str, bytes]:
    """Name of a modality -> a WebP, the frame beside its map; those that need more than the street has are missing."""
    recorded = {path.name: open_source(STREET, path.name) for path in STREET.iterdir() if path.is_dir()}
    street = VideoRecord('street', 'virtual', 'val', STREET, recorded.pop('frames'), recorded)
    modalities = {component.name: _build(component.name) for component in components()['modality']}
    shown = {name: modality for name, modality in modalities.items()
             if modality is not None and modality.folder in (None, *recorded)}
    maps = read_maps(street, {modality.folder or name: modality for name, modality in shown.items()} | {'frame': None},
                     FRAME)
    return {name: _webp(maps['frame'], maps[modality.folder or name], modality) for name, modality in shown.items()}


def _build(name: str) -> Modality | None:
    """The modality as a config has it, or else with its defaults; None where it has none."""
    given = [node for cfg in configs().values() for _, node in walk(cfg)
             if isinstance(node, dict) and node.get('type') == name]
    required = [a for a in next(c for c in components()['modality'] if c.name == name).arguments if a.default is None]
    return MODALITIES.build(given[0]) if given else None if required else MODALITIES.build({'type': name})


def _webp(frame: np.ndarray, computed: np.ndarray, modality: Modality) -> bytes:
    """(H, W, 3) uint8 and (h, w, c) -> a WebP with both side by side."""
    shown = modality.show(modality.encode(torch.from_numpy(computed.copy()).movedim(-1, 0)))
    shown = cv2.resize(shown, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    both = np.concatenate([frame, shown], axis=1)[..., ::-1]
    return cv2.imencode('.webp', both, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes()
