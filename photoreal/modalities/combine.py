"""Modalities made of modalities: one of several at random, or one after another."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_number
from photoreal.modalities.base import Modality
from photoreal.modalities.images import shrink
from photoreal.registry import MODALITIES

_PROBE = 16  # side in pixels of the picture that parts are tried on


@MODALITIES.register_module()
class OneOf(Modality):
    """One of several modalities, drawn for each clip, so that the generator learns not to rely on any kind of map.

    Args:
        choices: Modalities that are computed from the frame and seen alike: the same channels of the same meaning.
        probs: How often each is drawn; None: all alike.
        fixed: Which of them it is outside training, counted from 0.

    Raises:
        ConfigError: An argument is out of its range, or the choices do not fit together.
    """

    def __init__(self, choices: Sequence[dict | Modality], probs: Sequence[float] | None = None,
                 fixed: int = 0) -> None:
        self.choices = _build('choices', choices)
        self.probs = _parse_probs(probs, len(self.choices))
        self.fixed = check_number('fixed', fixed, 0, len(self.choices) - 1, integer=True)
        self.channels = self.choices[0].channels
        self.is_label, self.num_classes = self.choices[0].is_label, self.choices[0].num_classes
        self.context = max(choice.context for choice in self.choices)
        self.margin = max(choice.margin for choice in self.choices)
        self.align = math.lcm(*(choice.align for choice in self.choices))
        self.exact_crop = all(choice.exact_crop for choice in self.choices)
        self.directed = any(choice.directed for choice in self.choices)
        self._check_alike()

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``choice`` (int), and ``params``, what the chosen modality draws."""
        choice = self.fixed if rng is None else int(rng.choice(len(self.choices), p=self.probs))
        return {'choice': choice, 'params': self.choices[choice].sample(rng)}

    def compute(self, frames: np.ndarray, choice: int, params: dict[str, Any]) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> what the chosen modality makes of it."""
        return self.choices[choice].compute(frames, **params)

    def encode(self, x: Tensor) -> Tensor:
        """(..., c, H, W) -> (..., channels, H, W) float32, as every choice does."""
        return self.choices[0].encode(x)

    def shrink(self, maps: np.ndarray, scale: int) -> np.ndarray:
        """(T, H*s, W*s, 3) -> (T, H, W, 3), as every choice does."""
        return self.choices[0].shrink(maps, scale)

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, c) left to right, as every choice does."""
        return self.choices[0].flip(maps)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., channels, H, W) -> (..., H, W, 3) uint8 RGB, as the first choice does."""
        return self.choices[0].show(encoded)

    def _check_alike(self) -> None:
        """What one makes must mean to the network what it means when another makes it."""
        first, made = self.choices[0], [_try(choice) for choice in self.choices]
        for i, choice in enumerate(self.choices):
            who = f'choices[{i}]={type(choice).__name__}'
            if choice.channels != first.channels or choice.is_label != first.is_label:
                raise ConfigError(f'{who} has {choice.channels} channels, choices[0]={type(first).__name__} '
                                  f'{first.channels}: expected modalities of the same channels')
            same = made[i].dtype == made[0].dtype and made[i].shape == made[0].shape and all(
                torch.equal(choice.encode(_raw(maps)), first.encode(_raw(maps)))
                and np.array_equal(choice.flip(maps), first.flip(maps)) for maps in (made[0], made[i]))
            if not np.array_equal(choice.shrink(_probe(1), 2), first.shrink(_probe(1), 2)):
                raise ConfigError(f'{who} and choices[0]={type(first).__name__} make frames smaller in different ways, '
                                  'which cannot depend on the clip: name them as modalities of their own')
            if not same:
                raise ConfigError(f'{who} and choices[0]={type(first).__name__} are encoded or mirrored in different '
                                  'ways: expected modalities that the network sees alike')


@MODALITIES.register_module()
class Chain(Modality):
    """Several modalities one after another: each is computed from what the one before it made.

    Args:
        steps: Modalities that are computed from the frame; all but the last make RGB pictures of uint8.

    Raises:
        ConfigError: A step cannot stand where it does.
    """

    def __init__(self, steps: Sequence[dict | Modality]) -> None:
        self.steps = _build('steps', steps)
        for i, step in enumerate(self.steps):
            who = f'steps[{i}]={type(step).__name__}'
            if i < len(self.steps) - 1 and not _is_picture(made := _try(step)):
                raise ConfigError(f'{who} makes {made.shape[-1]} channels of {made.dtype}, and no RGB picture of uint8 '
                                  'for the step after it: put it last')
            if i and not np.array_equal(step.shrink(_probe(1), 2), shrink(_probe(1), 2)):
                raise ConfigError(f'{who} makes frames smaller in a way of its own: put it first')
        self.channels = self.steps[-1].channels
        self.is_label, self.num_classes = self.steps[-1].is_label, self.steps[-1].num_classes
        self.context = sum(step.context for step in self.steps)
        self.margin = sum(step.margin for step in self.steps)
        self.align = math.lcm(*(step.align for step in self.steps))
        self.exact_crop = all(step.exact_crop for step in self.steps)
        self.directed = any(step.directed for step in self.steps)

    def sample(self, rng: np.random.Generator | None) -> dict[str, Any]:
        """``steps``, a list of what each step draws."""
        return {'steps': [step.sample(rng) for step in self.steps]}

    def compute(self, frames: np.ndarray, steps: Sequence[dict[str, Any]]) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB -> what the last step makes."""
        for step, params in zip(self.steps, steps, strict=True):
            frames = step.compute(frames, **params)
        return frames

    def encode(self, x: Tensor) -> Tensor:
        """(..., c, H, W) -> (..., channels, H, W) float32, as the last step does."""
        return self.steps[-1].encode(x)

    def shrink(self, maps: np.ndarray, scale: int) -> np.ndarray:
        """(T, H*s, W*s, 3) -> (T, H, W, 3), as the first step does."""
        return self.steps[0].shrink(maps, scale)

    def flip(self, maps: np.ndarray) -> np.ndarray:
        """Mirror maps (T, H, W, c) left to right, as the last step does."""
        return self.steps[-1].flip(maps)

    def show(self, encoded: Tensor) -> np.ndarray:
        """(..., channels, H, W) -> (..., H, W, 3) uint8 RGB, as the last step does."""
        return self.steps[-1].show(encoded)


