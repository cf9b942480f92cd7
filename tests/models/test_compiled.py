"""Compiled steps give what eager ones give, alone and at work on video."""

import shutil

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from photoreal.bundle import TrainedModel
from photoreal.inference import VideoEnhancer
from photoreal.models import ClipPreprocessor
from photoreal.models.compiled import CompiledGenerator
from photoreal.models.generators import FRNet, RecurrentUNet
from photoreal.testing.modality import street_frames
from photoreal.testing.networks import moving_clip, randomize, same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore'),  # of torch's own compiler
    pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='no C++ compiler')]


def test_compiled_steps_agree_with_eager_ones():
    net = FRNet(4, mid_channels=4, num_blocks=1, flow_channels=4, skip=(0, 3), scale=2)
    net = net.eval().to(memory_format=torch.channels_last)
    randomize(net)
    compiled = CompiledGenerator(net)
    counters.clear()
    with torch.inference_mode():
        clip = moving_clip(1, 3, 4, 19, 27)
        eager, state = net.init_state(clip[:, 0]), compiled.init_state(clip[:, 0])
        for frame in clip.unbind(1):
            expected, eager = net.step(frame, eager)
            pred, state = compiled.step(frame, state)
            same(pred, expected, 'compiled and eager', 1e-4)
    assert counters['stats']['unique_graphs'] == 1  # the first frame is like the others
    convolutions = sum(isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)) for m in net.modules())
    assert counters['inductor']['mkldnn_conv_weight_pack_matcher_count'] >= convolutions
    assert counters['inductor']['mkldnn_unary_fusion_matcher_count'] > 0


def test_a_compiled_enhancer_predicts_the_same():
    generator = RecurrentUNet(4, width=16, fold=4, blocks=(1, 1), skip=(0, 3)).eval()
    randomize(generator)
    preprocessor = ClipPreprocessor(dict(blur=dict(type='Blur'), edges=dict(type='Edges')), 'blur')
    model = TrainedModel(generator, preprocessor, {})
    frames = street_frames(np.random.default_rng(0), 4, 37, 52)
    eager, compiled = (np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', compiled=compiled)(frames))).astype(int)
                       for compiled in (False, True))
    assert eager.std() > 1 and abs(eager - compiled).max() <= 1
