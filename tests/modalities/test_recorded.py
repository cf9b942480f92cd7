"""Recorded images and depth."""

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.modalities import Depth, GBuffer, ImageFolder, Normals
from photoreal.testing.modality import ModalityContract


class TestImageFolder(ModalityContract):
    def make(self):
        return ImageFolder('albedo')


class TestGrayImageFolder(ModalityContract):
    def make(self):
        return ImageFolder('shading', channels=1)


class TestDepth16(ModalityContract):
    def make(self):
        return Depth()

    def maps(self, rng, length, height, width):
        return rng.integers(0, 65536, (length, height, width, 1), dtype=np.uint16)


class TestDepth8(ModalityContract):
    def make(self):
        return Depth('distance', near=1, far=50, unit=0.2, invalid=255, inverse=False)

    def maps(self, rng, length, height, width):
        return rng.integers(0, 256, (length, height, width, 1), dtype=np.uint8)


class TestNormals(ModalityContract):
    value_range = (-1.0, 1.0)

    def make(self):
        return Normals()

    def maps(self, rng, length, height, width):
        maps = rng.integers(1, 255, (length, height, width, 3), dtype=np.uint8)
        maps[rng.random(maps.shape[:3]) < 0.2] = 0
        return maps


class TestGBuffer(ModalityContract):
    def make(self):
        return GBuffer('albedo')


class TestGBuffer16(ModalityContract):
    def make(self):
        return GBuffer('roughness', channels=1, limits=(1000, 30000), void=65535)

    def maps(self, rng, length, height, width):
        return rng.choice(np.array([0, 999, 20000, 60000, 65535], np.uint16), (length, height, width, 1))


def seen(depth: Depth, counts: list[int], dtype: type = np.uint16) -> list[float]:
    maps = depth.compute(np.array(counts, dtype).reshape(1, 1, -1, 1))
    assert maps.dtype == dtype
    return depth.encode(torch.from_numpy(maps[..., 0, None].transpose(0, 3, 1, 2))).flatten().tolist()


def test_images_come_out_as_values_by_255():
    frames = np.array([[[[0, 51, 255]]]], np.uint8)  # (1, 1, 1, 3)
    modality = ImageFolder('albedo')
    out = modality.encode(torch.from_numpy(modality.compute(frames)).permute(0, 3, 1, 2))
    assert out.flatten().tolist() == pytest.approx([0, 0.2, 1])
    assert ImageFolder('shading', channels=1).compute(np.full((1, 2, 2, 3), 93, np.uint8)).tolist() == \
        np.full((1, 2, 2, 1), 93).tolist()


def test_depth_by_hand():
    linear = Depth(near=2, far=10, unit=0.01, inverse=False)
    assert seen(linear, [200, 1000, 600, 100, 60000, 0]) == pytest.approx([0, 1, 0.5, 0, 1, 1])
    # 1/4 lies (0.25 - 0.1) / (0.5 - 0.1) = 0.375 of the way from far to near.
    inverse = Depth(near=2, far=10, unit=0.01)
    assert seen(inverse, [200, 1000, 400, 100, 60000, 0]) == pytest.approx([1, 0, 0.375, 1, 0, 0], abs=1e-6)


def test_depth_of_8_bits_and_without_invalid():
    depth = Depth(near=1, far=51, unit=0.5, invalid=None, inverse=False)
    assert seen(depth, [0, 2, 52, 102, 255], np.uint8) == pytest.approx([0, 0, 0.5, 1, 1])


def test_depth_takes_gray_that_was_stored_with_three_channels():
    gray = np.random.default_rng(0).integers(0, 250, (2, 6, 6, 1), dtype=np.uint8)
    lossy = np.concatenate([gray, gray + 3, gray + 1], axis=-1)
    np.testing.assert_array_equal(Depth().compute(lossy), gray)


def test_depth_refuses_colour_maps_and_floats():
    colours = np.zeros((1, 4, 4, 3), np.uint8)
    colours[0, 0, 0] = (255, 0, 0)
    with pytest.raises(ValueError, match='stored in colours'):
        Depth().compute(colours)
    with pytest.raises(ValueError, match='float32.*16-bit'):
        Depth().compute(np.zeros((1, 4, 4, 1), np.float32))


@pytest.mark.parametrize('arguments', [
    {'near': 0}, {'far': 1}, {'near': 'x'}, {'unit': 0}, {'invalid': -1}, {'invalid': 0.5}, {'folder': 'a/b'},
    {'folder': ''},
])
def test_wrong_depth_arguments_are_named(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        Depth(**arguments)


def test_wrong_image_arguments_are_named():
    with pytest.raises(ConfigError, match='channels=2'):
        ImageFolder('albedo', channels=2)
    with pytest.raises(ConfigError, match="folder='../frames'"):
        ImageFolder('../frames')


def test_normals_by_hand():
    normals = Normals()
    maps = np.array([[[[255, 128, 0], [0, 0, 0], [0, 255, 255]]]], np.uint8)
    out = normals.encode(torch.from_numpy(normals.compute(maps)).permute(0, 3, 1, 2))[0, :, 0]  # (3, W)
    assert out.T.flatten().tolist() == pytest.approx([1, 1 / 255, -1, 0, 0, 0, -1, 1, 1], abs=1e-6)
    assert normals.flip(maps)[0, 0].tolist() == [[255, 255, 255], [0, 0, 0], [0, 128, 0]]


def test_a_buffer_tells_nothing_from_the_smallest_value():
    buffer = GBuffer('roughness', channels=1, limits=(10, 30))
    maps = np.array([0, 5, 10, 20, 99], np.uint8).reshape(1, 1, -1, 1)
    out = buffer.encode(torch.from_numpy(buffer.compute(maps)).permute(0, 3, 1, 2))[0, :, 0]
    assert buffer.channels == 2
    assert out.tolist() == [[0, 0, 0, 0.5, 1], [0, 1, 1, 1, 1]]
    colours = GBuffer('albedo').compute(np.array([[[[0, 0, 0], [0, 0, 1]]]], np.uint8))
    assert colours.tolist() == [[[[0, 0, 0, 0], [0, 0, 1, 1]]]]
    whole = GBuffer('albedo', void=None).compute(np.zeros((1, 1, 1, 3), np.uint16))
    assert whole.tolist() == [[[[0, 0, 0, 1]]]] and whole.dtype == np.uint16


@pytest.mark.parametrize('arguments, message', [
    (dict(channels=2), 'channels=2'), (dict(limits=(5, 5)), 'expected low < high'), (dict(limits=3), 'expected .low'),
    (dict(void=-1), 'void=-1'), (dict(folder='a/b'), 'folder')])
def test_buffers_that_cannot_be(arguments, message):
    with pytest.raises(ConfigError, match=message):
        GBuffer(**{'folder': 'x', **arguments})


def test_a_buffer_of_too_few_channels():
    with pytest.raises(ValueError, match='stored as 1 channels of uint8: expected 3'):
        GBuffer('albedo').compute(np.zeros((1, 2, 2, 1), np.uint8))
