"""Checkpoints are copied to where fsspec reaches while the run goes on; one whose disk is lost goes on from them."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch
from torch.distributed.elastic.utils.distributed import get_free_port

from photoreal.engine import mirror
from photoreal.errors import ConfigError, StorageError
from photoreal.storage import CACHE
from tests import buckets, tiny
from tests.conftest import Run
from tests.engine.test_nodes import train as train_on_nodes
from tests.engine.test_stopping import PARTS
from tests.engine.trouble import IMPORT, last

MIRROR = "\ndefault_hooks.update(mirror=dict(type='MirrorHook', url='{url}'))\n"


@pytest.fixture(autouse=True)
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    """An empty bucket in memory, and an empty cache."""
    monkeypatch.setenv(CACHE, str(tmp_path / 'cache'))
    yield fsspec.filesystem('memory')
    fsspec.filesystem('memory').store.clear()


@pytest.fixture
def config(tmp_path: Path, tiny_data: Path) -> Path:
    return tiny.write_config(tmp_path / 'tiny.py', tiny_data, MIRROR.format(url='memory://bucket/run'))


def train(config: Path, work_dir: Path, *args: object, iterations: int = 4) -> tiny.Ended:
    return tiny.run('train', config, '--work-dir', work_dir, *args, options=[f'train_cfg.max_iters={iterations}'])


def test_copies_are_those_of_the_work_dir(config: Path, bucket: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    ended = train(config, tmp_path / 'run', iterations=3)
    assert ended.code == 0, ended.err
    for name in ('latest.pth', 'best.pth', 'metrics.json'):
        assert bucket.cat_file(f'/bucket/run/{name}') == (tmp_path / 'run' / name).read_bytes(), name
    assert len(bucket.find('/bucket/run')) == 3
    assert not (tmp_path / 'run/.mirror').exists()
    assert 'latest.pth to memory://bucket/run in ' in ended.out


def test_run_whose_disk_is_lost_goes_on_from_its_copy(trained: Run, tiny_data: Path, tmp_path: Path) -> None:
    """It was stopped by a signal: what it saved then had been copied before it ended."""
    text = MIRROR.format(url='memory://bucket/run') + IMPORT + \
        "custom_hooks = [dict(type='PreviewHook'), dict(type='MetricsJsonHook'), dict(type='SignalHook', at=3)]\n"
    config = tiny.write_config(tmp_path / 'stop.py', tiny_data, text)
    assert train(config, tmp_path / 'run', '--resume').code == 128 + signal.SIGTERM
    for folder in ('run', 'cache'):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    ended = train(config, tmp_path / 'run', '--resume')
    assert ended.code == 0, ended.err
    assert 'Iter(train) [4/4]' in ended.out and 'Iter(train) [3/4]' not in ended.out
    start, = json.loads((tmp_path / 'run/run.json').read_text())['starts']
    assert start['resumed_from'] == 'memory://bucket/run/latest.pth'
    for part in PARTS:
        assert tiny.equal(last(tmp_path / 'run')[part], last(trained.work_dir)[part]), part
    names = {path.name for path in trained.work_dir.glob('*.pth')}
    assert {path.name for path in (tmp_path / 'run').glob('*.pth')} == names - {'iter_2.pth'} | {'iter_3.pth'}
    assert (tmp_path / 'run/best.pth').resolve().name == (trained.work_dir / 'best.pth').resolve().name
    assert (tmp_path / 'run/metrics.json').read_text() == (trained.work_dir / 'metrics.json').read_text()


@pytest.mark.slow
def test_newer_of_work_dir_and_copy_is_taken(config: Path, bucket: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    assert train(config, tmp_path / 'run', iterations=2).code == 0
    copy = bucket.cat_file('/bucket/run/latest.pth')
    shutil.copytree(tmp_path / 'run', tmp_path / 'behind', symlinks=True)
    assert train(config, tmp_path / 'run', '--resume', iterations=3).code == 0
    ended = train(config, tmp_path / 'behind', '--resume')  # of a node that the run has left, and came back to
    assert 'Loaded checkpoint memory://bucket/run/latest.pth' in ended.out and 'Iter(train) [3/4]' not in ended.out
    bucket.pipe_file('/bucket/run/latest.pth', copy)
    ended = train(config, tmp_path / 'run', '--resume')
    assert f'Loaded checkpoint {tmp_path}/run/iter_3.pth' in ended.out
    assert 'passed over' not in ended.out


@pytest.mark.parametrize('fault', ['torn', pytest.param('foreign', marks=pytest.mark.slow)])
def test_copy_that_cannot_be_resumed_from(fault: str, trained: Run, config: Path, bucket: fsspec.AbstractFileSystem,
                                          tmp_path: Path) -> None:
    checkpoint = last(trained.work_dir)
    checkpoint['state_dict']['generator.conv_in.0.bias'] = torch.zeros(99)
    checkpoint['meta']['time'] = '9999'
    torch.save(checkpoint, tmp_path / 'foreign.pth')
    whole = (trained.work_dir / 'iter_4.pth').read_bytes()
    bucket.pipe_file('/bucket/run/latest.pth',
                     whole[:-9000] if fault == 'torn' else (tmp_path / 'foreign.pth').read_bytes())
    ended = train(config, tmp_path / 'run', '--resume')  # it must not begin anew, and replace what is there
    assert ended.code == 1 and not (tmp_path / 'run').exists()
    assert f'no checkpoint in {tmp_path}/run or memory://bucket/run can be resumed from' in ended.err
    assert ('is damaged' if fault == 'torn' else 'does not fit the generator') in ended.err
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/iter_2.pth').write_bytes((trained.work_dir / 'iter_2.pth').read_bytes())
    ended = train(config, tmp_path / 'run', '--resume')
    assert ended.code == 0, ended.err
    assert 'passed over: memory://bucket/run/latest.pth' in ended.out and 'Iter(train) [3/4]' in ended.out


def test_mirror_that_cannot_be_reached(trained: Run, tiny_data: Path, tmp_path: Path) -> None:
    """It does not end a run that can do without; one whose checkpoint may be there must not begin anew."""
    with buckets.serve_nobody():
        config = tiny.write_config(tmp_path / 'tiny.py', tiny_data, MIRROR.format(url='s3://bucket/run'))
        ended = train(config, tmp_path / 'none', '--resume')
        assert ended.code == 1 and 'error: s3://bucket/run/latest.pth: access is denied' in ended.err
        ended = train(config, tmp_path / 'run', iterations=2)
        assert ended.code == 0, ended.err
        for line in ('WARNING - no checkpoint can be copied now, and the run goes on: s3://bucket/run/latest.pth: ',
                     'WARNING - not copied, and the run goes on: latest.pth: s3://bucket/run/latest.pth: access is',
                     ' - s3://bucket/run lacks the newest metrics.json, best.pth, latest.pth, for the reason above'):
            assert line in ended.out
        ended = train(config, tmp_path / 'run', '--resume', iterations=3)
        assert ended.code == 0 and 'passed over: s3://bucket/run/latest.pth: access is denied' in ended.out
    assert last(tmp_path / 'run')['meta']['iter'] == 3


def test_training_does_not_wait_and_the_newest_is_copied_next(
        config: Path, bucket: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that takes as long as three iterations; meanwhile the first file is pruned, and one fails."""
    upload, copied, go_on = mirror.upload, [], threading.Event()

    def slow(path: Path, url: str) -> None:
        if url.endswith('latest.pth'):
            if not copied:
                assert go_on.wait(60)
                assert not (tmp_path / 'run/iter_1.pth').exists()
            copied.append(torch.load(path, weights_only=True)['meta']['iter'])
            if len(copied) == 2:
                raise StorageError('it is down')
        upload(path, url)
        if url.endswith('latest.pth'):
            assert torch.load(bucket.open('/bucket/run/latest.pth'), weights_only=True)['meta']['iter'] == copied[-1]

    monkeypatch.setattr(mirror, 'upload', slow)
    original = mirror.MirrorHook.after_train_iter

    def after_train_iter(self: mirror.MirrorHook, runner: object, *args: object, **kwargs: object) -> None:
        if runner.iter + 1 == 5:
            go_on.set()
            self._running.result()
        original(self, runner, *args, **kwargs)

    monkeypatch.setattr(mirror.MirrorHook, 'after_train_iter', after_train_iter)
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=[
        'train_cfg.max_iters=6', 'train_cfg.val_interval=100', 'default_hooks.checkpoint.interval=1',
        'default_hooks.checkpoint.max_keep_ckpts=2'])
    assert ended.code == 0, ended.err
    assert copied == [1, 5, 6] and 'not copied, and the run goes on: latest.pth: it is down' in ended.out
    assert 'lacks the newest' not in ended.out


