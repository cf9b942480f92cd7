"""Several videos at once: batched, and each as it would be alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch

from photoreal.bundle import TrainedModel
from photoreal.errors import DataError
from photoreal.inference import VideoEnhancer
from photoreal.models import ClipPreprocessor
from photoreal.models.generators import FRNet, RecurrentUNet
from photoreal.testing.modality import street_frames
from photoreal.testing.networks import randomize

NETS = {'frnet': lambda: FRNet(4, mid_channels=4, num_blocks=1, flow_channels=4, skip=(0, 3), scale=2),
        'unet': lambda: RecurrentUNet(4, width=8, fold=2, blocks=(1, 1), skip=(0, 3))}


def make_model(net: str) -> TrainedModel:
    generator = NETS[net]().eval()
    randomize(generator)
    return TrainedModel(generator, ClipPreprocessor(dict(blur=dict(type='Blur'), edges=dict(type='Edges')), 'blur'), {})


def videos(*shapes: tuple[int, int, int]) -> list[np.ndarray]:
    return [street_frames(np.random.default_rng(seed), *shape) for seed, shape in enumerate(shapes)]


class Batches:
    """A generator that notes how many streams its steps were for."""

    def __init__(self, generator):
        self.generator, self.scale, self.sizes = generator, generator.scale, []

    def init_state(self, condition):
        return self.generator.init_state(condition)

    def step(self, condition, state):
        self.sizes.append(len(condition))
        return self.generator.step(condition, state)


def at_once(enhancer: VideoEnhancer, clips: list[np.ndarray]) -> tuple[list[np.ndarray], list[int]]:
    """All clips at once, begun together; and the sizes of the batches."""
    enhancer.stepper.generator = noted = Batches(enhancer.stepper.generator)
    begin = Barrier(len(clips))

    def run(clip):
        preds = enhancer(clip)
        begin.wait()
        return np.stack(list(preds))

    with ThreadPoolExecutor(len(clips)) as pool:
        return list(pool.map(run, clips)), noted.sizes


@pytest.mark.parametrize('net', NETS)
@pytest.mark.parametrize('tile', [None, 32])
def test_streams_of_several_lengths_are_batched_and_agree_with_each_alone(net, tile):
    model, clips = make_model(net), videos((9, 37, 52), (4, 37, 52), (7, 37, 52))
    alone = [np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', tile, 8)(clip))) for clip in clips]
    found, sizes = at_once(VideoEnhancer(model, 'cpu', 'fp32', tile, 8, streams=3), clips)
    for one, expected in zip(found, alone, strict=True):
        assert one.shape == expected.shape and one.std() > 1
        assert np.abs(one.astype(int) - expected).max() <= 1
    tiles = 4 if tile else 1
    assert sum(sizes) == 20 * tiles and len(sizes) <= 12 * tiles  # 9 steps, and a few more while streams begin


def test_streams_of_several_sizes_and_a_cut_in_one_of_them():
    model, (small, large, other) = make_model('unet'), videos((12, 37, 52), (12, 40, 48), (12, 37, 52))
    clips = [small, large, np.concatenate([other, 255 - small[:, ::-1]])]
    alone = [np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(clip))) for clip in clips]
    carried = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', reset_at_cuts=False)(clips[2])))
    found, _ = at_once(VideoEnhancer(model, 'cpu', 'fp32', streams=3), clips)
    for one, expected in zip(found, alone, strict=True):
        assert np.abs(one.astype(int) - expected).max() <= 1
    assert np.abs(found[2][12].astype(int) - carried[12]).max() > 1


def test_a_fault_of_one_stream_is_its_own():
    model, (clip, other) = make_model('unet'), videos((5, 37, 52), (5, 37, 52))
    enhancer, seen = VideoEnhancer(model, 'cpu', 'fp32', streams=2), []

    def broken():
        yield from other[:2]
        raise DataError('frame 2 is damaged')

    def run(frames):
        try:
            return len(list(enhancer(frames)))
        except DataError as error:
            seen.append(str(error))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [broken(), clip])) == [None, 5]
    assert seen == ['frame 2 is damaged']


def test_a_stream_that_nobody_reads_does_not_hold_up_the_others():
    model, (clip, other) = make_model('unet'), videos((4, 37, 52), (4, 37, 52))
    enhancer = VideoEnhancer(model, 'cpu', 'fp32', streams=2)
    idle = enhancer(other)
    next(idle)
    assert len(list(enhancer(clip))) == 4
    assert len(list(idle)) == 3


def test_what_fails_in_a_batch_fails_for_all_of_it():
    model, (clip,) = make_model('unet'), videos((3, 37, 52))
    enhancer = VideoEnhancer(model, 'cpu', 'fp32', streams=2)

    class Failing(Batches):
        def step(self, condition, state):
            raise torch.OutOfMemoryError('no memory left')

    enhancer.stepper.generator = Failing(model.generator)
    with pytest.raises(torch.OutOfMemoryError, match='no memory left'):
        list(enhancer(clip))
