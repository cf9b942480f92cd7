"""From raw maps to the condition."""

import pytest
import torch

from photoreal.errors import ConfigError
from photoreal.models import ClipPreprocessor
from tests.models.helpers import MODALITIES, clips, frame


def test_clips():
    batch = clips(2, 3, 16)
    out = ClipPreprocessor(MODALITIES, 'picture')(clips(2, 3, 16), training=True)
    assert set(out) == {'condition', 'target'}
    assert out['condition'].shape == (2, 3, 4, 16, 16) and out['condition'].dtype == torch.float32
    torch.testing.assert_close(out['condition'][:, :, :1], batch['maps']['gray'] / 255)
    torch.testing.assert_close(out['condition'][:, :, 1:], batch['maps']['picture'] / 255)
    torch.testing.assert_close(out['target'], batch['target'] / 255)


def test_single_frames_keep_what_else_they_bring():
    item = frame(1)
    out = ClipPreprocessor(MODALITIES)(frame(1))
    assert out['condition'].shape == (1, 4, 19, 27)
    assert torch.equal(out['frame'], item['frame']) and out['info']['video'] == ['a']


def test_channels_follow_the_order_of_the_config():
    turned = dict(reversed(MODALITIES.items()))
    preprocessor = ClipPreprocessor(turned, 'picture')
    condition = preprocessor(clips())['condition']
    assert preprocessor.layout.slices == {'picture': slice(0, 3), 'gray': slice(3, 4)}
    torch.testing.assert_close(preprocessor.image(condition), clips()['maps']['picture'] / 255)
    assert ClipPreprocessor(turned).image(condition) is None


@pytest.mark.parametrize('image, message', [('gray', 'has 1 channels'), ('blur', 'is not among them')])
def test_image_must_be_a_picture_of_three_channels(image, message):
    with pytest.raises(ConfigError, match=f"image='{image}' {message}"):
        ClipPreprocessor(MODALITIES, image)
