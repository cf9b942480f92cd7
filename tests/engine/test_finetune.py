"""Weights of a model with other modalities: what fits is taken, and the model does at first what the other one did."""

from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import MODELS

from photoreal.config import load_config
from photoreal.engine.checkpoint import read_checkpoint
from photoreal.engine.finetune import carry_over, channel_keys, start_from
from photoreal.errors import CheckpointError
from photoreal.models.discriminators import SpatialDiscriminator, SpatioTemporalDiscriminator
from photoreal.models.generators import DetailUNet, FrameResNet, FRNet, RecurrentUNet, SPADERecurrent
from photoreal.structures import ClipContext, ConditionLayout
from photoreal.testing.networks import moving_clip, randomize
from tests import tiny
from tests.conftest import Run

BUNDLE = tiny.ROOT / 'examples/models/drive_realtime.safetensors'
BEFORE = ConditionLayout.from_channels({'gray': 1, 'picture': 3}, optional=['gray'])
AFTER = ConditionLayout.from_channels({'picture': 3, 'depth': 2, 'gray': 1}, optional=['depth', 'gray'])


def conditions() -> tuple[torch.Tensor, torch.Tensor]:
    """Of the same clip, as a model of BEFORE and as one of AFTER sees it: (1, 3, C, 16, 24)."""
    clip = moving_clip(1, 3, AFTER.channels, 16, 24)
    order = channel_keys(AFTER.describe())
    return clip[:, :, [order.index(key) for key in channel_keys(BEFORE.describe())]], clip


def moved(net_before: torch.nn.Module, net_after: torch.nn.Module) -> None:
    """Put all weights of one network into the other, which sees another condition."""
    before, after = channel_keys(BEFORE.describe()), channel_keys(AFTER.describe())
    seen_before, seen = (net.condition_inputs(len(keys)) for net, keys in ((net_before, before), (net_after, after)))
    state = net_before.state_dict()
    assert seen and seen.keys() == seen_before.keys()
    for name in seen:
        assert net_after.state_dict()[name].shape[1] == len(seen[name])
        state[name] = carry_over(state[name], seen_before[name], before, seen[name], after)
    net_after.load_state_dict(state)


@pytest.mark.parametrize('make', [
    lambda c: FRNet(c, mid_channels=4, num_blocks=1, flow_channels=4),
    lambda c: FRNet(c, mid_channels=4, num_blocks=1, flow_channels=4, scale=2),
    lambda c: RecurrentUNet(c, width=4, fold=2, blocks=(1, 1)),
    lambda c: DetailUNet(c, width=4, blocks=(1, 1)),
    lambda c: SPADERecurrent(c, width=4, blocks=1, hidden=4, flow_channels=4),
    lambda c: FrameResNet(c, width=4, halvings=1, blocks=1)])
def test_a_generator_starts_as_the_other_one_ended(make) -> None:
    before, after = make(BEFORE.channels), make(AFTER.channels)
    randomize(before), randomize(after)
    moved(before, after)
    first, second = conditions()
    with torch.no_grad():
        torch.testing.assert_close(after(second).pred, before(first).pred, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kind', [SpatioTemporalDiscriminator, SpatialDiscriminator])
def test_a_discriminator_too(kind) -> None:
    before, after = kind(BEFORE.channels).eval(), kind(AFTER.channels).eval()
    randomize(before), randomize(after)
    moved(before, after)
    target, flow = moving_clip(1, 3, 3, 16, 24, seed=5), torch.ones(1, 2, 2, 16, 24)
    with torch.no_grad():
        scores = [net(target, ClipContext(condition, flow=flow, flow_back=flow))[0].logits
                  for net, condition in zip((before, after), conditions())]
    torch.testing.assert_close(scores[1], scores[0], rtol=1e-4, atol=1e-5)


def test_a_run_starts_from_a_run_with_other_modalities(trained: Run, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(trained.work_dir)
    assert checkpoint['meta']['condition'] == {'channels': {'blur': 3, 'edges': 1, 'segmentation': 4}, 'optional': []}
    config = tmp_path / 'other.py'
    config.write_text(f'_base_ = {str(trained.config)!r}\nmodalities = dict(_delete_=True, gray=dict(type="Gray"), '
                      f'blur=dict(type="Blur"))\nload_from = {str(trained.work_dir / "latest.pth")!r}\n')
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=1'])
    assert ended.code == 0, ended.err
    assert 'carried over: blur; new: gray; left out: edges, segmentation' in ended.out
    assert 'generator: 100% of the weights are taken; by modality: flow_net.encoder.0.0.weight, conv_in.0.weight' in \
        ended.out
    weights = read_checkpoint(tmp_path / 'run')['state_dict']['generator.conv_in.0.weight']
    old = checkpoint['state_dict']['generator.conv_in.0.weight']
    assert weights.shape[1] == 1 + 3 + 3
    torch.testing.assert_close(weights[:, 1:4], old[:, :3], atol=2e-3, rtol=0)  # but for one step of training


def test_the_model_that_comes_along_is_carried_to_other_modalities(capsys: pytest.CaptureFixture) -> None:
    cfg = load_config(tiny.ROOT / 'configs/drive_realtime.py', ['unpaired=None'])
    checkpoint = read_checkpoint(BUNDLE)
    MMLogger.get_instance('the model that comes along')  # its lines go to where this test reads
    same = MODELS.build(cfg.model)
    start_from(same, checkpoint, 'the bundle')
    assert 'fine-tuning' not in capsys.readouterr().out
    cfg.model.modalities = {'depth': {'type': 'Depth'}, **{k: v for k, v in cfg.modalities.items() if k != 'edges'}}
    cfg.model.dropout = {'prob': {'depth': 0.5}}
    other = MODELS.build(cfg.model)
    start_from(other, checkpoint, 'the bundle')
    told = capsys.readouterr().out
    assert 'carried over: gray, segmentation; new: depth, presence of depth; left out: edges, presence of edges' in told
    torch.testing.assert_close(other.generator.conv_out.weight, checkpoint['state_dict']['generator.conv_out.weight'])


def test_another_network_is_refused(trained: Run) -> None:
    cfg = load_config(trained.config, ['model.generator.mid_channels=16', 'model.generator.flow_channels=8'])
    with pytest.raises(CheckpointError, match=r"the run does not fit the generator of this config: 'flow.*% of its"):
        start_from(MODELS.build(cfg.model), read_checkpoint(trained.work_dir), 'the run')
