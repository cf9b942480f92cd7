"""Training as a user starts it: what a run leaves behind, resuming, stages, mixed precision, the dry run."""

import json
import math
import multiprocessing
import shutil
from pathlib import Path

import cv2
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photoreal.config import check_config, load_config
from tests import tiny
from tests.conftest import Run


def checkpoint(work_dir: Path, name: str = 'latest.pth') -> dict:
    return torch.load(work_dir / name, weights_only=True)


def test_work_dir_holds_all_of_a_run(trained: Run, tiny_data: Path) -> None:
    assert {'latest.pth', 'best.pth', 'iter_2.pth', 'iter_4.pth', 'metrics.json', 'tiny.py'} <= \
        {path.name for path in trained.work_dir.iterdir()}
    assert checkpoint(trained.work_dir)['meta']['iter'] == 4
    history = json.loads((trained.work_dir / 'metrics.json').read_text())
    assert [entry['iter'] for entry in history] == [2, 4]
    assert {'real/psnr', 'real/ssim', 'real/warp_error', 'virtual/warp_error'} <= history[0].keys()
    assert all(math.isfinite(value) for entry in history for value in entry.values())
    best = max(history, key=lambda entry: entry['real/psnr'])['iter']
    assert (trained.work_dir / 'best.pth').resolve().name == f'best_real_psnr_iter_{best}.pth'
    assert not [path for path in trained.work_dir.rglob('*') if 'tmp' in path.name]


def test_config_as_used_is_a_config(trained: Run, tiny_data: Path) -> None:
    cfg = load_config(trained.work_dir / 'tiny.py')
    check_config(cfg)
    assert cfg.test_dataloader.dataset.data_root == str(tiny_data)


def test_tensorboard_has_scalars_and_strips(trained: Run) -> None:
    events = EventAccumulator(str(next(trained.work_dir.glob('*/vis_data'))), size_guidance={'images': 0}).Reload()
    scalars = [(event.step, event.value) for event in events.Scalars('g_total')]
    assert [step for step, _ in scalars] == [1, 2, 3, 4]
    assert [event.step for event in events.Scalars('real/psnr')] == [2, 4]
    assert {'real_lane', 'virtual_game'} <= set(events.Tags()['images'])
    picture = events.Images('real_lane')[0]
    assert (picture.width, picture.height) == (3 * tiny.WIDTH, tiny.HEIGHT)  # condition | pred | target
    assert events.Images('virtual_game')[0].width == 2 * tiny.WIDTH


def test_strips_are_on_disk_too_in_their_own_colours(trained: Run, tiny_data: Path) -> None:
    strip = cv2.imread(str(next(trained.work_dir.glob('*/vis_data/vis_image/real_lane_4.png'))))
    target = cv2.imread(str(tiny_data / 'val/real/lane/frames/002.png'))
    assert (strip[:, -tiny.WIDTH:] == target).all()


def test_console_shows_what_matters_and_the_log_file_all(trained: Run) -> None:
    lines = trained.console.splitlines()
    assert any('condition: 8 channels: blur 3, edges 1, segmentation 4' in line for line in lines)
    assert any('train: 2 videos, 16 frames' in line for line in lines)
    assert any('Iter(train) [4/4]' in line and 'eta: ' in line and 'g_total: ' in line for line in lines)
    table = lines.index(next(line for line in lines if 'validation after iteration 4, in 0:00:' in line)) + 1
    assert lines[table].split() == ['real', 'virtual', 'better']
    assert [line.split()[0] for line in lines[table + 1:table + 5]] == ['psnr', 'ssim', 'warp_error', 'flicker']
    assert 'class_0' not in trained.console and 'Iter(val)' not in trained.console
    assert str(trained.work_dir) in lines[-1]
    assert len(lines) < 40  # four iterations, two validations
    assert not any(noise in trained.console for noise in ('System environment', 'metainfo', 'FileClient', 'Hooks will'))
    log = next(trained.work_dir.glob('*/*.log')).read_text()
    assert 'System environment' in log and "type='VideoGAN'" in log and 'Iter(train) [4/4]' in log
    assert 'validation after iteration 2' in log and '\n  psnr ' in log


