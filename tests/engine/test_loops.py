"""The training loop takes each clip that it trains on, and none besides."""

from pathlib import Path

import pytest

from photoreal.config import load_config
from photoreal.datasets.clips import ClipDataset
from photoreal.engine import loops
from photoreal.engine.runner import build_runner
from photoreal.errors import ConfigError
from tests import tiny
from tests.conftest import Run
from tests.engine.trouble import last


def test_sampler_of_frames_is_refused(tiny_config: Path, tmp_path: Path) -> None:
    cfg = load_config(tiny_config, ["train_dataloader.sampler={'type': 'DefaultSampler'}", 'experiment_name=sampler'])
    cfg.work_dir = str(tmp_path / 'run')
    runner = build_runner(cfg, ('train', 'val'))
    with pytest.raises(ConfigError, match='train_dataloader.sampler is a DefaultSampler: ClipTrainLoop needs'):
        runner.train()


def test_resumed_run_decodes_from_where_it_stopped(trained: Run, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    get = ClipDataset.__getitem__
    monkeypatch.setattr(ClipDataset, '__getitem__', lambda self, k: taken.append(k) or get(self, k))
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run',
                     '--resume', trained.work_dir / 'iter_2.pth', options=['resume=False'])
    assert ended.code == 0, ended.err
    assert taken == [4, 5, 6, 7]  # iterations 3 and 4 of 2 clips each


def test_log_history_does_not_grow_for_ever(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of 500,000 iterations would spend 40 ms of each on copying it."""
    monkeypatch.setattr(loops, 'HISTORY', 2)
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=['resume=False'])
    assert ended.code == 0, ended.err
    kept, expected = (last(folder)['message_hub']['log_scalars'] for folder in (tmp_path / 'run', trained.work_dir))
    assert kept['train/g_pixel']['values'].tolist() == expected['train/g_pixel']['values'].tolist()[-2:]
    assert {len(entry['values']) for name, entry in kept.items() if name.startswith('train/')} == {2}