@pytest.mark.slow
def test_processes_on_a_server(trained: Run, tmp_path: Path, tiny_data: Path) -> None:
    """Data and copies in a bucket; the first process is killed, with its disk, and one command goes on elsewhere."""
    with buckets.serve():
        fsspec.filesystem('s3').put(str(tiny_data), f'{buckets.BUCKET}/drive', recursive=True)
        text = MIRROR.format(url=f'{buckets.URL}/run') + IMPORT + \
            "custom_hooks = [dict(type='PreviewHook'), dict(type='MetricsJsonHook'), dict(type='HaltHook', at=3)]\n"
        config = tiny.write_config(tmp_path / 'halt.py', tiny_data, text)
        argv = ['tools/train.py', config, '--resume', '--cfg-options', f'data_root={buckets.URL}/drive',
                'train_dataloader.num_workers=1']
        with tiny.start_process(*argv, f'work_dir={tmp_path}/first', PYTHONUNBUFFERED='1', PYTHONPATH=str(tiny.ROOT),
                                PHOTOREAL_CACHE=str(tmp_path / 'first/cache')) as process:
            while b'latest.pth to s3://photoreal/run in' not in (line := process.stdout.readline()):
                assert line, process.stderr.read()
            process.kill()
        shutil.rmtree(tmp_path / 'first')
        ended = tiny.run_process(*argv, f'work_dir={tmp_path}/second', 'custom_hooks.2.at=0',
                                 PYTHONPATH=str(tiny.ROOT), PHOTOREAL_CACHE=str(tmp_path / 'second/cache'))
        assert ended.code == 0, ended.err
        assert fsspec.filesystem('s3').cat_file(f'{buckets.BUCKET}/run/latest.pth') == \
            (tmp_path / 'second/latest.pth').read_bytes()
    assert 'Loaded checkpoint s3://photoreal/run/latest.pth' in ended.out and 'Iter(train) [2/4]' not in ended.out
    for part in PARTS:
        assert tiny.equal(last(tmp_path / 'second')[part], last(trained.work_dir)[part]), part
    assert (tmp_path / 'second/metrics.json').read_text() == (trained.work_dir / 'metrics.json').read_text()