def test_resumed_run_ends_as_one_that_was_never_interrupted(trained: Run, tmp_path: Path) -> None:
    work_dir = tmp_path / 'run'
    first = tiny.run('train', trained.config, '--work-dir', work_dir, options=['train_cfg.max_iters=2'])
    assert first.code == 0, first.err
    second = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['train_cfg.max_iters=4'])
    assert second.code == 0, second.err
    straight, resumed = checkpoint(trained.work_dir), checkpoint(work_dir)
    assert resumed['meta']['iter'] == 4
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert tiny.equal(resumed[part], straight[part]), part
    assert any(key.startswith('generator_ema.') for key in straight['state_dict'])
    history = [json.loads((folder / 'metrics.json').read_text()) for folder in (trained.work_dir, work_dir)]
    assert history[0] == history[1]


def test_resume_takes_a_named_checkpoint_and_leaves_its_run_alone(trained: Run, tmp_path: Path) -> None:
    before = tiny.files(trained.work_dir).keys()
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run',
                     '--resume', trained.work_dir / 'iter_2.pth', options=['resume=False'])
    assert ended.code == 0, ended.err
    assert tiny.files(trained.work_dir).keys() == before
    assert 'Iter(train) [3/4]' in ended.out and 'Iter(train) [2/4]' not in ended.out
    assert tiny.equal(checkpoint(tmp_path / 'run')['state_dict'], checkpoint(trained.work_dir)['state_dict'])


def test_best_checkpoint_is_known_when_a_moved_run_is_resumed(trained: Run, tmp_path: Path) -> None:
    work_dir = Path(shutil.copytree(trained.work_dir, tmp_path / 'moved', symlinks=True))
    best = (work_dir / 'best.pth').resolve()
    unbeaten = checkpoint(work_dir, best.name)
    unbeaten['meta']['score'] = 99.0
    torch.save(unbeaten, best)
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['train_cfg.max_iters=5'])
    assert ended.code == 0, ended.err
    assert (work_dir / 'best.pth').resolve() == best and best.is_file()


def test_some_of_the_newest_and_the_best_by_each_metric_are_kept(trained: Run, tmp_path: Path) -> None:
    work_dir = tmp_path / 'run'
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, options=[
        'default_hooks.checkpoint.interval=1', 'default_hooks.checkpoint.max_keep_ckpts=2', 'train_cfg.val_interval=1',
        "default_hooks.checkpoint.save_best=['real/psnr', 'virtual/warp_error']"])
    assert ended.code == 0, ended.err
    history = json.loads((work_dir / 'metrics.json').read_text())
    sharpest = max(history, key=lambda entry: entry['real/psnr'])['iter']
    steadiest = min(history, key=lambda entry: entry['virtual/warp_error'])['iter']
    assert {path.name for path in work_dir.glob('*.pth')} == {
        'iter_3.pth', 'iter_4.pth', 'latest.pth', 'best.pth', f'best_real_psnr_iter_{sharpest}.pth',
        f'best_virtual_warp_error_iter_{steadiest}.pth'}
    assert (work_dir / 'best.pth').resolve().name == f'best_real_psnr_iter_{sharpest}.pth'


def test_half_files_of_killed_runs_are_swept_up(trained: Run, tmp_path: Path) -> None:
    (tmp_path / 'run').mkdir()
    half = tmp_path / 'run/.iter_2.0a1b2c3d.tmp.pth'
    half.touch()
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=1'])
    assert ended.code == 0 and not half.exists()


