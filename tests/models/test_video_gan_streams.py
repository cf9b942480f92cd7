"""VideoGAN on streams: videos frame by frame, and what becomes of their pixels."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from photoreal.errors import DataError
from photoreal.testing.networks import randomize
from tests.models.helpers import build, frame

LENGTH = 4


@pytest.fixture
def model():
    model = build(ema_momentum=None).eval()
    randomize(model.generator)
    return model


def to_uint8(images: torch.Tensor) -> np.ndarray:
    """(T, 3, H, W) in [0, 1] -> (T, H, W, 3) uint8."""
    return np.rint(images.clamp(0, 1).numpy() * 255).astype(np.uint8).transpose(0, 2, 3, 1)


def stream(model, video: str = 'a', domain: str = 'real', **kwargs) -> np.ndarray:
    return np.stack([model.test_step(frame(i, video, domain, **kwargs))[0].pred for i in range(LENGTH)])


def whole(model, video: str = 'a', domain: str = 'real', **kwargs) -> np.ndarray:
    """The same by the clip at once."""
    conditions = [model.data_preprocessor(frame(i, video, domain, **kwargs))['condition'] for i in range(LENGTH)]
    with torch.no_grad():
        return to_uint8(model(torch.stack(conditions, dim=1))[0])


def assert_same_pixels(found: np.ndarray, expected: np.ndarray) -> None:
    """But for float32's rounding at half a step."""
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1 and (found != expected).mean() < 0.01


@pytest.mark.parametrize('scale', [1, 2])
def test_frame_by_frame_equals_the_whole_clip(scale):
    model = build(ema_momentum=None, generator=dict(scale=scale)).eval()
    randomize(model.generator)
    found = stream(model, scale=scale)
    assert found.shape == (LENGTH, 19 * scale, 27 * scale, 3) and found.dtype == np.uint8
    assert_same_pixels(found, whole(model, scale=scale))


def test_each_video_starts_anew(model):
    alone = [stream(model, 'a'), stream(model, 'b'), stream(model, 'a', 'virtual')]
    assert_same_pixels(alone[1], whole(model, 'b'))
    assert not np.array_equal(alone[0], alone[1])
    again = [stream(model, 'a'), stream(model, 'b'), stream(model, 'a', 'virtual')]
    assert all(map(np.array_equal, alone, again))


def test_a_video_may_be_left_before_its_end(model):
    expected = stream(model, 'b')
    model.test_step(frame(0, 'a'))
    assert np.array_equal(stream(model, 'b'), expected)


@pytest.mark.parametrize('before, after', [
    ([], (1, 'a', 'real')), ([0], (2, 'a', 'real')), ([0, 1], (1, 'a', 'real')), ([0], (1, 'b', 'real')),
    ([0], (1, 'a', 'virtual'))], ids=['first', 'skipped', 'twice', 'other video', 'other domain'])
def test_frames_out_of_order(model, before, after):
    for index in before:
        model.test_step(frame(index))
    index, video, domain = after
    with pytest.raises(DataError, match=f"frame {index} of '{domain}/{video}' does not follow.*WholeVideoSampler"):
        model.test_step(frame(*after))


def test_several_frames_at_once(model):
    batch = frame(0)
    batch['info']['video'] = ['a', 'b']
    with pytest.raises(DataError, match='a batch of 2 frames: a stream is fed with batch_size=1'):
        model.test_step(batch)


def test_result_of_a_real_frame(model):
    item = frame(0)
    [result] = model.val_step(frame(0))
    source = item['frame'][0].permute(1, 2, 0).numpy()
    assert np.array_equal(result.frame, source) and np.array_equal(result.target, source)
    assert np.array_equal(result.image, item['maps']['picture'][0].permute(1, 2, 0).numpy())
    assert result.info == dict(domain='real', video='a', name='00000', index=0, length=4, fps=25.0)
    assert type(result.info['index']) is int and type(result.info['fps']) is float
    for picture in (result.pred, result.frame, result.target, result.image):
        assert picture.dtype == np.uint8 and picture.flags['C_CONTIGUOUS']


def test_virtual_frames_have_no_target(model):
    assert model.test_step(frame(0, domain='virtual'))[0].target is None


def test_without_a_degraded_frame_there_is_no_image():
    assert build(image=None).test_step(frame(0))[0].image is None


def test_degraded_frame_is_enlarged_to_the_prediction():
    model = build(generator=dict(scale=2))
    [result] = model.test_step(frame(0, scale=2))
    small = frame(0)['maps']['picture'].float() / 255
    expected = to_uint8(F.interpolate(small, scale_factor=2, mode='bicubic', align_corners=False))[0]
    assert result.image.shape == result.pred.shape == (38, 54, 3) and np.array_equal(result.image, expected)


def test_pixels_are_rounded_and_clamped():
    """A network that gives one colour whatever it sees."""
    model = build(image=None, ema_momentum=None)
    with torch.no_grad():
        model.generator.conv_out.weight.zero_()
        model.generator.conv_out.bias.copy_(torch.tensor([-0.2, 100.4 / 255, 1.7]))
    [result] = model.test_step(frame(0))
    assert np.array_equal(result.pred, np.broadcast_to(np.array([0, 100, 255], np.uint8), (19, 27, 3)))
    with torch.no_grad():
        model.generator.conv_out.bias.fill_(100.6 / 255)
    assert (model.test_step(frame(0))[0].pred == 101).all()


def test_nothing_is_kept_for_gradients(model):
    """A stream of any length takes the memory of one frame."""
    kept = []
    step = model.generator.step
    model.generator.step = lambda condition, state: kept.append(state) or step(condition, state)
    stream(model)
    assert len(kept) == LENGTH and not any(tensor.requires_grad for state in kept for tensor in state.values())
    assert kept[0].keys() == kept[-1].keys()
    assert {k: v.shape for k, v in kept[0].items()} == {k: v.shape for k, v in kept[-1].items()}
