"""When a run says something."""

import re
from pathlib import Path

import pytest

from photoreal.engine.run_log import RunLoggerHook
from photoreal.errors import ConfigError
from tests import tiny
from tests.conftest import Run


def iterations(console: str) -> list[str]:
    return re.findall(r'Iter\(train\) \[(\d)/3]', console)


@pytest.mark.parametrize(('seconds', 'logged', 'progress'), [(30.0, ['3'], 0), (1e-9, ['1', '2', '3'], 7)])
def test_no_long_silence_and_a_last_line(seconds: float, logged: list[str], progress: int, trained: Run,
                                         tmp_path: Path) -> None:
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=[
        'train_cfg.max_iters=3', 'train_cfg.val_interval=3', 'default_hooks.logger.interval=50',
        f'default_hooks.logger.seconds={seconds}'])
    assert ended.code == 0, ended.err
    assert iterations(ended.out) == logged
    assert len(re.findall(r'validation: \d of 8 frames, about 0:00:0\d left', ended.out)) == progress
    assert ended.out.count('validation after iteration 3') == 1


def test_silence_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match='seconds=0; expected more than 0'):
        RunLoggerHook(seconds=0)
