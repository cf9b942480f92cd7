"""The contract of input styles, as tests.

An input style's test inherits it::

    class TestMine(InputStyleContract):
        def make(self):
            return Mine(strength=2)
"""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from photoreal.datasets.styles import InputStyle, Reference
from photoreal.registry import INPUT_STYLES
from photoreal.testing.modality import street_frames


class InputStyleContract:
    """What every input style must do. Inherit in a class whose name starts with ``Test``."""

    def make(self) -> InputStyle:
        """The input style under test, a new one at each call."""
        raise NotImplementedError(f'{type(self).__name__} must override make()')

    def test_is_registered(self) -> None:
        kind = type(self.make())
        assert kind in INPUT_STYLES.module_dict.values(), f'{kind.__name__} lacks @INPUT_STYLES.register_module()'

    def test_sample_follows_from_the_seed(self) -> None:
        assert _draws(self.make()) == _draws(self.make()), 'sample(rng) does not follow from the seed alone'

    def test_gives_frames_of_the_same_size(self) -> None:
        style = self.make()
        for length, height, width in [(1, 5, 7), (1, 33, 47), (3, 40, 64)]:
            frames = _street(0, length, height, width)
            for params in _draws(style):
                out = style.apply(frames, reference(style, frames[0]), **params)
                assert out.dtype == np.uint8 and out.shape == frames.shape, \
                    f'apply made {out.dtype} {out.shape} of {frames.shape}'

    def test_changes_frames(self) -> None:
        style, frames = self.make(), _street(0)
        outs = [style.apply(frames, reference(style, frames[0]), **params) for params in _draws(style)]
        assert any((out != frames).any() for out in outs), 'apply changes nothing'
        assert any((out != outs[0]).any() for out in outs), 'all clips are changed alike'

    def test_repeats_itself(self) -> None:
        style, frames = self.make(), _street(0)
        for params in _draws(style):
            first = style.apply(frames, reference(style, frames[0]), **params).copy()
            np.testing.assert_array_equal(style.apply(frames, reference(style, frames[0]), **params), first)

    def test_leaves_its_input(self) -> None:
        style, frames = self.make(), _street(0)
        before, given = frames.copy(), reference(style, frames[0])
        for params in _draws(style):
            style.apply(frames, given, **params)
        np.testing.assert_array_equal(frames, before, 'apply changed its input')

    def test_takes_views(self) -> None:
        style, frames = self.make(), _street(0)
        for view in (frames[::-1, 2:30, 5:], frames[:, :, ::-1]):
            given = reference(style, frames[0])
            for params in _draws(style):
                np.testing.assert_array_equal(style.apply(view, given, **params),
                                              style.apply(np.ascontiguousarray(view), given, **params))

    def test_a_still_clip_stays_nearly_still(self) -> None:
        style = self.make()
        still = np.repeat(_street(0, 1), 6, axis=0)
        for params in _draws(style):
            out = style.apply(still, reference(style, still[0]), **params).astype(float)
            level = out.mean((1, 2))  # (T, 3)
            assert np.ptp(level, axis=0).max() < 12, 'the brightness of a clip jumps from frame to frame'

    def test_survives_pickling(self) -> None:
        style, frames = self.make(), _street(0)
        twin = pickle.loads(pickle.dumps(style))
        assert _draws(twin) == _draws(style) and twin.prob == style.prob
        for params in _draws(style):
            np.testing.assert_array_equal(twin.apply(frames, reference(style, frames[0]), **params),
                                          style.apply(frames, reference(style, frames[0]), **params))


def reference(style: InputStyle, frame: np.ndarray) -> Reference:
    """Whole frames for a style: the clip's own, and, where it asks for one, a donor of other colours."""
    donor = np.clip(_street(5, 1, 48, 80)[0] * np.array([0.4, 0.7, 1.0]) + [10, 0, 40], 0, 255).astype(np.uint8)
    return Reference(lambda: frame, (lambda: donor) if style.needs_donor else None)


def _street(seed: int, length: int = 3, height: int = 33, width: int = 47) -> np.ndarray:
    return street_frames(np.random.default_rng(seed), length, height, width)


def _draws(style: InputStyle) -> Sequence[dict[str, Any]]:
    return [style.sample(np.random.default_rng(seed)) for seed in range(4)]
