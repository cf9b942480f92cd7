import json
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from photoreal.benchmark.data import DataReport, time_loader, time_stages
from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.samplers import ClipSampler
from tests.datasets.helpers import BoxBlur, Labels, make_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clips(tmp_path: Path) -> ClipDataset:
    make_video(tmp_path, 6, labels=True)
    return ClipDataset(tmp_path, {'blur': BoxBlur(), 'labels': Labels()}, clip_length=2, crop_size=8)


def test_every_stage_takes_its_time(clips, monkeypatch):
    import time
    for where, name, seconds in ((Labels, 'compute', 0.006), (BoxBlur, 'compute', 0.003)):
        monkeypatch.setattr(where, name, _slowed(getattr(where, name), seconds))
    start = time.perf_counter()
    stages = time_stages(clips, batch_size=2, clips=6)
    passed = (time.perf_counter() - start) * 1000
    assert list(stages) == ['read and decode', 'modality blur', 'modality labels', 'transform', 'collate']
    assert stages['modality labels'] > 6 and stages['modality blur'] > 3
    assert all(ms > 0 for ms in stages.values()) and 6 * sum(stages.values()) <= passed


def _slowed(function, seconds):
    import time

    def slow(*args, **kwargs):
        time.sleep(seconds)
        return function(*args, **kwargs)
    return slow


def test_the_rate_is_that_of_the_slowest(clips, monkeypatch):
    monkeypatch.setattr(Labels, 'compute', _slowed(Labels.compute, 0.01))
    loader = DataLoader(clips, batch_size=2, sampler=ClipSampler(clips))
    assert 30 < time_loader(loader, 4) < 100


def test_the_report_says_who_waits():
    report = DataReport({'read and decode': 6.0, 'transform': 2.0}, 10, 2, 4, loader_clips=100, model_clips=200,
                        device='cuda')
    text = report.as_text()
    assert 'read and decode     6.00    75%' in text
    assert 'the loader, 2 workers: 100.00 clips/s, 1000.0 frames/s' in text
    assert 'gives 0.50 times what the model takes: the model waits 50% of the time' in text
    assert 'never waits' in DataReport({'a': 1.0}, 1, 0, 1, 2.0, 1.0, 'cpu').as_text()


def test_the_tool(tmp_path):
    for split, domain in (('train', 'real'), ('val', 'real'), ('val', 'virtual')):
        make_video(tmp_path / 'data', 5, split=split, domain=domain, height=72, width=72)
    command = [sys.executable, str(ROOT / 'tools/benchmark.py'), 'data', str(ROOT / 'configs/demo.py'), '--clips', '2',
               '--batches', '1', '--steps', '1', '--json', str(tmp_path / 'out.json'), '--cfg-options',
               f'data_root={tmp_path}/data', 'train_dataloader.num_workers=0', 'train_dataloader.dataset.clip_length=2']
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'out.json').read_text())
    assert list(found['stages']) == ['read and decode', 'modality blur', 'modality edges', 'transform', 'collate']
    assert found['loader_clips'] > 0 and found['model_clips'] > 0 and 'the model on' in done.stdout
