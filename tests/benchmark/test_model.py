"""Timing the generator's step: operations counted, table, tool."""

import json

import pytest
import torch

from photoreal.benchmark.model import ModelReport, as_table, convolution_peak, measure_model, time_stream
from photoreal.benchmark.profile import OperatorShare, as_profile, profile_model
from photoreal.bundle import load_untrained
from tests import tiny

OPTIONS = ('model.generator.mid_channels=4', 'model.generator.num_blocks=1', 'model.generator.flow_channels=4')


def test_operations_are_those_of_the_convolutions():
    model = load_untrained(tiny.ROOT / 'configs/tecogan_multimodal.py', OPTIONS)
    small, large = measure_model(model, [(16, 24), (32, 48)], device='cpu', dtype='fp32', seconds=0)
    expected, pixels = 0, 16 * 24
    shrunk = {'encoder.0': 1, 'encoder.1': 4, 'encoder.2': 16, 'decoder.0': 64, 'decoder.1': 16, 'decoder.2': 4}
    for name, conv in model.generator.named_modules():
        if isinstance(conv, torch.nn.Conv2d):
            share = next((s for level, s in shrunk.items() if f'flow_net.{level}.' in name), 1)
            expected += 2 * conv.weight.numel() * pixels / share
    assert small.flops == expected and large.flops == pytest.approx(4 * expected)
    assert (small.height, small.width, large.height, large.width) == (16, 24, 32, 48)


def test_the_state_is_carried_while_timing():
    seen = []

    def step(condition, state):
        seen.append(state['n'])
        return condition, {'n': state['n'] + 1}

    assert len(time_stream(step, torch.zeros(1), {'n': 0}, seconds=0)) == 3
    assert seen == [0, 1, 2, 3, 4]


def test_the_peak_is_that_of_the_dtype_in_use():
    assert 1e8 < convolution_peak(torch.device('cpu'), repeats=1) < 1e15
    kinds = []
    handle = torch.nn.modules.module.register_module_forward_hook(lambda m, i, out: kinds.append(out.dtype))
    try:
        with torch.autocast('cpu', torch.bfloat16):
            convolution_peak(torch.device('cpu'), repeats=0)
    finally:
        handle.remove()
    assert set(kinds) == {torch.bfloat16}


def test_rate_and_share():
    report = ModelReport(720, 1280, milliseconds=50.0, best=40.0, flops=2e9, peak=1e11, memory=2**30)
    assert report.rate == 20 and report.share == pytest.approx(0.5)
    assert '1280x720      20.0      50.0          2.0            100          50%  1024 MiB' in as_table([report])


def test_the_tool(tmp_path):
    ended = tiny.run('benchmark', 'model', tiny.ROOT / 'configs/realtime_nano.py', '--size', '36x52', '--device', 'cpu',
                     '--dtype', 'fp32', '--json', tmp_path / 'm.json')
    assert ended.code == 0, ended.err
    [found] = json.loads((tmp_path / 'm.json').read_text())
    assert (found['height'], found['width']) == (36, 52) and found['frames_per_second'] > 0
    assert '52x36' in ended.out
    assert tiny.run('benchmark', 'model', 'x.py', '--size', 'huge').code == 2


def test_a_profile_gives_the_step_to_its_operators():
    model = load_untrained(tiny.ROOT / 'configs/realtime_nano.py')
    found = profile_model(model, (36, 52), device='cpu', dtype='fp32', steps=2)
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in model.generator.modules())
    calls = {one.name: one.calls for one in found}
    assert calls['aten::conv2d'] == convolutions and calls['aten::grid_sampler'] == 2  # of the picture and its features
    assert sum(one.share for one in found) == pytest.approx(1)
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)


def test_small_shares_are_one_line_of_a_profile():
    text = as_profile([OperatorShare('aten::conv2d', 0.99, 5), OperatorShare('a', 0.006, 1),
                       OperatorShare('b', 0.004, 1)])
    assert text.splitlines()[1].split() == ['aten::conv2d', '99.0%', '5']
    assert text.splitlines()[2].split() == ['2', 'others', '1.0%']


def test_the_tool_shows_a_profile(tmp_path):
    ended = tiny.run('benchmark', 'model', tiny.ROOT / 'configs/realtime_nano.py', '--size', '36x52', '32x48',
                     '--device', 'cpu', '--profile', '--json', tmp_path / 'm.json')
    assert ended.code == 0, ended.err
    assert 'conv' in ended.out and '52x36' in ended.out
    written = json.loads((tmp_path / 'm.json').read_text())
    assert set(written) == {'52x36', '48x32'} and set(written['48x32'][0]) == {'name', 'share', 'calls'}
