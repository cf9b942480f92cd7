"""Clips from .npz files, one a video: for recordings that nobody wants to unpack into pictures."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from photoreal.errors import ConfigError, DataError
from photoreal.modalities import Modality, build_modalities
from photoreal.registry import DATASETS
from photoreal.structures import ClipItem


@DATASETS.register_module()
class NpzClips(Dataset):
    """Clips of ``<data_root>/train/real/<video>.npz``, whose arrays are the frames and the recorded modalities.

    Each file holds ``frames`` (T, H, W, 3) uint8 RGB, and under the name of a modality's folder its maps (T, H, W, c)
    or (T, H, W). Item k is a clip of the video ``k % videos``; where it starts, and where it is cropped, depends on
    (seed, k) alone, so that a run is resumed exactly.

    Args:
        data_root: Folder of the data set.
        modalities: Name -> config of a modality.
        clip_length: Frames of a clip.
        crop_size: Side of the crop in pixels.
        seed: Of all random choices.

    Raises:
        ConfigError: A modality that cannot be computed on crops.
        DataError: There are no such files, or one lacks an array or is too small.
    """

    scale = 1

    def __init__(self, data_root: str | os.PathLike, modalities: dict[str, dict | Modality], clip_length: int = 10,
                 crop_size: int = 128, seed: int = 0) -> None:
        self.modalities = build_modalities(modalities)
        self.clip_length, self.crop_size, self.seed = clip_length, crop_size, seed
        for name, modality in self.modalities.items():
            if modality.margin or modality.context or modality.align > 1:
                raise ConfigError(f"NpzClips: modality '{name}' looks beyond the crop, which this dataset cannot give "
                                  'it: leave it out')
        folder = Path(data_root) / 'train/real'
        self.files = sorted(folder.glob('*.npz'))
        if not self.files:
            raise DataError(f'{folder}: found no .npz file; expected one a video')
        for path in self.files:
            self._check(path)

    def _check(self, path: Path) -> None:
        with np.load(path) as arrays:
            wanted = {'frames', *(m.folder for m in self.modalities.values() if m.folder is not None)}
            missing = sorted(wanted - set(arrays.files))
            if missing:
                raise DataError(f"{path}: has no array '{missing[0]}', only {', '.join(arrays.files)}")
            length, height, width, _ = arrays['frames'].shape
        if length < self.clip_length or min(height, width) < self.crop_size:
            raise DataError(f'{path}: found {length} frames of {width}x{height}; expected at least {self.clip_length} '
                            f'of {self.crop_size}x{self.crop_size}')

    def __len__(self) -> int:
        """Clips an epoch: one a video."""
        return len(self.files)

    def __getitem__(self, k: int) -> ClipItem:
        rng = np.random.default_rng([self.seed, k])
        with np.load(self.files[k % len(self.files)]) as arrays:
            frames = arrays['frames']
            start, top, left = (int(rng.integers(extent - size + 1)) for extent, size in zip(
                frames.shape[:3], (self.clip_length, self.crop_size, self.crop_size), strict=True))

            def cut(array: np.ndarray) -> np.ndarray:
                return array[start:start + self.clip_length, top:top + self.crop_size, left:left + self.crop_size]

            maps = {}
            for name, modality in self.modalities.items():
                given = cut(frames if modality.folder is None else arrays[modality.folder])
                given = given if given.ndim == 4 else given[..., None]
                maps[name] = _to_tensor(modality.compute(given, **modality.sample(rng)))
        return ClipItem(maps=maps, target=_to_tensor(cut(frames)), seed=int(rng.integers(1 << 63)))


def _to_tensor(maps: np.ndarray) -> Tensor:
    """(T, H, W, c) -> (T, c, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(maps, -1, 1)))
