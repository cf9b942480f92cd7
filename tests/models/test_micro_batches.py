"""A batch in several parts teaches what the whole batch teaches, in one step of each player."""

import pytest
import torch
from mmengine.optim import OptimWrapper

from photoreal.errors import ConfigError
from tests.models.helpers import build, clips, moved, weights, wrappers


class Steps(OptimWrapper):
    """Keeps the gradients of each step instead of making it."""

    def step(self, **kwargs):
        kept = self.__dict__.setdefault('kept', [])
        kept.append([p.grad.clone() for group in self.optimizer.param_groups for p in group['params']])


@pytest.mark.parametrize('parts', [2, 4])
def test_gradients_are_those_of_the_whole_batch(parts):
    made, logs = [], []
    for count in (1, parts):
        model = build(discriminator='SpatioTemporalDiscriminator', update_threshold=None, micro_batches=count)
        model.discriminator.eval()  # batch normalisation would use the statistics of each part
        optimizers = wrappers(model, Steps)
        logs.append(model.train_step(clips(4), optimizers))
        made.append(optimizers)
    for player in ('generator', 'discriminator'):
        (whole,), (in_parts,) = (optimizers[player].kept for optimizers in made)  # one step each
        for expected, found in zip(whole, in_parts, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
    assert logs[0].keys() == logs[1].keys()
    for name, value in logs[0].items():
        torch.testing.assert_close(logs[1][name].double(), value.double(), rtol=1e-4, atol=1e-6, msg=name)


def test_average_and_count_of_updates_count_steps():
    model = build(discriminator='SpatialDiscriminator', update_threshold=None, micro_batches=2)
    before, optimizers = weights(model.generator), wrappers(model)
    counts = [int(model.train_step(clips(), optimizers)['d_updates']) for _ in range(3)]
    assert counts == [1, 2, 3] and int(model.generator_ema.steps) == 3 and moved(model.generator, before)
    assert all(p.grad is None for p in model.parameters())


def test_discriminator_that_leads_is_left_as_it_is():
    model = build(discriminator='SpatialDiscriminator', update_threshold=-1e9, micro_batches=2)
    before = weights(model.discriminator)
    assert int(model.train_step(clips(), wrappers(model))['d_updates']) == 0
    assert not moved(model.discriminator, before)


def test_what_cannot_be_divided():
    with pytest.raises(ConfigError, match=r'3 clips .* model\.micro_batches=2 equal parts: .*batch_size'):
        model = build(micro_batches=2)
        model.train_step(clips(3), wrappers(model))
    with pytest.raises(ConfigError, match=r'model\.micro_batches=0: expected 1 or more'):
        build(micro_batches=0)
