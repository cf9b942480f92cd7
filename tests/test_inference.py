"""VideoEnhancer: any frames in, frames out; the same numbers as the network unrolled, whole or in tiles."""

import threading

import numpy as np
import pytest
import torch

from photoreal.bundle import TrainedModel
from photoreal.errors import ConfigError, DataError
from photoreal.inference import VideoEnhancer, prefetch
from photoreal.modalities import Modality
from photoreal.models import ClipPreprocessor
from photoreal.models.generators import FRNet
from photoreal.testing.modality import street_frames


class Difference(Modality):
    """What changed since the frame before, which only a modality with context can tell."""

    channels = 3
    context = 1

    def compute(self, frames, **params):
        previous = np.concatenate([frames[:1], frames[:-1]])
        return np.abs(frames.astype(np.int16) - previous).astype(np.uint8)

    def encode(self, x):
        return x.float() / 255


def make_model(scale: int = 1, **modalities) -> TrainedModel:
    torch.manual_seed(0)
    modalities = modalities or dict(blur=dict(type='Blur'), edges=dict(type='Edges'))
    preprocessor = ClipPreprocessor(modalities)
    generator = FRNet(preprocessor.layout.channels, mid_channels=4, num_blocks=1, flow_channels=4, scale=scale)
    for parameter in generator.parameters():  # zero-initialised layers would hide the state
        torch.nn.init.normal_(parameter, std=0.08)
    torch.nn.init.constant_(generator.conv_out.bias, 0.5)
    return TrainedModel(generator.eval(), preprocessor, {})


def frames_of(length: int = 6, height: int = 37, width: int = 52, seed: int = 0) -> np.ndarray:
    return street_frames(np.random.default_rng(seed), length, height, width)


def unrolled(model: TrainedModel, frames: np.ndarray) -> np.ndarray:
    """The network's own forward over all frames at once."""
    maps = {name: torch.from_numpy(m.compute(frames, **m.sample(None)).transpose(0, 3, 1, 2).copy())[None]
            for name, m in model.preprocessor.modalities.items()}
    with torch.no_grad():
        pred = model.generator(model.preprocessor(dict(maps=maps))['condition']).pred[0]
    return (pred.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize('scale', [1, 2])
def test_predictions_are_those_of_the_unrolled_network(scale):
    model, frames = make_model(scale, blur=dict(type='Blur'), change=Difference()), frames_of()
    found = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(iter(frames))))
    wanted = unrolled(model, frames)
    assert found.shape == wanted.shape == (6, 37 * scale, 52 * scale, 3)
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert found.std() > 1


def test_tiles_agree_with_whole_frames_and_show_no_seam():
    model, frames = make_model(), frames_of(height=96, width=128)
    whole = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(frames))).astype(float)
    tiled = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', tile=64, overlap=24)(frames))).astype(float)
    assert 10 * np.log10(255**2 / ((whole - tiled) ** 2).mean()) > 45


@pytest.mark.parametrize('tile, overlap', [(32, 32), (16, -1)])
def test_tiles_that_cannot_be(tile, overlap):
    with pytest.raises(ConfigError, match='0 <= overlap < tile'):
        VideoEnhancer(make_model(), 'cpu', tile=tile, overlap=overlap)


def test_a_cut_starts_the_state_anew():
    model = make_model()
    first, second = frames_of(12), 255 - frames_of(12, seed=9)[:, ::-1]
    video = np.concatenate([first, second])
    alone = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(second)))
    reset = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(video)))[12:]
    carried = np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', reset_at_cuts=False)(video)))[12:]
    np.testing.assert_array_equal(reset, alone)
    assert (carried[0] != alone[0]).any()


def test_recorded_modalities_must_be_given_and_fit():
    model = make_model(label=dict(type='LabelMap', num_classes=3))
    frames, labels = frames_of(4), np.zeros((4, 37, 52, 1), np.uint8)
    enhancer = VideoEnhancer(model, 'cpu', 'fp32')
    assert len(list(enhancer(frames, {'label': labels}))) == 4
    with pytest.raises(DataError, match="recorded modality 'label'"):
        next(enhancer(frames))
    with pytest.raises(DataError, match="'label' ends after 3 maps"):
        list(enhancer(frames, {'label': labels[:3]}))
    with pytest.raises(DataError, match='map 0: 26x37, expected the size of the frames, 52x37'):
        list(enhancer(frames, {'label': labels[:, :, :26]}))


def test_a_wrong_value_in_a_recorded_map_names_the_map():
    labels = np.zeros((4, 37, 52, 1), np.uint8)
    labels[2, 5, 5] = 9
    with pytest.raises(DataError, match="'label', map 2: .*9"):
        model = make_model(label=dict(type='LabelMap', num_classes=3))
        list(VideoEnhancer(model, 'cpu', 'fp32')(frames_of(4), {'label': labels}))


def test_the_caller_is_not_in_inference_mode():
    predictions = VideoEnhancer(make_model(), 'cpu', 'fp32')(frames_of(3))
    next(predictions)
    assert not torch.is_inference_mode_enabled()


def test_two_streams_of_different_sizes_at_once():
    enhancer = VideoEnhancer(make_model(), 'cpu', 'fp32', tile=32, overlap=8)
    first, second = frames_of(3, 37, 52), frames_of(3, 64, 40)
    alone = [list(enhancer(first)), list(enhancer(second))]
    for a, b, *together in zip(*alone, enhancer(first), enhancer(second), strict=True):
        np.testing.assert_array_equal(together[0], a)
        np.testing.assert_array_equal(together[1], b)


def test_a_frame_of_another_size_is_named():
    frames = [*frames_of(3), *frames_of(1, height=40)]
    with pytest.raises(DataError, match='frame 3 is 52x40, those before it 52x37'):
        list(VideoEnhancer(make_model(), 'cpu', 'fp32')(frames))


def test_frames_are_read_as_they_are_needed():
    read = []

    def source():
        for i, frame in enumerate(frames_of(40)):
            read.append(i)
            yield frame

    predictions = VideoEnhancer(make_model(), 'cpu', 'fp32')(source())
    for _ in range(3):
        next(predictions)
    predictions.close()
    assert len(read) < 25


def test_prefetch_hands_over_errors_and_ends_its_thread():
    def items():
        yield 1
        raise DataError('bad frame')

    stream = prefetch(items(), depth=2)
    assert next(stream) == 1
    with pytest.raises(DataError, match='bad frame'):
        next(stream)
    before = threading.active_count()
    endless = prefetch(iter(int, 1), depth=2)
    next(endless)
    endless.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(2)
    assert threading.active_count() <= before