@pytest.mark.slow
def test_two_nodes_without_a_disk_in_common(trained: Run, tmp_path: Path) -> None:
    disks = [tmp_path / 'first', tmp_path / 'second']
    meet = [f'--node_rank={rank} --master_addr=127.0.0.1 --master_port={port}'.split()
            for port in [get_free_port()] for rank in range(2)]
    with buckets.serve():
        fsspec.filesystem('s3').put_file(str(trained.work_dir / 'iter_2.pth'), f'{buckets.BUCKET}/run/latest.pth')
        printed = train_on_nodes(
            trained.config, disks, '--resume', '--cfg-options', 'train_cfg.max_iters=3',
            f"default_hooks.mirror={{'type': 'MirrorHook', 'url': '{buckets.URL}/run'}}", rendezvous=meet)
    assert f'Loaded checkpoint {buckets.URL}/run/latest.pth' in printed[0] and 'Iter(train) [2/3]' not in printed[0]
    assert last(disks[0])['meta']['iter'] == 3 and not list(disks[1].glob('*.pth'))


@pytest.mark.slow
def test_start_on_what_another_run_has_left_is_warned_of(config: Path, bucket: fsspec.AbstractFileSystem,
                                                         tmp_path: Path) -> None:
    bucket.pipe_file('/bucket/run/latest.pth', b'of another')
    ended = train(config, tmp_path / 'run', '--overwrite', iterations=2)
    assert ended.code == 0 and 'latest.pth is of another run, or another start of this one, and will be' in ended.out
    bucket.pipe_file('/bucket/run/best.pth', b'torn')
    shutil.rmtree(tmp_path / 'run')
    again = train(config, tmp_path / 'run', '--resume', iterations=3)
    assert again.code == 0 and 'of another run' not in again.out
    assert 'passed over: memory://bucket/run/best.pth: it is no best checkpoint of a run' in again.out


def test_dry_run_writes_nothing(config: Path, trained: Run, bucket: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    bucket.pipe_file('/bucket/run/latest.pth', (trained.work_dir / 'iter_4.pth').read_bytes())
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', '--resume', '--dry-run')
    assert ended.code == 0 and not (tmp_path / 'run').exists()


def test_url_that_nothing_reaches() -> None:
    with pytest.raises(ConfigError, match="s4://bucket: found the scheme 's4'; expected one that fsspec knows"):
        mirror.MirrorHook('s4://bucket')
