"""A work dir holds one run, which nothing destroys unasked, and one program at a time writes to it."""

import errno
import fcntl
import json
import shutil
import signal
import time
from pathlib import Path

import fsspec
import pytest

from photoreal.config import default_work_dir
from photoreal.datasets.writers import write_json
from photoreal.engine.occupancy import LOCK, held_run, sole_use
from photoreal.engine.provenance import last_start, note_start
from photoreal.errors import ConfigError
from tests import tiny
from tests.conftest import Run
from tests.engine.trouble import IMPORT, last

FEW = ['train_cfg.val_interval=100', 'val_dataloader.dataset.max_frames=1']
SHORT = ['train_cfg.max_iters=1', *FEW]
HALTING = IMPORT + "custom_hooks = [dict(type='HaltHook', at=3)]\n"


def train(config: Path, work_dir: Path, *args: object, options: list[str] = SHORT) -> tiny.Ended:
    return tiny.run('train', config, '--work-dir', work_dir, *args, options=options)


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Path:
    """A work dir with a finished run, to be changed."""
    return Path(shutil.copytree(trained.work_dir, tmp_path / 'run', symlinks=True))


@pytest.mark.parametrize('kept', ['*', 'iter_4.pth', 'best_*', 'metrics.json', '*/vis_data'])
def test_run_is_not_written_over(kept: str, trained: Run, run: Path) -> None:
    """Whatever is left of it."""
    wanted = [path for path in run.glob(kept)]
    for path in run.iterdir():
        if path.is_dir() and not any(path in own.parents or path == own for own in wanted):
            shutil.rmtree(path)
        elif not path.is_dir() and path not in wanted:
            path.unlink()
    before = tiny.files(run)
    ended = train(trained.config, run)
    assert ended.code == 1 and tiny.files(run) == before and before
    error, = ended.err.splitlines()
    assert error.startswith(f'error: {run} holds a run')
    assert all(way in error for way in ('--resume', 'another --work-dir', '--overwrite'))


def test_start_that_came_to_nothing_is_no_run(tmp_path: Path) -> None:
    (tmp_path / '20260101_000000/vis_data').mkdir(parents=True)
    (tmp_path / 'run.json').write_text('{"starts": [')  # as a power failure may leave it
    assert held_run(tmp_path) is None
    note_start(tmp_path, {'config': 'a.py'})
    assert held_run(tmp_path) is None and last_start(tmp_path) == {'config': 'a.py'}
    (tmp_path / 'iter_7.pth').touch()
    assert held_run(tmp_path) == 'a run of a.py, up to iteration 7,'


def test_replaced_run_leaves_nothing_among_the_new_one(trained: Run, run: Path) -> None:
    (run / 'notes.txt').write_text('mine')
    (run / 'pretrained.pth').write_bytes(b'mine')
    ended = train(trained.config, run, '--overwrite', options=['train_cfg.no_such_key=1'])
    assert ended.code == 1 and (run / 'iter_4.pth').is_file()  # a fault is found before anything is removed
    ended = train(trained.config, run, '--overwrite', options=['train_cfg.max_iters=2', *FEW])
    assert ended.code == 0, ended.err
    assert {path.name for path in run.glob('*.pth')} == {
        'iter_2.pth', 'best_real_psnr_iter_2.pth', 'latest.pth', 'best.pth', 'pretrained.pth'}
    assert [entry['iter'] for entry in json.loads((run / 'metrics.json').read_text())] == [2]
    assert len(json.loads((run / 'run.json').read_text())['starts']) == 1
    assert len(list(run.glob('*/vis_data'))) == 1 and (run / 'notes.txt').read_text() == 'mine'
    assert not (run / LOCK).exists()


def test_what_a_run_starts_from_is_not_replaced(trained: Run, run: Path) -> None:
    before = tiny.files(run)
    ended = train(trained.config, run, '--overwrite', options=[f'load_from={run}/best.pth'])
    assert ended.code == 1 and f'load_from={run}/best.pth is of the run in {run}' in ended.err
    assert tiny.files(run) == before
    ended = train(trained.config, run, '--overwrite', '--resume')
    assert ended.code == 2 and '--resume: not allowed with argument --overwrite' in ended.err


