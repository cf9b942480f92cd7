"""Modality dropout: the generator learns to do without any of its modalities, so that a user chooses what to feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_number
from photoreal.registry import suggest


@dataclass(frozen=True)
class ModalityDropout:
    """Which modalities a clip does without, drawn once a clip in training.

    Attributes:
        probs: Name of a modality that may be missing -> how often it is.
        keep: How many of all modalities are present at least.
        always: How many modalities are never missing.
    """

    probs: dict[str, float]
    keep: int
    always: int

    @classmethod
    def parse(cls, cfg: Mapping[str, Any] | None, names: Sequence[str], image: str | None = None) -> 'ModalityDropout':
        """Read a config; ``None`` stands for a model that always has all modalities.

        Args:
            cfg: ``prob``, one probability for every modality but the image, or name -> probability for some, the others
                being never missing; and, if wanted, ``keep``, 1 if left out.
            names: All modalities.
            image: The modality that the generator adds its output to; without it there would be nothing to add to.

        Raises:
            ConfigError: Unknown keys or names, the image among them, or a number out of range.
        """
        if cfg is None:
            return cls({}, 0, len(names))
        unknown = sorted(set(cfg) - {'prob', 'keep'})
        if unknown or 'prob' not in cfg:
            raise ConfigError(f'dropout={dict(cfg)}: expected dict(prob=..., keep=1)'
                              + (f", found '{unknown[0]}'{suggest(unknown[0], ('prob', 'keep'))}" if unknown else ''))
        prob = cfg['prob']
        given = dict(prob) if isinstance(prob, Mapping) else {name: prob for name in names if name != image}
        for name in given:
            if name not in names:
                raise ConfigError(f"dropout.prob names '{name}', which is no modality{suggest(name, names)}")
            if name == image:
                raise ConfigError(f"dropout.prob names '{name}', the image that the generator adds its output to, and "
                                  'which cannot be missing: leave it out there, or set image=None')
        probs = {name: check_number(f'dropout.prob of {name}', given[name], 0, 1) for name in names if name in given}
        keep = check_number('dropout.keep', cfg.get('keep', 1), 1, len(names), integer=True)
        return cls(probs, keep, len(names) - len(probs))

    def draw(self, seed: int, recorded: np.ndarray | None = None) -> np.ndarray:
        """Which of ``probs``, in their order, are present in the clip with this random seed: (P,) bool.

        Args:
            seed: The clip's.
            recorded: (P,) bool, which of them its video has at all; None: all.
        """
        chance, rank = np.random.default_rng(seed).random((2, len(self.probs)))
        there = np.ones(len(self.probs), bool) if recorded is None else recorded
        present = (chance >= np.array(list(self.probs.values()))) & there
        absent = np.flatnonzero(there & ~present)
        short = max(0, self.keep - self.always - int(present.sum()))
        present[absent[np.argsort(rank[absent])[:short]]] = True
        return present