def test_workers_change_nothing_and_end_with_the_run(trained: Run, tmp_path: Path) -> None:
    before = multiprocessing.active_children()  # of other tests, whose runners are not collected yet
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=[
        'train_dataloader.num_workers=2', 'val_dataloader.num_workers=1', 'train_cfg.max_iters=2'])
    assert ended.code == 0, ended.err
    assert set(multiprocessing.active_children()) <= set(before)  # they end with the run
    expected = checkpoint(trained.work_dir, 'iter_2.pth')['state_dict']
    assert tiny.equal(checkpoint(tmp_path / 'run')['state_dict'], expected)


def test_amp_trains_float32_weights(tiny_data: Path, tmp_path: Path) -> None:
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, base='frnet_multimodal.py')
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', '--amp', 'bf16',
                     options=['train_cfg.max_iters=1'])
    assert ended.code == 0, ended.err
    assert 'M parameters, in bfloat16' in ended.out
    assert load_config(tmp_path / 'run/tiny.py').optim_wrapper.generator.type == 'AutocastOptimWrapper'
    state = checkpoint(tmp_path / 'run')['state_dict']
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}


def test_generator_of_the_first_stage_is_carried_over(trained: Run, tiny_data: Path, tmp_path: Path) -> None:
    stage = tiny.write_config(tmp_path / 'stage.py', tiny_data, base='frnet_multimodal.py')
    first = tiny.run('train', stage, '--work-dir', tmp_path / 'one', options=['train_cfg.max_iters=2'])
    assert first.code == 0, first.err
    before = checkpoint(tmp_path / 'one')['state_dict']
    assert not any(key.startswith('discriminator.') for key in before)
    second = tiny.run('train', trained.config, '--work-dir', tmp_path / 'two', options=[
        f'load_from={tmp_path}/one/latest.pth', 'train_cfg.max_iters=1', 'optim_wrapper.generator.optimizer.lr=0.0'])
    assert second.code == 0, second.err
    assert "has no 'discriminator': it keeps its initial weights" in second.out
    after = checkpoint(tmp_path / 'two')['state_dict']
    generator = {key: value for key, value in before.items() if key.startswith('generator.')}
    assert generator and all(torch.equal(after[key], value) for key, value in generator.items())


def test_dry_run_says_what_is_there_and_writes_nothing(tiny_config: Path, tiny_data: Path, tmp_path: Path) -> None:
    before, data = tiny.files(tmp_path), tiny.files(tiny_data)
    ended = tiny.run('train', tiny_config, '--work-dir', tmp_path / 'run', '--dry-run')
    assert ended.code == 0, ended.err
    for found in ('condition: 8 channels', 'generator: FRNet, 0.0', 'discriminator: SpatioTemporalDiscriminator, 0.8',
                  'train: 2 videos, 16 frames', 'val: 2 videos, 16 frames', 'one training step: d_total',
                  f'one test step: real/lane -> {tiny.WIDTH}x{tiny.HEIGHT}'):
        assert found in ended.out
    assert tiny.files(tmp_path) == before and not (tmp_path / 'run').exists()
    assert tiny.files(tiny_data) == data


def test_data_root_alone_moves_all(tiny_config: Path, tiny_data: Path) -> None:
    cfg = load_config(tiny_config, ['data_root=/elsewhere'])
    assert [cfg[f'{phase}_dataloader'].dataset.data_root for phase in ('train', 'val', 'test')] == ['/elsewhere'] * 3


@pytest.mark.parametrize('config', ['demo', 'frnet_multimodal', 'tecogan_multimodal', 'tecogan_multimodal_x2',
                                    'tecogan_drive'])
def test_configs_run_dry_on_other_data(config: str, tiny_data: Path) -> None:
    options = [f'data_root={tiny_data}', f'crop_size={16 if config.endswith("_x2") else 32}', 'clip_length=3',
               'train_dataloader.batch_size=2']
    ended = tiny.run('train', tiny.ROOT / f'configs/{config}.py', '--dry-run', options=options)
    assert ended.code == 0, ended.err
    assert 'one training step: ' in ended.out
    assert f'one test step: real/lane -> {tiny.WIDTH}x{tiny.HEIGHT}' in ended.out
