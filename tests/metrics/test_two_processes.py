"""Every metric gives on two processes, with shards of unequal length, what it gives on one."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

_RANK = """
import json, sys
import numpy as np, torch, torch.distributed as dist
from mmengine.evaluator import Evaluator
import photoreal.metrics
from photoreal.structures import FrameResult

torch.set_num_threads(1)
rank, world_size = int(sys.argv[1]), int(sys.argv[2])
if world_size > 1:
    dist.init_process_group('gloo', init_method=f'file://{sys.argv[3]}', rank=rank, world_size=world_size)
shards = [['real/a'], ['real/b', 'virtual/a', 'virtual/c']]  # 5 frames, and 3 + 4 + 1
evaluator = Evaluator(json.loads(sys.argv[4]))
for key in shards[rank] if world_size > 1 else sum(shards, []):
    domain, video = key.split('/')
    pred, frames = np.load(f'{sys.argv[5]}/{domain}_{video}.npy')
    for i in range(len(frames)):
        info = dict(domain=domain, video=video, name=str(i), index=i, length=len(frames), fps=25.0)
        target = frames[i] if domain == 'real' else None
        labels = np.repeat(np.arange(2, dtype=np.uint8), frames[i].size // 6).reshape(frames[i].shape[:2])
        evaluator.process([FrameResult(pred[i], frames[i], target, None, info, labels)])
values = evaluator.evaluate(13)
if rank == 0:
    print(json.dumps([values, [metric.per_video for metric in evaluator.metrics]]))
if world_size > 1:
    dist.destroy_process_group()
"""


@pytest.fixture
def evaluators(tmp_path):
    torch.manual_seed(0)
    from photoreal.models.features import AlexNetFeatures
    torch.save(dict(AlexNetFeatures().named_parameters()), tmp_path / 'alexnet.pth')
    torch.jit.trace(torch.nn.Identity(), torch.zeros(1, 3, 8, 8)).save(tmp_path / 'segmenter.pt')
    return [
        {'type': 'PSNR'}, {'type': 'SSIM'}, {'type': 'MSSSIM'}, {'type': 'TOF'}, {'type': 'FeatureDistance'},
        {'type': 'LPIPS', 'weights': str(tmp_path / 'alexnet.pth')},
        {'type': 'Distribution', 'extractor': {'type': 'SqueezeNetExtractor', 'side': 32}, 'crops': 2},
        *({'type': name, 'domain': domain} for name in ('WarpError', 'InputTOF', 'EdgeAgreement')
          for domain in ('real', 'virtual')),
        {'type': 'LabelAgreement', 'domain': 'virtual', 'segmenter': str(tmp_path / 'segmenter.pt')}]


def run(folder, evaluators, world_size):
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path), 'OMP_NUM_THREADS': '1',
                                'GLOO_SOCKET_IFNAME': 'lo'}
    ranks = [subprocess.Popen([sys.executable, '-c', _RANK, str(rank), str(world_size), str(folder / 'store'),
                               json.dumps(evaluators), str(folder)], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(world_size)]
    outputs = [process.communicate(timeout=240) for process in ranks]
    assert [process.returncode for process in ranks] == [0] * world_size, outputs
    return json.loads(outputs[0][0].splitlines()[-1])


def test_two_processes_equal_one(tmp_path, evaluators, moving_scene):
    for i, (name, length) in enumerate({'real_a': 5, 'real_b': 3, 'virtual_a': 4, 'virtual_c': 1}.items()):
        scene = moving_scene(length=length, height=180, width=192, seed=i)
        noise = np.random.default_rng(i).integers(-20, 20, scene.shape)
        np.save(tmp_path / f'{name}.npy', np.stack([np.clip(scene + noise, 0, 255).astype(np.uint8), scene]))
    one, two = (run(tmp_path, evaluators, world_size) for world_size in (1, 2))
    expected = {'real/psnr', 'real/psnr_y', 'real/ssim', 'real/ms_ssim', 'real/tof', 'real/squeeze_distance',
                'real/squeeze_temporal', 'real/lpips', 'real/tlp', 'distribution/kid', 'distribution/kid_ci95',
                'distribution/fid_held_out_real', 'distribution/skvd', 'virtual/label_agreement'}
    expected |= {f'{domain}/{name}' for name in ('warp_error', 'warp_error_input', 'flicker', 'flicker_class_1',
                                                 'input_tof', 'edge_f1') for domain in ('real', 'virtual')}
    assert expected <= one[0].keys()
    assert two[0] == pytest.approx(one[0], rel=1e-4, abs=1e-3)
    for a, b in zip(two[1], one[1], strict=True):
        assert a.keys() == b.keys()
        for video in a:
            assert a[video] == pytest.approx(b[video], rel=1e-4, abs=1e-3)
