"""The contract of modalities, as tests.

A modality's test inherits it::

    class TestMine(ModalityContract):
        def make(self):
            return Mine(strength=2)

A modality that is recorded with the frames also overrides :meth:`ModalityContract.maps`.
"""

import pickle
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from photoreal.modalities.base import Modality
from photoreal.registry import MODALITIES


def street_frames(rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 RGB with soft gradients, hard edges, noise and motion, for tests to look at."""
    frames = np.empty((length, height, width, 3), np.uint8)
    soft = cv2.resize(rng.uniform(40, 200, (5, 6, 3)).astype(np.float32), (width, height))
    corners = rng.uniform(0, 1, (8, 2)) * (width, height)
    sizes = rng.uniform(0.1, 0.4, (8, 2)) * (width, height)
    colours = rng.integers(0, 256, (8, 3))
    for t in range(length):
        frame = soft.copy()
        for corner, size, colour in zip(corners + t, sizes, colours):
            start, end = corner.astype(int).tolist(), (corner + size).astype(int).tolist()
            cv2.rectangle(frame, start, end, colour.tolist(), cv2.FILLED)
        frames[t] = np.clip(frame + rng.normal(0, 6, frame.shape), 0, 255)
    return frames


class ModalityContract:
    """What every modality must do. Inherit in a class whose name starts with ``Test``.

    Attributes:
        value_range: Smallest and largest value that ``encode`` may give; None where there are no bounds.
    """

    value_range: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def make(self) -> Modality:
        """The modality under test, a new one at each call."""
        raise NotImplementedError(f'{type(self).__name__} must override make()')

    def maps(self, rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
        """What ``compute`` is given: frames (T, H, W, 3) uint8 RGB, or, where recorded, maps (T, H, W, c) as read."""
        return street_frames(rng, length, height, width)

    def test_is_registered(self) -> None:
        kind = type(self.make())
        assert kind in MODALITIES.module_dict.values(), f'{kind.__name__} lacks @MODALITIES.register_module()'

    def test_attributes_have_their_types(self) -> None:
        modality = self.make()
        assert isinstance(modality, Modality), f'{type(modality)} is no Modality'
        for name, smallest in {'channels': 1, 'context': 0, 'margin': 0, 'align': 1}.items():
            value = getattr(modality, name)
            assert isinstance(value, int) and value >= smallest, f'{name}={value!r}, expected int >= {smallest}'
        assert modality.folder is None or modality.folder, f'folder={modality.folder!r}, expected None or a name'

    def test_sample_outside_training_is_fixed(self) -> None:
        modality = self.make()
        first = modality.sample(None)
        _draws(modality)
        assert modality.sample(None) == first == self.make().sample(None), 'sample(None) varies'

    def test_sample_follows_from_the_seed(self) -> None:
        assert _draws(self.make()) == _draws(self.make()), 'sample(rng) does not follow from the seed alone'

    def test_compute_gives_one_map_a_frame(self) -> None:
        modality = self.make()
        for length, height, width in [(1, 5, 7), (1, 33, 47), (3, 40, 64)]:
            maps = self._maps(length, height, width)
            for params in [modality.sample(None), *_draws(modality)]:
                out = modality.compute(maps, **params)
                assert isinstance(out, np.ndarray), f'compute gave a {type(out).__name__}, expected an array'
                assert out.dtype in (np.uint8, np.uint16, np.float32), f'compute gave {out.dtype}'
                assert out.ndim == 4 and out.shape[:3] == (length, height, width), \
                    f'compute made {out.shape} of {maps.shape}'

    def test_compute_repeats_itself(self) -> None:
        modality, maps = self.make(), self._maps(3, 33, 47)
        for params in _draws(modality):
            first = modality.compute(maps, **params).copy()
            np.testing.assert_array_equal(modality.compute(maps, **params), first)

    def test_compute_leaves_its_input(self) -> None:
        modality, maps = self.make(), self._maps(3, 33, 47)
        before = maps.copy()
        for params in [modality.sample(None), *_draws(modality)]:
            modality.compute(maps, **params)
        np.testing.assert_array_equal(maps, before, 'compute changed its input')

    def test_compute_takes_views(self) -> None:
        modality, maps = self.make(), self._maps(3, 33, 47)
        params = modality.sample(None)
        for view in (maps[::-1, 2:30, 5:], maps[:, :, ::-1]):
            expected = modality.compute(np.ascontiguousarray(view), **params)
            np.testing.assert_array_equal(modality.compute(view, **params), expected)

    def test_compute_looks_back_no_further_than_context(self) -> None:
        modality = self.make()
        length = modality.context + 4
        maps = self._maps(length, 33, 47)
        params = modality.sample(None)
        whole = modality.compute(maps, **params)
        for i in range(modality.context, length):
            alone = modality.compute(maps[i - modality.context:i + 1], **params)
            np.testing.assert_array_equal(alone[-1], whole[i], f'frame {i} depends on more than context')

    def test_map_of_a_crop_is_the_crop_of_the_map(self) -> None:
        modality = self.make()
        if not modality.exact_crop:
            return
        reach = modality.margin + modality.align
        height, width = 2 * reach + 31, 2 * reach + 45
        maps = self._maps(modality.context + 2, height, width)
        inside = (reach + 3, reach + 5, 11, 17)  # top, left, height, width
        corners = [(0, 0, 13, 9), (height - 13, width - 9, 13, 9), (0, width - 15, 20, 15), (height - 7, 1, 7, 22)]
        for params in [modality.sample(None), *_draws(modality)]:
            whole = modality.compute(maps, **params)
            for top, left, rows, columns in [inside, *corners]:
                y, x = (max(0, at - modality.margin) // modality.align * modality.align for at in (top, left))
                crop = maps[:, y:top + rows + modality.margin, x:left + columns + modality.margin]
                found = modality.compute(crop, **params)[:, top - y:top - y + rows, left - x:left - x + columns]
                np.testing.assert_array_equal(found, whole[:, top:top + rows, left:left + columns],
                                              f'crop at ({top}, {left}) of {rows} x {columns}, {params}')

    def test_shrink_divides_the_size(self) -> None:
        modality, maps = self.make(), self._maps(2, 24, 40)
        np.testing.assert_array_equal(modality.shrink(maps, 1), maps, 'shrink by 1 changed what is small already')
        for scale in (2, 4):
            small = modality.shrink(maps, scale)
            assert small.shape == (2, 24 // scale, 40 // scale, maps.shape[-1]), \
                f'shrink by {scale} made {small.shape} of {maps.shape}'
            assert small.dtype == maps.dtype, f'shrink made {small.dtype} of {maps.dtype}'

    def test_shrunk_crop_is_the_crop_of_the_shrunk(self) -> None:
        modality = self.make()
        if not modality.exact_crop:
            return
        margin = modality.margin
        for scale in (2, 4):
            maps = self._maps(1, (2 * margin + 9) * scale, (2 * margin + 11) * scale)
            crop = modality.shrink(maps[:, scale:, 2 * scale:], scale)[:, margin:, margin:]
            np.testing.assert_array_equal(crop, modality.shrink(maps, scale)[:, margin + 1:, margin + 2:],
                                          f'shrink by {scale} looks further than the margin of {margin} pixels')

    def test_flip_twice_is_no_flip(self) -> None:
        modality, maps = self.make(), self._maps(2, 9, 15)
        flipped = modality.flip(maps)
        assert flipped.shape == maps.shape and flipped.dtype == maps.dtype, 'flip changed shape or type'
        np.testing.assert_array_equal(modality.flip(flipped), maps)

    def test_encode_gives_what_the_network_sees(self) -> None:
        modality = self.make()
        raw = self._raw(modality)  # (N, T, c, H, W)
        before = raw.clone()
        out = modality.encode(raw)
        assert out.dtype == torch.float32, f'encode gave {out.dtype}, expected float32'
        assert out.shape == (*raw.shape[:2], modality.channels, *raw.shape[3:]), \
            f'encode made {tuple(out.shape)} of {tuple(raw.shape)} with channels={modality.channels}'
        assert out.isfinite().all(), 'encode gave values that are not finite'
        if self.value_range is not None:
            low, high = self.value_range
            assert low <= out.min() and out.max() <= high, f'encode gave {out.min()} to {out.max()}'
        np.testing.assert_array_equal(raw.numpy(), before.numpy(), 'encode changed its input')

    def test_encode_takes_any_leading_dimensions(self) -> None:
        modality = self.make()
        raw = self._raw(modality)  # (N, T, c, H, W)
        batch = modality.encode(raw)
        torch.testing.assert_close(modality.encode(raw[1]), batch[1], rtol=0, atol=0)
        torch.testing.assert_close(modality.encode(raw[1, 0]), batch[1, 0], rtol=0, atol=0)

    def test_show_makes_pictures(self) -> None:
        modality = self.make()
        encoded = modality.encode(self._raw(modality))
        picture = modality.show(encoded)
        assert picture.dtype == np.uint8, f'show gave {picture.dtype}, expected uint8'
        assert picture.shape == (*encoded.shape[:2], *encoded.shape[3:], 3), \
            f'show made {picture.shape} of {tuple(encoded.shape)}'
        np.testing.assert_array_equal(modality.show(encoded[0, 0]), picture[0, 0])

    def test_encode_stays_on_the_device(self) -> None:
        modality = self.make()
        raw = self._raw(modality)
        device = torch.device('cuda' if torch.cuda.is_available() else 'meta')
        assert modality.encode(raw.to(device)).device.type == device.type

    def test_survives_pickling(self) -> None:
        modality, maps = self.make(), self._maps(2, 33, 47)
        twin = pickle.loads(pickle.dumps(modality))
        assert _draws(twin) == _draws(modality)
        params = modality.sample(None)
        np.testing.assert_array_equal(twin.compute(maps, **params), modality.compute(maps, **params))

    def _maps(self, length: int, height: int, width: int) -> np.ndarray:
        return self.maps(np.random.default_rng(7), length, height, width)

    def _raw(self, modality: Modality) -> Tensor:
        """Computed maps of two clips: (N, T, c, H, W)."""
        clips = [self.maps(np.random.default_rng(seed), modality.context + 2, 19, 27) for seed in (1, 2)]
        computed = np.stack([modality.compute(maps, **modality.sample(None)) for maps in clips])
        return torch.from_numpy(np.moveaxis(computed, -1, -3).copy())


def _draws(modality: Modality) -> list[dict[str, Any]]:
    """Parameters of a few clips in training, always the same for the same modality."""
    return [modality.sample(np.random.default_rng(seed)) for seed in range(4)]
