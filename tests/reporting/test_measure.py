"""What can be compared of predictions on disk, and what is said of the rest."""

import json
import shutil
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from photoreal.config import load_config
from photoreal.reporting import compare_predictions
from tests import tiny

EVALUATOR = """
test_evaluator = [dict(type='PSNR'), dict(type='PSNR', prefix='again'),
                  dict(type='Distribution'), dict(type='Distribution', crops=2, prefix='few')]
"""


def test_metrics_without_values_of_frames_are_named(tiny_data: Path, tmp_path: Path,
                                                    caplog: pytest.LogCaptureFixture) -> None:
    cfg = load_config(tiny.write_config(tmp_path / 'tiny.py', tiny_data, EVALUATOR), [])
    for name in 'ab':
        shutil.copytree(tiny_data / 'val/real/lane/frames', tmp_path / name / 'real/lane')
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        rows = compare_predictions(cfg, tmp_path / 'a', tmp_path / 'b', tmp_path / 'out')
    finally:
        logger.removeHandler(caplog.handler)
    assert {'psnr', 'again/psnr'} <= {row.metric for row in rows}
    assert 'not compared, as it has no values of single frames: Distribution, Distribution (few)' in caplog.text
    saved = json.loads((tmp_path / 'out/comparison.json').read_text())
    assert saved['not_compared'] == ['Distribution', 'Distribution (few)']