def _build(name: str, parts: Sequence[dict | Modality]) -> list[Modality]:
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise ConfigError(f"{name}={parts!r}: expected a list of modalities, such as [dict(type='Blur')]")
    built = []
    for i, part in enumerate(parts):
        if not isinstance(part, Modality):
            if not isinstance(part, dict) or 'type' not in part:
                raise ConfigError(f"{name}[{i}]={part!r}: expected the config of a modality, such as dict(type='Blur')")
            part = MODALITIES.build(part)
        if part.folder is not None:
            raise ConfigError(f"{name}[{i}]={type(part).__name__} is read from the folder '{part.folder}': "
                              'expected a modality that is computed from frames')
        built.append(part)
    return built


def _parse_probs(probs: Sequence[float] | None, count: int) -> list[float]:
    if probs is None:
        return [1 / count] * count
    if not isinstance(probs, Sequence) or len(probs) != count:
        raise ConfigError(f'probs={probs!r}: expected {count} probabilities, one for each choice')
    found = [check_number(f'probs[{i}]', prob, 0, 1) for i, prob in enumerate(probs)]
    if not math.isclose(sum(found), 1, abs_tol=1e-6):
        raise ConfigError(f'probs={probs!r} add up to {sum(found):g}: expected 1')
    return [prob / sum(found) for prob in found]


def _try(modality: Modality) -> np.ndarray:
    """What a modality makes of noise: (T, H, W, c)."""
    return modality.compute(_probe(modality.context + 1), **modality.sample(None))[-1:]


def _probe(length: int) -> np.ndarray:
    """Noise (T, H, W, 3)."""
    return np.random.default_rng(0).integers(0, 256, (length, _PROBE, _PROBE, 3), dtype=np.uint8)


def _is_picture(maps: np.ndarray) -> bool:
    return maps.dtype == np.uint8 and maps.shape[-1] == 3


def _raw(maps: np.ndarray) -> Tensor:
    """(T, H, W, c) -> (T, c, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(maps, -1, -3)))
