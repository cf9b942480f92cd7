import numpy as np
import pytest
import torch

from photoreal.datasets.transforms import Window, reflect, to_tensor
from photoreal.modalities.images import shrink


def test_reflect():
    assert reflect(range(-3, 12), 10) == [3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7]
    assert reflect(range(8), 3) == [0, 1, 2, 1, 0, 1, 2, 1]
    assert reflect([0, 1, 5], 1) == [0, 0, 0]


def test_window_grows_to_the_grid_and_stays_in_the_frame():
    window = Window(5, 9, 4, 6)
    assert window.grown(0, 1, (20, 30)) == window
    assert window.grown(2, 1, (20, 30)) == Window(3, 7, 8, 10)
    assert window.grown(2, 4, (20, 30)) == Window(0, 4, 12, 16)
    assert window.grown(7, 4, (13, 22)) == Window(0, 0, 13, 22)


def test_window_mirrored():
    frame = np.arange(20).reshape(1, 2, 10, 1)
    window = Window(0, 1, 2, 3)
    np.testing.assert_array_equal(window.mirrored(10).cut(frame[:, :, ::-1])[:, :, ::-1], window.cut(frame))


def test_spanning_and_within():
    outer = Window.spanning([Window(5, 2, 3, 3), Window(4, 6, 2, 2)])
    assert outer == Window(4, 2, 4, 6)
    assert Window(5, 2, 3, 3).within(outer) == Window(1, 0, 3, 3)
    assert outer.scaled(2) == Window(8, 4, 8, 12)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize('channels', [1, 3])
def test_shrink_takes_the_mean(dtype, channels):
    maps = np.random.default_rng(0).integers(0, 250, (2, 8, 12, channels)).astype(dtype)
    expected = maps.reshape(2, 4, 2, 6, 2, channels).mean((2, 4))
    small = shrink(maps, 2)
    assert small.dtype == dtype and small.shape == (2, 4, 6, channels)
    assert np.abs(small - expected).max() <= 0.5
    assert shrink(maps, 1) is maps


def test_shrink_labels_never_mixes():
    labels = np.random.default_rng(0).choice([3, 200], (1, 12, 12, 1)).astype(np.uint8)
    small = shrink(labels, 3, nearest=True)
    np.testing.assert_array_equal(small, labels[:, 1::3, 1::3])


def test_to_tensor():
    maps = np.random.default_rng(0).integers(0, 60000, (2, 4, 5, 3), dtype=np.uint16)
    tensor = to_tensor(maps[:, :, ::-1])
    assert tensor.dtype == torch.uint16 and tensor.shape == (2, 3, 4, 5) and tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.numpy(), maps[:, :, ::-1].transpose(0, 3, 1, 2))
