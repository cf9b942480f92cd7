"""Strips, predictions on disk, metrics as JSON."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.logging import MessageHub

from photoreal.engine.hooks import MetricsJsonHook, PredictionWriterHook, strip
from photoreal.structures import FrameInfo, FrameResult


def result(domain: str = 'real', index: int = 0, length: int = 2, side: int = 4, image: bool = True) -> FrameResult:
    """Every picture of one brightness: frame 10, degraded 20, prediction 30, target 40."""
    def picture(value: int, side: int = side) -> np.ndarray:
        return np.full((side, side, 3), value, np.uint8)
    info = FrameInfo(domain=domain, video='v', name=f'{index:02d}', index=index, length=length, fps=10.0)
    return FrameResult(pred=picture(30), frame=picture(10, 4), target=picture(40) if domain == 'real' else None,
                       image=picture(20) if image else None, info=info)


@pytest.mark.parametrize(('given', 'panels'), [
    (result('real'), [20, 30, 40]), (result('virtual'), [10, 30]), (result('real', image=False), [30, 40]),
    (result('virtual', side=8), [10, 30])])
def test_strip_shows_input_prediction_target(given: FrameResult, panels: list[int]) -> None:
    side = given.pred.shape[0]
    picture = strip(given)
    assert picture.shape == (side, side * len(panels), 3) and picture.dtype == np.uint8
    assert picture[0, side // 2::side, 0].tolist() == panels


def test_videos_get_their_name_when_they_are_complete(tmp_path: Path) -> None:
    hook = PredictionWriterHook(str(tmp_path))
    hook.after_test_iter(None, 0, outputs=[result(index=0)])
    assert not (tmp_path / 'real/v.mp4').exists()
    hook.after_test_iter(None, 1, outputs=[result(index=1)])
    assert (tmp_path / 'real/v.mp4').exists()
    assert sorted(path.name for path in (tmp_path / 'real').iterdir()) == ['v', 'v.mp4']


def test_aborted_test_leaves_whole_pictures_and_no_video(tmp_path: Path) -> None:
    hook = PredictionWriterHook(str(tmp_path))
    hook.after_test_iter(None, 0, outputs=[result(index=0)])
    hook.abort(KeyboardInterrupt())
    assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == ['00.png']


def test_history_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    hub = MessageHub('test_history')
    runner = SimpleNamespace(work_dir=str(tmp_path), iter=0, message_hub=hub)
    hook = MetricsJsonHook()
    hook.before_train(runner)
    for runner.iter in (2, 4):
        hook.after_val_epoch(runner, {'real/psnr': np.float32(runner.iter)})
    resumed, runner.iter = MetricsJsonHook(), 2  # the checkpoint of iteration 4 was lost
    resumed.before_train(runner)
    assert hub.get_info('validated') == 2
    runner.iter = 3
    resumed.after_val_epoch(runner, {'real/psnr': 9.0})
    history = json.loads((tmp_path / 'metrics.json').read_text())
    assert history == [{'iter': 2, 'real/psnr': 2.0}, {'iter': 3, 'real/psnr': 9.0}]
