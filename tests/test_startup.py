"""What a start must not do: import what prediction has no use for, lay a config out as text again and again."""

import copy
from pathlib import Path

import pytest
from mmengine.config import config as mmengine_config

from photoreal.bundle import load_untrained, save_bundle
from photoreal.config import TextOnceConfig, load_config
from photoreal.models import VideoGAN
from tests import tiny

HEAVY = {'mmengine.model', 'mmengine.optim', 'mmengine.runner', 'photoreal.engine.runner', 'photoreal.models.video_gan',
         'matplotlib', 'scipy', 'skimage', 'sympy', 'tensorboard', 'torch._dynamo', 'torch._inductor',
         'torch.distributed.fsdp', 'torchmetrics', 'torchvision'}
INFER = """
import sys
from photoreal.commands import run
run('infer')
print(*sys.modules, sep='\\n')
"""


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is laid out as a text from now on."""
    texts, layout = [], mmengine_config.FormatCode
    monkeypatch.setattr(mmengine_config, 'FormatCode', lambda text, **how: texts.append(text) or layout(text, **how))
    return texts


@pytest.mark.slow
@pytest.mark.parametrize('size', [(40, 56), (360, 640)])  # a frame that is tried as it is, and one that is not
def test_prediction_imports_nothing_heavy(tmp_path: Path, tiny_data: Path, size: tuple[int, int]) -> None:
    import cv2
    frame = cv2.resize(cv2.imread(str(next(tiny_data.glob('val/virtual/game/frames/*.png')))), size[::-1])
    cv2.imwrite(str(tmp_path / 'frame.png'), frame)
    save_bundle(load_untrained(tiny.ROOT / 'configs/realtime_nano.py'), tmp_path / 'nano.safetensors')
    ended = tiny.run_process('-c', INFER, tmp_path / 'nano.safetensors', tmp_path / 'frame.png', '--out',
                             tmp_path / 'out')
    assert ended.code == 0, ended.err
    modules = set(ended.out.splitlines())
    assert 'photoreal.inference.forecast' in modules and f'{size[1]}x{size[0]}' in ended.err
    assert not modules & HEAVY


def test_the_training_step_is_there_where_it_is_asked_for() -> None:
    assert VideoGAN.__module__ == 'photoreal.models.video_gan'
    with pytest.raises(ImportError, match='NoSuchModel'):
        from photoreal.models import NoSuchModel  # noqa: F401


def test_a_config_is_laid_out_once_until_it_changes(tiny_config: Path, laid_out: list[str]) -> None:
    plain = load_config(tiny_config)
    cfg = TextOnceConfig(plain)
    assert cfg.pretty_text == plain.pretty_text and cfg.filename == plain.filename
    assert len(laid_out) == 2
    assert copy.deepcopy(cfg).pretty_text == cfg.dump() and len(laid_out) == 2
    cfg.train_cfg.max_iters = 12345
    assert 'max_iters=12345' in cfg.pretty_text and 'max_iters=12345' not in plain.pretty_text


def test_a_training_lays_its_config_out_once(tiny_config: Path, tmp_path: Path, laid_out: list[str]) -> None:
    ended = tiny.run('train', tiny_config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=1'])
    assert ended.code == 0, ended.err
    assert len(laid_out) == 1