def test_resuming_another_run_does_not_write_over_one(trained: Run, run: Path) -> None:
    before = tiny.files(run)
    ended = train(trained.config, run, '--resume', trained.work_dir / 'iter_2.pth')
    assert ended.code == 1 and tiny.files(run) == before
    assert f'{trained.work_dir}/iter_2.pth is of another one: --resume alone goes on' in ended.err
    ended = train(trained.config, run, '--resume', run / 'iter_2.pth',
                  options=['train_cfg.max_iters=3', *FEW])
    assert ended.code == 0, ended.err  # its own: it is set back


def test_run_without_a_checkpoint_yet_is_begun_anew_by_resume(trained: Run, run: Path) -> None:
    """As a job that was killed between its first validation and its first checkpoint, and is queued again."""
    for path in [*run.glob('iter_*.pth'), run / 'latest.pth']:
        path.unlink()
    ended = train(trained.config, run, '--resume')
    assert ended.code == 0, ended.err
    assert last(run)['meta']['iter'] == 1


def test_mirror_of_an_earlier_run_is_kept(tiny_data: Path, tmp_path: Path) -> None:
    """Its work dir may be on another machine."""
    bucket = fsspec.filesystem('memory')
    bucket.pipe_file('/kept/latest.pth', b'of a run')
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, "\ndefault_hooks.update(mirror=dict(type='MirrorHook', "
                               "url='memory://kept'))\n")
    ended = train(config, tmp_path / 'run')
    assert ended.code == 1 and bucket.cat_file('/kept/latest.pth') == b'of a run' and not (tmp_path / 'run').exists()
    assert 'memory://kept/latest.pth is of an earlier run' in ended.err and '--overwrite' in ended.err
    ended = train(config, tmp_path / 'run', '--overwrite')
    assert ended.code == 0, ended.err
    assert bucket.cat_file('/kept/latest.pth') == (tmp_path / 'run/latest.pth').read_bytes()


@pytest.fixture
def halted(tiny_data: Path, tmp_path: Path):
    """A training in a process of its own, with a data worker, that waits in iteration 3: its config and work dir."""
    config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, HALTING)
    work_dir = tmp_path / 'run'
    process = tiny.start_process('tools/train.py', config, '--work-dir', work_dir, '--cfg-options',
                                 'train_dataloader.num_workers=1', 'val_dataloader.dataset.max_frames=1',
                                 PYTHONPATH=str(tiny.ROOT))
    try:
        end = time.monotonic() + 120
        while not (work_dir / 'best.pth').exists():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        yield process, config, work_dir
    finally:
        process.kill()
        process.communicate()


def test_second_program_ends_and_a_killed_one_leaves_no_lock(halted, trained: Run) -> None:
    process, _, work_dir = halted
    before = tiny.files(work_dir)
    for ways in ([], ['--resume'], ['--overwrite']):
        ended = train(trained.config, work_dir, *ways)
        assert ended.code == 1 and tiny.files(work_dir).keys() == before.keys()
        error, = ended.err.splitlines()
        assert error.startswith(f'error: {work_dir} is in use by another run (process {process.pid} on ')
    process.send_signal(signal.SIGKILL)
    process.wait()  # its worker has not noticed yet
    ended = train(trained.config, work_dir, '--resume', options=['train_cfg.max_iters=4', *FEW])
    assert ended.code == 0, ended.err
    assert last(work_dir)['meta']['iter'] == 4 and not (work_dir / LOCK).exists()


@pytest.mark.slow
def test_both_processes_of_a_second_program_end(halted) -> None:
    process, config, work_dir = halted
    ended = tiny.run_process('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', 'tools/train.py',
                             config, '--work-dir', work_dir, '--launcher', 'pytorch', PYTHONPATH=str(tiny.ROOT))
    assert ended.code == 1
    assert ended.err.count(f'error: {work_dir} is in use by another run (process {process.pid}') == 2


