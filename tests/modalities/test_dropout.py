"""Modalities that are missing: how often, which, and what the networks see of it."""

import numpy as np
import pytest
import torch

from photoreal.errors import ConfigError, DataError
from photoreal.modalities.dropout import ModalityDropout
from photoreal.models import ClipPreprocessor
from tests.models.helpers import MODALITIES, build, clips, frame, wrappers

NAMES = ['a', 'b', 'c', 'd']


def drawn(dropout: ModalityDropout, count: int = 2000) -> np.ndarray:
    return np.stack([dropout.draw(seed) for seed in range(count)])


def test_each_is_missing_as_often_as_it_should():
    present = drawn(ModalityDropout.parse(dict(prob=dict(a=0.2, c=0.7)), NAMES))
    assert present.shape == (2000, 2)
    np.testing.assert_allclose(1 - present.mean(0), [0.2, 0.7], atol=0.04)
    both = (~present).all(1).mean()
    assert abs(both - 0.2 * 0.7) < 0.03, 'they are not drawn independently'


def test_all_but_the_image_may_be_missing_where_there_is_one_probability():
    dropout = ModalityDropout.parse(dict(prob=0.5), NAMES, image='b')
    assert dropout.probs == dict(a=0.5, c=0.5, d=0.5) and dropout.always == 1


@pytest.mark.parametrize('keep', [1, 2, 4])
def test_so_many_are_kept_each_as_often_as_another(keep):
    present = drawn(ModalityDropout.parse(dict(prob=1.0, keep=keep), NAMES))
    assert (present.sum(1) == keep).all()
    np.testing.assert_allclose(present.mean(0), keep / 4, atol=0.04)


def test_those_that_are_never_missing_count_among_the_kept():
    dropout = ModalityDropout.parse(dict(prob=1.0, keep=2), NAMES, image='b')
    assert (drawn(dropout, 50).sum(1) == 1).all()


def test_what_a_video_lacks_is_never_drawn_nor_kept():
    dropout = ModalityDropout.parse(dict(prob=0.8, keep=2), NAMES)
    recorded = np.array([True, False, True, False])
    present = np.stack([dropout.draw(seed, recorded) for seed in range(50)])
    assert (present == recorded).all(), 'two are left of which two are kept'
    free = ModalityDropout.parse(dict(prob=0.5), NAMES)
    everything = np.ones(4, bool)
    assert all((free.draw(seed) == free.draw(seed, everything)).all() for seed in range(50))
    alone = np.stack([free.draw(seed, recorded) for seed in range(200)])
    assert not alone[:, [1, 3]].any() and alone.any(1).all() and not alone[:, [0, 2]].all()


@pytest.mark.parametrize('cfg, message', [
    (dict(prob=1.2), 'dropout.prob of a=1.2'), (dict(prob=dict(e=0.1)), "names 'e', which is no modality"),
    (dict(prob=dict(b=0.1)), "names 'b', the image"), (dict(prob=0.1, keep=5), 'dropout.keep=5'),
    (dict(prob=0.1, keep=0), 'dropout.keep=0'), (dict(prob=0.1, kep=1), "found 'kep'; did you mean 'keep'"),
    (dict(keep=1), 'expected dict')])
def test_config_out_of_range(cfg, message):
    with pytest.raises(ConfigError, match=message):
        ModalityDropout.parse(cfg, NAMES, image='b')


def test_channels_are_derived():
    layout = ClipPreprocessor(MODALITIES, 'picture', dict(prob=0.5)).layout
    assert layout.slices == {'gray': slice(0, 1), 'picture': slice(1, 4)}
    assert layout.presence == {'gray': 4} and layout.channels == 5
    assert ClipPreprocessor(MODALITIES, None, dict(prob=0.5)).layout.channels == 6


def test_a_missing_modality_is_zero_and_says_so():
    preprocessor = ClipPreprocessor(MODALITIES, 'picture', dict(prob=dict(gray=0.5)))
    batch = clips(16)
    condition = preprocessor(batch, training=True)['condition']
    plain = ClipPreprocessor(MODALITIES, 'picture')(clips(16))['condition']
    present = np.stack([preprocessor.dropout.draw(seed) for seed in range(16)])[:, 0]
    assert set(present) == {False, True}
    for i in range(16):
        assert torch.equal(condition[i, :, 1:4], plain[i, :, 1:4])
        assert torch.equal(condition[i, :, :1], plain[i, :, :1] * float(present[i]))
        assert (condition[i, :, 4] == float(present[i])).all()


@pytest.mark.parametrize('training', [True, False])
def test_clips_of_videos_that_lack_it_have_none(training):
    preprocessor = ClipPreprocessor(MODALITIES, 'picture', dict(prob=dict(gray=0.0)))
    batch = clips(4) | {'recorded': {'gray': torch.tensor([1, 0, 0, 1])}}
    condition = preprocessor(batch, training=training)['condition']
    assert condition[:, 0, 4, 0, 0].tolist() == [1, 0, 0, 1]
    assert (condition[1:3, :, 0] == 0).all() and (condition[0, :, 0] != 0).any()


def test_outside_training_all_is_present_that_is_given():
    preprocessor = ClipPreprocessor(MODALITIES, 'picture', dict(prob=1.0))
    given, without = frame(0), frame(0)
    del without['maps']['gray']
    condition = preprocessor(given)['condition']
    assert condition.shape == (1, 5, 19, 27) and (condition[:, 4] == 1).all()
    lacking = preprocessor(without)['condition']
    assert (lacking[:, [0, 4]] == 0).all() and torch.equal(lacking[:, 1:4], condition[:, 1:4])


def test_what_must_not_be_missing():
    def encode(names, **kwargs):
        return ClipPreprocessor(MODALITIES, **kwargs).encode({name: frame(0)['maps'][name] for name in names})

    with pytest.raises(DataError, match="needs the modality 'gray'.*not trained with modality dropout"):
        encode(['picture'])
    with pytest.raises(DataError, match="needs the modality 'picture'.*only gray may be"):
        encode(['gray'], image='picture', dropout=dict(prob=0.5))
    with pytest.raises(DataError, match='all modalities are left out'):
        encode([], dropout=dict(prob=0.5))


def test_clips_without_a_seed_are_told():
    batch = clips()
    del batch['seed']
    with pytest.raises(ConfigError, match="'seed' in each training item"):
        ClipPreprocessor(MODALITIES, None, dict(prob=0.5))(batch, training=True)


@pytest.mark.parametrize('generator', ['FRNet', 'RecurrentUNet'])
def test_every_parameter_has_a_gradient_whatever_is_missing(generator):
    """Processes of one training would wait for each other if one of them skipped a branch."""
    size = dict(mid_channels=4, num_blocks=1, flow_channels=4) if generator == 'FRNet' else dict(width=8, blocks=(1, 1))
    model = build(dropout=dict(prob=1.0), generator=dict(type=generator, **size))
    optimizers = wrappers(model, lr=0.0)
    seen = []
    optimizers['generator'].zero_grad = lambda **kwargs: seen.append(
        {name: parameter.grad for name, parameter in model.generator.named_parameters()})
    model.train_step(clips(), optimizers)
    assert seen and all(gradient is not None for gradient in seen[0].values())
