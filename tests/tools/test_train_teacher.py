"""Training from a teacher, as a user starts it."""

import shutil
from pathlib import Path

import cv2
import pytest

from photoreal.datasets.writers import write_image
from tests import tiny

CONFIG = tiny.ROOT / 'configs/teacher_student.py'
SMALL = ['crop_size=32', 'width=8', 'batch_size=2', 'max_iters=2', 'train_dataloader.num_workers=0',
         'val_dataloader.num_workers=0', 'default_hooks.logger.interval=1']
MIXED = """
crop_size = 24
unpaired = dict(_delete_=True, crop_size=16, frames=2, bank_size=12, layer='fire5', losses=dict(
    adversarial=dict(type='AdversarialLoss'), teacher=dict(type='TeacherLoss', layers=['conv1'], temporal=0.0)))
"""


def teach(video: Path) -> None:
    """The teacher inverts the frames."""
    for path in (video / 'frames').iterdir():
        write_image(video / 'target' / path.name, 255 - cv2.imread(str(path))[..., ::-1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two virtual videos to train on, one with a teacher, and one to validate on."""
    root = tiny.make_data(tmp_path / 'data')
    for name in ('town', 'untaught'):
        shutil.copytree(root / 'val/virtual/game', root / 'train/virtual' / name)
    teach(root / 'train/virtual/town')
    teach(root / 'val/virtual/game')
    return root


def test_student_trains_without_real_video_and_is_measured_beside_its_teacher(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / 'train/real')
    shutil.rmtree(data / 'val/real')
    small = tmp_path / 'small.py'
    small.write_text(f'_base_ = {str(CONFIG)!r}\ncrop_size = 32\n')
    checked = tiny.run('check_data', data, '--config', small)
    assert checked.code == 0, checked.out + checked.err
    assert '1 of 2 videos have no target/: untaught' in checked.out
    ended = tiny.run('train', CONFIG, '--work-dir', tmp_path / 'run', options=[f'data_root={data}', *SMALL])
    assert ended.code == 0, ended.err
    for name in ('g_teacher: ', 'g_warping: ', 'warp_error_target', 'squeeze_distance', 'psnr'):
        assert name in ended.out, name
    assert (tmp_path / 'run/latest.pth').exists()


def test_a_teacher_beside_virtual_clips_that_learn_by_distribution(data: Path, tmp_path: Path) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', data, MIXED)
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=2'])
    assert ended.code == 0, ended.err
    assert 'g_virtual_teacher: ' in ended.out and 'g_virtual_adversarial: ' in ended.out


def test_no_teacher_anywhere_is_told_before_training(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / 'train/virtual/town/target')
    small = tmp_path / 'small.py'
    small.write_text(f'_base_ = {str(CONFIG)!r}\ncrop_size = 32\n')
    for ended in (tiny.run('check_data', data, '--config', small),
                  tiny.run('train', small, '--work-dir', tmp_path / 'run', options=[f'data_root={data}', *SMALL])):
        assert ended.code == 1 and 'has target/, from which a loss learns' in ended.out + ended.err
    assert not list((tmp_path / 'run').glob('*.pth'))
