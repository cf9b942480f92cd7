import pickle

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError, DataError
from photoreal.look import Look
from tests.look.helpers import colours, warm, warm_look


def test_the_identity_changes_nothing():
    frames = colours()
    np.testing.assert_array_equal(Look.identity().apply(frames), frames)
    tensor = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(Look.identity().apply(tensor), tensor, atol=1e-6, rtol=0)


def test_the_table_interpolates_the_function():
    frames = colours()
    wanted = warm(frames.reshape(-1, 3) / 255).reshape(frames.shape) * 255
    assert np.abs(warm_look().apply(frames) - wanted).max() <= 0.6  # half a level is rounding


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.float64])
def test_arrays_and_tensors_of_any_kind_agree(dtype):
    frames = colours(3 * 4 * 5).reshape(3, 4, 5, 3)
    given = frames if dtype == np.uint8 else (frames / 255).astype(dtype)
    look = warm_look()
    array = look.apply(given)
    tensor = look.apply(torch.from_numpy(given).permute(0, 3, 1, 2))
    assert array.dtype == dtype and array.shape == given.shape and array.flags.c_contiguous
    assert tensor.shape == (3, 3, 4, 5) and tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.permute(0, 2, 3, 1).numpy(), array)
    as_bytes = array if dtype == np.uint8 else np.rint(array * 255)
    assert np.abs(as_bytes - look.apply(frames).astype(float)).max() <= 1


def test_mirrored_and_half_precision_frames_are_taken():
    frames, look = colours(12).reshape(3, 4, 3), warm_look()
    np.testing.assert_array_equal(look.apply(frames[:, ::-1]), look.apply(frames)[:, ::-1])
    half = look.apply(torch.rand(3, 4, 4).half())
    assert half.dtype == torch.float16


def test_large_frames_are_changed_in_parts_alike(monkeypatch):
    frames, look = colours(1000), warm_look()
    whole = look.apply(frames)
    monkeypatch.setattr('photoreal.look.table._PIXELS', 77)
    np.testing.assert_array_equal(look.apply(frames), whole)


def test_gradients_reach_frames():
    tensor = torch.rand(3, 4, 4, dtype=torch.float64, requires_grad=True)
    Look.from_function(lambda x: x / 2).apply(tensor).sum().backward()
    torch.testing.assert_close(tensor.grad, torch.full_like(tensor, 0.5), atol=1e-5, rtol=0)


def test_floats_outside_are_clipped():
    found = warm_look().apply(np.array([[-1.0, 0.5, 3.0]]))
    np.testing.assert_allclose(found, warm_look().apply(np.array([[0, 0.5, 1.0]])))


def test_greys_stay_greys_under_equal_curves():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    found = Look.from_function(lambda x: x ** 2.2, 9).apply(greys)
    assert (found == found[:, :1]).all()


def test_a_weaker_look_goes_part_of_the_way():
    look, x = warm_look(), np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose(look.blend(0.25).apply(x), x + 0.25 * (look.apply(x) - x), atol=1e-6)
    assert look.blend(1) == look
    np.testing.assert_allclose(look.blend(0).apply(x), x, atol=1e-6)
    with pytest.raises(ConfigError, match='strength is 1.5; expected 0 to 1'):
        look.blend(1.5)


def test_the_inverse_gives_frames_back():
    frames, look = colours(), warm_look()
    error = np.abs(look.inverse().apply(look.apply(frames)).astype(int) - frames)
    assert error.max() <= 5
    assert error[((frames >= 16) & (frames < 240)).all(-1)].max() <= 2


def test_the_inverse_of_what_clips_is_right_where_nothing_is_clipped():
    look = Look.from_function(lambda x: 1.3 * x)
    frames = colours() // 2 + 20  # 20 to 147, which become 26 to 191
    back = look.inverse().apply(look.apply(frames))
    assert np.abs(back.astype(int) - frames).max() <= 2


def test_a_look_goes_to_other_processes():
    look = warm_look()
    again = pickle.loads(pickle.dumps(look))
    assert again == look and again.title == 'warm'


@pytest.mark.parametrize(('table', 'message'), [
    (np.zeros((4, 4, 3, 3)), r'\(4, 4, 3, 3\)'), (np.zeros((1, 1, 1, 3)), r'S from 2 to 256'),
    (np.full((2, 2, 2, 3), np.nan), 'NaN')])
def test_tables_that_cannot_be_used_are_named(table, message):
    with pytest.raises(ConfigError, match=message):
        Look(table)


@pytest.mark.parametrize('frames', [np.zeros((4, 4), np.uint8), np.zeros((3, 4, 4), np.uint8), torch.zeros(4, 4, 3),
                                    np.zeros((4, 4, 3), np.uint16)])
def test_frames_that_cannot_be_used_are_named(frames):
    with pytest.raises(DataError, match='a look changes'):
        Look.identity().apply(frames)
