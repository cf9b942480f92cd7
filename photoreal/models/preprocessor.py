"""From what the data workers deliver to what the networks see, on the model's device.

Legend: N batch, T time, C condition channels, c channels of one map, P modalities that may be missing, H height,
W width.
"""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from photoreal.errors import ConfigError, DataError
from photoreal.modalities import Modality, build_modalities
from photoreal.modalities.dropout import ModalityDropout
from photoreal.models.generators import Generator
from photoreal.registry import GENERATORS
from photoreal.structures import ConditionLayout


class ClipPreprocessor(nn.Module):
    """Move a batch to the device, encode each modality there, and lay them side by side as the condition.

    A modality that may be missing has one more channel, its presence: 1 where it is there; else 0, and so is all that
    it would show. No branch of a network is skipped for that, so that all processes of a training do the same.

    Args:
        modalities: Name -> config of a modality, in the order of the condition's channels.
        image: Name of the modality that is the 3-channel degraded frame; None where there is none.
        dropout: How often modalities are missing in training: ``dict(prob=0.3, keep=1)``, or a probability for each by
            name, see :meth:`ModalityDropout.parse`; None: never, and they must all be given at prediction.

    Attributes:
        layout: Which channels of the condition belong to which modality.

    Raises:
        ConfigError: A modality cannot be built, ``image`` names none of 3 channels, or ``dropout`` is out of range.
    """

    def __init__(self, modalities: dict[str, dict | Modality], image: str | None = None,
                 dropout: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.register_buffer('_anchor', torch.empty(0), persistent=False)  # it goes with the model to its device
        self.modalities = build_modalities(modalities)
        self.dropout = ModalityDropout.parse(dropout, list(self.modalities), image)
        channels = {name: modality.channels for name, modality in self.modalities.items()}
        self.layout = ConditionLayout.from_channels(channels, image, optional=tuple(self.dropout.probs))

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Replace ``maps`` by ``condition`` (N, T, C, H, W), or (N, C, H, W) for single frames.

        ``target`` and ``teacher`` become float32 in [0, 1], and ``labels`` is added, (N, T, H, W) uint8, where a
        modality has classes; everything else is passed on as it is, on the device. The clips under ``virtual``, where
        there are any, are made into such a batch too.

        Args:
            data: A collated batch of clips or frames.
            training: Whether modalities are missing at random, as follows from each clip's ``seed``.
        """
        data = dict(data)
        seeds, virtual = data.pop('seed', None), data.pop('virtual', None)
        recorded = self._recorded(data.pop('recorded', None))
        drawn = training and self.layout.presence
        present = self._draw(seeds, recorded) if drawn else None if recorded is None else torch.from_numpy(recorded)
        data = self._on_device(data)
        labels = self.labels(data['maps'])
        if labels is not None:
            data['labels'] = labels.squeeze(-3)  # (N, T, H, W)
        data['condition'] = self.encode(data.pop('maps'), present)
        for name in ('target', 'teacher'):
            if name in data:
                data[name] = data[name].float() / 255
        if virtual is not None:
            data['virtual'] = self.forward(virtual, training)
        return data

    def _on_device(self, data: Any) -> Any:
        """The same with all tensors on the model's device, however deep they lie in dicts and lists."""
        if isinstance(data, Tensor):
            return data.to(self._anchor.device, non_blocking=True)
        if isinstance(data, Mapping):
            return {key: self._on_device(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self._on_device(value) for value in data]
        return data

    def encode(self, maps: Mapping[str, Tensor], present: Tensor | None = None) -> Tensor:
        """The condition (N, ..., C, H, W) of maps (N, ..., c, H, W) on one device.

        Args:
            maps: Name of a modality -> its maps; those that may be missing may be.
            present: (N, P) 1 or 0 for each modality that may be missing; None: those are present that are given.

        Raises:
            DataError: A modality is missing that must not be.
        """
        encoded = {name: m.encode(maps[name]) for name, m in self.modalities.items() if name in maps}
        self.check_given(encoded)
        like = next(iter(encoded.values()))
        lead, size = like.shape[:-3], like.shape[-2:]  # (N, ...), (H, W)
        planes = []
        for i, name in enumerate(self.layout.presence):
            plane = like.new_full((*lead, 1, *size), float(name in encoded))
            if present is not None and name in encoded:
                plane *= present[:, i].to(like, non_blocking=True).view(-1, *[1] * (like.ndim - 1))
                encoded[name] = encoded[name] * plane
            planes.append(plane)
        parts = [encoded[name] if name in encoded else like.new_zeros(*lead, m.channels, *size)
                 for name, m in self.modalities.items()]
        return torch.cat(parts + planes, dim=-3)

    def check_given(self, names: Collection[str]) -> None:
        """See that what is given is enough.

        Raises:
            DataError: A modality is missing that must not be, or all are.
        """
        missing = [name for name in self.modalities if name not in names]
        needed = [name for name in missing if name not in self.layout.presence]
        if needed:
            may = f'only {", ".join(sorted(self.layout.presence))} may be' if self.layout.presence else \
                'it was not trained with modality dropout'
            raise DataError(f"the model needs the modality '{needed[0]}', which is missing; {may}")
        if len(missing) == len(self.modalities):
            raise DataError(f'all modalities are left out ({", ".join(missing)}): the model needs one at least')

    def labels(self, maps: dict[str, Tensor]) -> Tensor | None:
        """Of ``maps``, the first that holds a class for each pixel, (..., 1, H, W) uint8; None where there is none."""
        return next((maps[name] for name, m in self.modalities.items() if m.num_classes and name in maps), None)

    @property
    def classes(self) -> int:
        """Classes of the first label map; 0 without one."""
        return next((m.num_classes for m in self.modalities.values() if m.num_classes), 0)

    def build_generator(self, cfg: Mapping[str, Any]) -> Generator:
        """A generator of this config, and of what follows from the modalities.

        Raises:
            ConfigError: The config gives what follows, or cannot be built.
        """
        at, motion = self.layout.image_slice, self._motion()
        derived = dict(in_channels=self.layout.channels, skip=(at.start, at.stop) if at else None)
        kind = GENERATORS.get(str(cfg.get('type')))
        if kind is not None and 'motion' in inspect.signature(kind).parameters:
            derived['motion'] = motion
        return GENERATORS.build(merge_derived(derived, cfg, 'generator'))

    def _motion(self) -> tuple[int, float] | None:
        """Where backward flow lies in the condition: its first channel, and how many pixels a value of 1 is."""
        found = [name for name, m in self.modalities.items() if m.motion_unit]
        return (self.layout.slices[found[0]].start, self.modalities[found[0]].motion_unit) if found else None

    def image(self, condition: Tensor) -> Tensor | None:
        """The degraded frame (..., 3, H, W) within a condition (..., C, H, W)."""
        at = self.layout.image_slice
        return None if at is None else condition[..., at, :, :]

    def _recorded(self, given: Mapping[str, Tensor] | None) -> np.ndarray | None:
        """Which modalities that may be missing each clip's video has: (N, P) bool; None: all that are given."""
        if not given or not self.layout.presence:
            return None
        some = next(iter(given.values()))
        return torch.stack([given.get(name, torch.ones_like(some)) for name in self.layout.presence], 1).bool().numpy()

    def _draw(self, seeds: Tensor | None, recorded: np.ndarray | None) -> Tensor:
        """Which modalities each clip of a batch has: (N, P) float32."""
        if seeds is None:
            raise ConfigError("dropout needs a 'seed' in each training item, which this dataset does not give: "
                              'add one, see photoreal.structures.ClipItem')
        return torch.from_numpy(np.stack([self.dropout.draw(seed, None if recorded is None else recorded[i])
                                          for i, seed in enumerate(seeds.tolist())])).float()


def merge_derived(derived: Mapping[str, Any], cfg: Mapping[str, Any], who: str) -> dict[str, Any]:
    """A part's config with what is derived for it.

    Raises:
        ConfigError: The config gives such an argument itself.
    """
    for key in derived:
        if key in cfg:
            raise ConfigError(f'model.{who}.{key}={cfg[key]} is derived from the modalities and the generator '
                              f'({derived[key]}): remove it')
    return {**cfg, **derived}
