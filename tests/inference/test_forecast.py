"""Memory and speed told before a run, against what a run takes."""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from photoreal.bundle import TrainedModel, load_untrained
from photoreal.inference import VideoEnhancer
from photoreal.inference.forecast import forecast, step_bytes
from photoreal.modalities import Modality
from photoreal.models import ClipPreprocessor
from photoreal.models.generators import Generator
from tests import tiny

RUN = """
import json, re, sys
import numpy as np, psutil
from photoreal.bundle import load_untrained
from photoreal.inference import VideoEnhancer, enhance_file
from photoreal.inference.forecast import forecast
what, config, source, out, *options = sys.argv[1:]
enhancer = VideoEnhancer(load_untrained(config, tuple(options)), 'cpu', 'fp32')
if what == 'forecast':
    found = forecast(enhancer, 360, 640)
    print(json.dumps([found.memory, found.more]))
else:
    before = psutil.Process().memory_info().rss
    enhance_file(enhancer, source, out)
    # Not ru_maxrss, in which the memory of the process that started this one counts.
    peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024
    print(json.dumps([peak, peak - before]))
"""


class Known(Generator):
    """Its step holds at most its input, two copies of that and a prediction."""

    def init_state(self, condition):
        return {'last': torch.zeros_like(condition)}

    def step(self, condition, state):
        twice = 2 * condition
        more = twice + state['last']
        del twice
        return more[:, :3] * 1, {'last': more}

    def forward(self, condition):
        raise NotImplementedError


class Late(Modality):
    """Takes a second for its first frame, as one does that imports a library then."""

    channels = 1

    def __init__(self) -> None:
        super().__init__()
        self.ready = False

    def compute(self, frames, **params):
        if not self.ready:
            time.sleep(1)
        self.ready = True
        return frames[..., :1]

    def encode(self, x):
        return x.float() / 255


def enhancer_of(generator: Generator) -> VideoEnhancer:
    preprocessor = ClipPreprocessor(dict(blur=dict(type='Blur'), edges=dict(type='Edges')), 'blur')
    return VideoEnhancer(TrainedModel(generator, preprocessor, {}), 'cpu', 'fp32')


def nano() -> VideoEnhancer:
    return VideoEnhancer(load_untrained(tiny.ROOT / 'configs/realtime_nano.py'), 'cpu', 'fp32')


def test_what_lives_at_the_worst_moment_is_counted():
    whole = 4 * 4 * 32 * 48  # a condition of 4 channels as float32
    assert step_bytes(enhancer_of(Known()), 32, 48) == (whole + 2 * whole, whole)


@pytest.mark.parametrize('config', ['realtime_nano', 'tecogan_multimodal'])
@pytest.mark.parametrize('dtype', ['fp32', 'bf16'])
@pytest.mark.parametrize('size', [(64, 96), (360, 640)])
def test_a_step_that_is_made_weighs_what_a_traced_one_does(config, dtype, size):
    model = load_untrained(tiny.ROOT / f'configs/{config}.py', () if 'nano' in config else
                           ('model.generator.num_blocks=1', 'model.generator.mid_channels=8'))
    enhancer = VideoEnhancer(model, 'cpu', dtype)
    assert step_bytes(enhancer, *size, traced=False) == pytest.approx(step_bytes(enhancer, *size), rel=0.01)


def test_memory_follows_the_size_and_speed_is_measured():
    enhancer = nano()
    small, large = forecast(enhancer, 64, 96), forecast(enhancer, 256, 384)
    assert large.more == pytest.approx(16 * small.more, rel=0.25) and large.memory > small.memory
    assert small.rate > large.rate > 0
    assert small.fits and small.tile is None
    assert str(small).startswith('96x64, fp32: about ') and 'frames/s on this device (cpu)' in str(small)


def test_what_a_modality_sets_up_at_its_first_frame_does_not_count():
    preprocessor = ClipPreprocessor(dict(blur=dict(type='Blur'), late=Late()), 'blur')
    enhancer = VideoEnhancer(TrainedModel(Known(), preprocessor, {}), 'cpu', 'fp32')
    assert forecast(enhancer, 64, 96).rate > 1.1


def test_what_does_not_fit_is_told_with_a_tile_that_does(monkeypatch):
    model = load_untrained(tiny.ROOT / 'configs/tecogan_multimodal.py', ('model.generator.num_blocks=1',))
    enhancer = VideoEnhancer(model, 'cpu', 'fp32')  # FRNet: what it computes outweighs the frames that wait
    needed = forecast(enhancer, 720, 1280).more
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: SimpleNamespace(available=int(0.97 * needed)))
    found = forecast(enhancer, 720, 1280)
    assert not found.fits and f'--tile {found.tile} fits' in str(found)
    tiled = VideoEnhancer(model, 'cpu', 'fp32', tile=found.tile)
    assert forecast(tiled, 720, 1280).fits
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: SimpleNamespace(available=1000))
    assert 'no tile would fit either' in str(forecast(enhancer, 64, 96))


@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='there is no /proc to read the peak from')
@pytest.mark.parametrize('config, options', [('realtime_nano', []),
                                             ('tecogan_multimodal', ['model.generator.num_blocks=1'])])
def test_a_run_takes_what_was_told(config, options, tmp_path):
    import cv2
    import numpy as np

    from photoreal.datasets.video_writers import VideoWriter
    scene = cv2.resize(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8), (660, 380))
    with VideoWriter(tmp_path / 'in.mp4', 25) as writer:
        for i in range(20):
            writer.write(scene[i:i + 360, i:i + 640])
    (told, told_more), (took, took_more) = (
        json.loads(tiny.run_process('-c', RUN, what, tiny.ROOT / f'configs/{config}.py', tmp_path / 'in.mp4',
                                    tmp_path / 'out.mp4', *options).out) for what in ('forecast', 'run'))
    print(f'{config}: told {told / 1e6:.0f} MB, took {took / 1e6:.0f} MB; beyond the start told {told_more / 1e6:.0f}, '
          f'took {took_more / 1e6:.0f} MB', file=sys.stderr)
    assert took / 1.3 < told < took * 1.3
    assert took_more / 2 < told_more < took_more * 2
