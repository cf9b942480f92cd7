"""A run says what it was made of, and can be repeated."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import photoreal
from photoreal.config import load_config, use_seed
from photoreal.datasets.clips import ClipDataset
from photoreal.engine.provenance import _git, changes, check_alike, fingerprints
from photoreal.errors import DataError
from tests import tiny
from tests.conftest import Run
from tests.engine.trouble import last


def data_of(root: Path) -> dict:
    modalities = dict(segmentation=dict(type='LabelMap', num_classes=4))
    return fingerprints({'train': ClipDataset(str(root), modalities, clip_length=3, crop_size=16)})['train']


def test_run_folder_and_checkpoint_say_what_the_run_was_made_of(trained: Run) -> None:
    start, = json.loads((trained.work_dir / 'run.json').read_text())['starts']
    assert start['command'].startswith('python') and f'--work-dir {trained.work_dir}' in start['command']
    assert start['config'] == str(trained.config) and start['seed'] == 0 and start['processes'] == 1
    assert start['resumed_from'] is None and start['deterministic'] is False
    assert start['versions']['torch'] == torch.__version__ and start['versions']['photoreal'] == photoreal.__version__
    assert start['versions']['python'] == '.'.join(map(str, sys.version_info[:3]))
    assert start['data']['train']['videos'] == 2 and start['data']['train']['frames'] == 2 * tiny.LENGTH
    assert start['data']['val']['frames_of'] == {'real/lane': tiny.LENGTH, 'virtual/game': tiny.LENGTH}
    assert last(trained.work_dir)['meta']['start'] == start


def test_revision_and_changes_of_the_code(tmp_path: Path) -> None:
    assert _git(tmp_path / 'code.py') is None
    if shutil.which('git') is None:
        pytest.skip('there is no git')
    who = ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false']
    (tmp_path / 'code.py').write_text('x = 1')
    for command in (['init', '-q'], ['add', 'code.py'], [*who, 'commit', '-qm', 'one']):
        subprocess.run(['git', '-C', str(tmp_path), *command], check=True)
    found = _git(tmp_path / 'code.py')
    assert re.fullmatch('[0-9a-f]{40}', found['revision']) and found['changed'] is False
    (tmp_path / 'code.py').write_text('x = 2')
    assert _git(tmp_path / 'code.py') == {**found, 'changed': True}
    installed = tmp_path / 'venv/package.py'
    installed.parent.mkdir()
    installed.touch()
    assert _git(installed) is None


def test_nodes_with_other_data_are_told_apart(tiny_data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_data, tmp_path / 'copy'))
    starts = [dict(host=f'node{i}', data=dict(train=data_of(root))) for i, root in enumerate([tiny_data, copy])]
    check_alike(starts)
    (copy / 'train/real/road/frames/007.png').unlink()
    (copy / 'train/real/road/segmentation/007.png').unlink()
    starts[1]['data'] = dict(train=data_of(copy))
    with pytest.raises(DataError, match=r'train: process 1 on node1 finds 2 videos, 15 frames, .* and process 0 on '
                                        r'node0 2 videos, 16 frames, .*differ in real/road\): give all nodes the same'):
        check_alike(starts)


def test_data_that_changes_has_another_fingerprint(tiny_data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_data, tmp_path / 'copy'))
    before = data_of(tiny_data)
    assert data_of(copy) == before  # it does not hang on the place
    (copy / 'train/real/park').rename(copy / 'train/real/wood')
    assert data_of(copy)['digest'] != before['digest']
    (copy / 'train/real/wood').rename(copy / 'train/real/park')
    path = copy / 'train/real/park/frames/000.png'
    path.write_bytes(path.read_bytes() + b'0')
    assert data_of(copy)['digest'] != before['digest']


def test_virtual_videos_of_a_training_are_data_too(tiny_data: Path, tmp_path: Path) -> None:
    def found() -> dict:
        styles = dict(fourier=dict(type='FDA'))
        return fingerprints({'train': ClipDataset(data, dict(blur=dict(type='Blur')), clip_length=3, crop_size=16,
                                                  unpaired={}, input_styles=styles)})

    data = Path(shutil.copytree(tiny_data, tmp_path / 'data'))
    shutil.copytree(data / 'val/virtual/game', data / 'train/virtual/town')
    before = found()
    shutil.copytree(data / 'val/virtual/game', data / 'train/virtual/village')
    assert before.keys() == {'train', 'train, virtual', 'train, donors'}
    assert {name for name, data in found().items() if data != before[name]} == {'train, virtual', 'train, donors'}


def test_changes_are_counted() -> None:
    many, few = ({'videos': 2, 'frames': n, 'digest': f'{n:064d}'} for n in (9, 8))
    then, now = dict(seed=5, data={'train': many, 'val': many}), dict(seed=0, data={'train': few, 'val': many})
    assert changes(then, now) == [
        'the data has changed since the run was interrupted: train: 2 videos, 9 frames, digest 00000000 then, '
        '2 videos, 8 frames, digest 00000000 now',
        'the run was started with seed 5, and goes on with 0: give it --seed 5']
    assert changes(now, now) == []


def test_resumed_run_is_noted_and_warned_of_other_data(trained: Run, tiny_data: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(tiny_data, tmp_path / 'data'))
    for folder in ('frames', 'segmentation'):
        (data / f'train/real/park/{folder}/007.png').unlink()
    work_dir = Path(shutil.copytree(trained.work_dir, tmp_path / 'run', symlinks=True))
    ended = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume',
                     '--seed', 5, options=['train_cfg.max_iters=5', f'data_root={data}'])
    assert ended.code == 0, ended.err
    assert 'the run was started with seed 0, and goes on with 5: give it --seed 0; so the run' in ended.out
    assert 'the data has changed since the run was interrupted' in ended.out and '16 frames' in ended.out
    starts = json.loads((work_dir / 'run.json').read_text())['starts']
    assert [start['resumed_from'] for start in starts] == [None, str(work_dir / 'iter_4.pth')]


@pytest.fixture
def determinism() -> Iterator[None]:
    """What --deterministic sets for the whole process is set back."""
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False


def test_seed_rules_everything_and_repeats(trained: Run, tmp_path: Path, determinism: None) -> None:
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=9']
    ends = []
    for name, seed in (('a', 5), ('b', 5), ('c', 6)):
        ended = tiny.run('train', trained.config, '--work-dir', tmp_path / name, '--seed', seed, '--deterministic',
                         options=options)
        assert ended.code == 0, ended.err
        assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
        ends.append(last(tmp_path / name))
    assert tiny.equal(ends[0]['state_dict'], ends[1]['state_dict'])
    assert not tiny.equal(ends[0]['state_dict'], ends[2]['state_dict'])
    assert ends[0]['meta']['start']['seed'] == 5 and ends[0]['meta']['start']['deterministic'] is True


def test_seed_reaches_weights_and_data(tiny_config: Path) -> None:
    cfg = load_config(tiny_config)
    use_seed(cfg, 7)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 7
    del cfg._cfg_dict['seed']
    use_seed(cfg, 8)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 8
