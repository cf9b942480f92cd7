"""Tiles against whole frames: the same far from their borders, and no seam where they meet."""

import numpy as np
import pytest
import torch

from photoreal.inference.tiles import Tiled, Whole
from photoreal.models.generators import FRNet, RecurrentUNet
from photoreal.testing.networks import moving_clip, randomize

SIDE, OVERLAP, HEIGHT, WIDTH, FRAMES = 64, 24, 104, 144, 5
NETS = {'frnet': lambda: FRNet(3, mid_channels=6, num_blocks=2, flow_channels=4, skip=(0, 3)),
        'frnet x4': lambda: FRNet(3, mid_channels=6, num_blocks=2, flow_channels=4, skip=(0, 3), scale=4),
        'unet': lambda: RecurrentUNet(3, width=8, fold=2, blocks=(1, 1), skip=(0, 3))}


def make_net(name: str):
    net = NETS[name]().eval()
    randomize(net)
    with torch.no_grad():
        net.conv_out.weight.mul_(0.3)  # a trained network changes its input by some tenths
        for flow in (net.flow_net.flow[2] if isinstance(net, FRNet) else net.flow_net.flow,):
            flow.weight.mul_(0.1), flow.bias.mul_(0.1)  # and finds motion of some pixels, not of its whole range
    return net


@torch.inference_mode()
def run(stepper, clip: torch.Tensor) -> torch.Tensor:
    state, preds = stepper.init_state(clip[:, 0]), []
    for frame in clip.unbind(1):
        pred, state = stepper.step(frame, state)
        preds.append(pred)
    return torch.stack(preds, dim=1)  # (N, T, 3, H*s, W*s)


def near_borders(scale: int, margin: int) -> np.ndarray:
    """(H*s, W*s): whether a pixel lies where tiles overlap, or within a margin of that."""
    lines = []
    for length in (HEIGHT, WIDTH):
        near, starts = np.zeros(length, bool), [*range(0, length - SIDE, SIDE - OVERLAP), length - SIDE]
        for before, start in zip(starts, starts[1:]):
            near[max(0, start - margin):before + SIDE + margin] = True
        lines.append(near.repeat(scale))
    return lines[0][:, None] | lines[1]


@pytest.mark.parametrize('name', NETS)
def test_tiles_agree_with_whole_frames_and_show_no_seam(name):
    net, clip = make_net(name), moving_clip(1, FRAMES, 3, HEIGHT, WIDTH)
    whole, tiled = run(Whole(net), clip), run(Tiled(net, SIDE, OVERLAP), clip)
    error = (whole - tiled).square().mean((0, 1, 2)).numpy()  # (H*s, W*s)
    overlaps = near_borders(net.scale, 0)
    assert 0.2 < overlaps.mean() < 0.8
    assert -10 * np.log10(error[~overlaps].mean()) >= 45
    # A seam would be a line along which what the tiles changed is steeper than it is elsewhere.
    change = (tiled - whole)[0, -1]  # (3, H*s, W*s)
    for axis, length in ((1, HEIGHT), (2, WIDTH)):
        steep = change.diff(dim=axis).abs().mean((0, 3 - axis)).numpy()  # of each line between two rows or columns
        natural = whole[0, -1].diff(dim=axis).abs().mean((0, 3 - axis)).numpy()
        starts = [*range(0, length - SIDE, SIDE - OVERLAP), length - SIDE]
        lines = [at * net.scale - 1 for start in starts for at in (start, start + SIDE) if 0 < at < length]
        assert len(lines) >= 2
        assert max(steep[lines]) < 0.1 * np.median(natural)
        seen = tiled[0, -1].diff(dim=axis).abs().mean((0, 3 - axis)).numpy()
        assert max(seen[lines] / natural[lines]) < 1.1


def test_tiles_that_do_not_fade_show_their_seams():
    """That the test above would notice."""
    net, clip = make_net('unet'), moving_clip(1, FRAMES, 3, HEIGHT, WIDTH)
    whole, tiled = run(Whole(net), clip), run(Tiled(net, SIDE, 0), clip)
    steep = (tiled - whole)[0, -1].diff(dim=2).abs().mean((0, 1)).numpy()
    natural = whole[0, -1].diff(dim=2).abs().mean((0, 1)).numpy()
    assert steep[SIDE * net.scale - 1] > 0.1 * np.median(natural)


@pytest.mark.parametrize('name', NETS)
def test_each_tile_keeps_its_own_state(name):
    """A tile is what the network alone would make of the video's same window."""
    net, clip = make_net(name), moving_clip(1, FRAMES, 3, HEIGHT, WIDTH)
    tiled = run(Tiled(net, SIDE, OVERLAP), clip)
    corner = run(Whole(net), clip[..., :SIDE, :SIDE])
    inside = (SIDE - OVERLAP) * net.scale
    torch.testing.assert_close(tiled[..., :inside, :inside], corner[..., :inside, :inside], rtol=0, atol=1e-5)
    state = Tiled(net, SIDE, OVERLAP).init_state(clip[:, 0])
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    assert len(state) == 2 * 3 * len(net.init_state(clip[:, 0]))


def test_a_batch_of_streams_in_tiles():
    net, clip = make_net('unet'), moving_clip(2, 3, 3, HEIGHT, WIDTH)
    both = run(Tiled(net, SIDE, OVERLAP), clip)
    for i in range(2):
        torch.testing.assert_close(both[i:i + 1], run(Tiled(net, SIDE, OVERLAP), clip[i:i + 1]), rtol=0, atol=1e-5)
