"""A run goes on from its newest whole checkpoint, with everything that was random where it was."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from photoreal.engine.checkpoint import read_meta
from photoreal.engine.resume import (
    gather_random_states,
    random_states,
    random_states_kept,
    restore_own_random_states,
    restore_random_states,
)
from tests import tiny
from tests.conftest import Run
from tests.engine.trouble import last


def draw() -> tuple[float, ...]:
    """A number of each generator."""
    return torch.rand(()).item(), np.random.rand(), np.random.randn(), random.random()  # noqa: NPY002


def test_random_states_come_back_from_a_file(tmp_path: Path) -> None:
    draw()
    torch.save(random_states(), tmp_path / 'states.pth')
    expected = draw(), draw()
    restore_random_states(torch.load(tmp_path / 'states.pth', weights_only=True))
    assert (draw(), draw()) == expected


def test_random_states_of_another_number_of_processes_are_left_alone() -> None:
    states = gather_random_states()
    expected = draw()
    assert restore_own_random_states(states)
    assert not restore_own_random_states(states * 2)
    assert draw() == expected


def test_block_that_draws_leaves_no_trace() -> None:
    with random_states_kept():
        expected = draw()
        draw()
    assert draw() == expected


@pytest.fixture
def work_dir(trained: Run, tmp_path: Path) -> Path:
    """Two whole checkpoints, of iterations 2 and 4, to be changed."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for name in ('iter_2.pth', 'iter_4.pth'):
        (folder / name).write_bytes((trained.work_dir / name).read_bytes())
    return folder


def test_torn_and_foreign_checkpoints_are_named_and_passed_over(trained: Run, work_dir: Path) -> None:
    (work_dir / 'iter_4.pth').write_bytes((trained.work_dir / 'iter_4.pth').read_bytes()[:-9000])
    (work_dir / 'latest.pth').symlink_to('iter_4.pth')
    foreign = last(trained.work_dir)
    foreign['state_dict']['generator.conv_in.0.bias'] = torch.zeros(99)
    foreign['meta']['time'] = '9999'
    torch.save(foreign, work_dir / 'iter_6.pth')
    torch.save({'state_dict': {}}, work_dir / 'iter_8.pth')
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['resume=False'])
    assert ended.code == 0, ended.err
    shown = ' '.join((ended.out + ended.err).split())
    assert f'passed over: {work_dir}/iter_4.pth cannot be read as a checkpoint: it is damaged' in shown
    assert f'passed over: {work_dir}/iter_6.pth does not fit the generator of this config' in shown
    assert f'passed over: {work_dir}/iter_8.pth holds' not in shown  # older than the one that is taken: not looked at
    assert f'Loaded checkpoint {work_dir}/iter_2.pth' in shown and 'Iter(train) [3/4]' in shown
    assert tiny.equal(last(work_dir)['state_dict'], last(trained.work_dir)['state_dict'])


def test_none_that_is_whole_is_an_error_that_names_each(trained: Run, work_dir: Path) -> None:
    for name in ('iter_2.pth', 'iter_4.pth'):
        (work_dir / name).write_bytes(b'PK')
    before = tiny.files(work_dir)
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume')
    assert ended.code == 1 and f'no checkpoint in {work_dir} can be resumed from' in ended.err
    assert 'iter_2.pth' in ended.err and 'iter_4.pth' in ended.err
    assert tiny.files(work_dir) == before


def test_newest_is_the_one_that_was_written_last(trained: Run, work_dir: Path) -> None:
    """As after a run that was set back to an earlier iteration; copying has given the files other dates."""
    assert read_meta(work_dir / 'iter_2.pth')['time'] < read_meta(work_dir / 'iter_4.pth')['time']
    again = torch.load(work_dir / 'iter_2.pth', weights_only=True)
    again['meta']['time'] = '9999'
    torch.save(again, work_dir / 'iter_2.pth')
    time.sleep(0.01)
    (work_dir / 'iter_4.pth').touch()
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', '--dry-run')
    assert ended.code == 0, ended.err
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['train_cfg.max_iters=3'])
    assert ended.code == 0 and f'Loaded checkpoint {work_dir}/iter_2.pth' in ended.out


def test_newest_is_found_though_a_kill_came_before_its_link_was_made(trained: Run, work_dir: Path) -> None:
    (work_dir / 'latest.pth').symlink_to('iter_2.pth')
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['resume=False'])
    assert ended.code == 0, ended.err
    assert last(work_dir)['meta']['iter'] == 4
    assert 'the run is done: it has reached iteration 4, and train_cfg.max_iters=4' in ended.out


def test_best_of_what_was_lost_is_not_the_best(trained: Run, work_dir: Path) -> None:
    (work_dir / 'iter_4.pth').unlink()
    torch.save({'meta': {'iter': 4, 'metric': 'real/psnr', 'score': 1e9}}, work_dir / 'best_real_psnr_iter_4.pth')
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['resume=False'])
    assert ended.code == 0, ended.err
    assert read_meta(work_dir / 'best.pth')['score'] < 1e9


def test_resuming_what_has_not_begun_begins(trained: Run, tmp_path: Path) -> None:
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', '--resume',
                     options=['train_cfg.max_iters=1'])
    assert ended.code == 0, ended.err
    assert 'holds no checkpoint yet: the run starts at its beginning' in ended.out + ended.err
    assert last(tmp_path / 'run')['meta']['iter'] == 1