def test_file_system_without_locks_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', refuse)
    with sole_use(tmp_path / 'run'):
        assert (tmp_path / 'run').is_dir()
    shown = capsys.readouterr()
    assert 'is on a file system without locks (No locks available)' in shown.out + shown.err


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match='file/run cannot be written to: Not a directory; choose another'), \
            sole_use(tmp_path / 'file/run'):
        pass


def test_configs_of_one_name_have_work_dirs_of_their_own(trained: Run, tiny_data: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / 'here'
    (here / 'configs').mkdir(parents=True)
    monkeypatch.chdir(here)
    for config, work_dir in (
            ('tiny.py', 'tiny'), ('configs/tiny.py', 'tiny'), ('street/tiny.py', 'street/tiny'),
            ('street/configs/tiny.py', 'street/tiny'), (here / 'configs/night/tiny.py', 'night/tiny'),
            ('../configs/tiny.py', 'tiny'), ('../other/tiny.py', 'other/tiny'),
            ('../other/configs/night/tiny.py', 'night/tiny'), ('../other/configs_2/tiny.py', 'configs_2/tiny')):
        assert default_work_dir(config) == f'work_dirs/{work_dir}', config
    (tmp_path / 'configs').mkdir()
    inner, outer = (tiny.write_config(folder / 'configs/tiny.py', tiny_data) for folder in (here, tmp_path))
    run = Path(shutil.copytree(trained.work_dir, here / 'work_dirs/tiny', symlinks=True))
    write_json(run / 'run.json', {'starts': [{'config': 'configs/tiny.py', 'folder': str(here)}]})
    before = tiny.files(run)
    for ways in ([], ['--resume']):  # they have one default: the second has to name another
        ended = tiny.run('train', outer, *ways, options=SHORT)
        assert ended.code == 1 and tiny.files(run) == before
        assert 'work_dirs/tiny holds a run of ' in ended.err and 'another --work-dir' in ended.err
    for config in (inner, run / 'tiny.py'):
        ended = tiny.run('train', config, '--resume', '--dry-run')
        assert ended.code == 0, ended.err


def test_a_test_takes_the_place_of_an_earlier_longer_one(trained: Run, tmp_path: Path) -> None:
    out = tmp_path / 'test'
    for frames, more in ((4, []), (3, ['--domains', 'real'])):
        ended = tiny.run('test', trained.config, '--checkpoint', trained.work_dir, '--out', out, *more,
                         options=[f'test_dataloader.dataset.max_frames={frames}',
                                  "test_evaluator=[{'type': 'PSNR', 'domain': 'real'}]"])
        assert ended.code == 0, ended.err
        (out / 'virtual/notes.txt').write_text('mine')
    assert sorted(path.name for path in out.rglob('*.png') if 'log' not in path.parts) == [
        '000.png', '001.png', '002.png']
    assert [path.name for path in out.rglob('*.mp4')] == ['lane.mp4']
    assert (out / 'virtual/notes.txt').read_text() == 'mine'


def test_a_test_writes_neither_into_a_run_nor_over_what_no_test_has_written(trained: Run, run: Path,
                                                                            tmp_path: Path) -> None:
    before = tiny.files(run)
    ended = tiny.run('test', trained.config, '--checkpoint', run, '--out', run)
    assert ended.code == 1 and f'{run} is the work dir of a run' in ended.err and tiny.files(run) == before
    other = tmp_path / 'other/real/lane/later.png'
    other.parent.mkdir(parents=True)
    other.write_bytes(b'mine')
    ended = tiny.run('test', trained.config, '--checkpoint', run, '--out', tmp_path / 'other')
    assert ended.code == 1 and f'{other}, which no test has written: choose another --out' in ended.err
    assert tiny.files(tmp_path / 'other') == {'real/lane/later.png': b'mine'}
    with sole_use(tmp_path / 'out'):
        ended = tiny.run('test', trained.config, '--checkpoint', run, '--out', tmp_path / 'out')
        assert ended.code == 1 and 'is in use by another run' in ended.err
