"""Checkpoints are whole or absent, run nothing that is inside, and are refused with a reason."""

import ast
import json
import os
import resource
import subprocess
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from photoreal.engine.checkpoint import (
    find_checkpoint,
    load_weights,
    plain_message_hub,
    read_checkpoint,
    restored_message_hub,
    write_checkpoint,
)
from photoreal.engine.resume import check_resumable
from photoreal.errors import CheckpointError
from tests import tiny
from tests.conftest import Run


class Malice:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


class Pair(nn.Module):
    """As a VideoGAN has its parts."""

    def __init__(self, width: int = 2, discriminator: bool = True) -> None:
        super().__init__()
        self.generator = nn.Linear(width, 1)
        self.discriminator = nn.Linear(1, 1) if discriminator else None
        self.register_buffer('discriminator_updates', torch.zeros((), dtype=torch.long))


def test_newest_and_best_can_be_found(tmp_path: Path) -> None:
    for name, link in (('iter_1.pth', 'latest.pth'), ('best_psnr_iter_1.pth', 'best.pth'),
                       ('iter_2.pth', 'latest.pth')):
        write_checkpoint(tmp_path / name, {'state_dict': {}, 'name': name}, link)
    assert find_checkpoint(tmp_path) == tmp_path / 'latest.pth'
    assert read_checkpoint(tmp_path)['name'] == 'iter_2.pth'
    assert read_checkpoint(tmp_path / 'best.pth')['name'] == 'best_psnr_iter_1.pth'
    assert os.readlink(tmp_path / 'latest.pth') == 'iter_2.pth'  # relative: the folder can be moved


def test_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / 'iter_1.pth', {'state_dict': {}, 'round': 1})
    with pytest.raises(Exception, match='pickle'):
        write_checkpoint(tmp_path / 'iter_1.pth', {'state_dict': {}, 'round': lambda: 2})
    with pytest.raises(Exception, match='pickle'):
        write_checkpoint(tmp_path / 'iter_2.pth', {'state_dict': {}, 'round': lambda: 2})
    with pytest.raises(CheckpointError, match='more than weights and plain values'):  # it could be written, not read
        write_checkpoint(tmp_path / 'iter_2.pth', {'state_dict': {}, 'round': Path('x')})
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_1.pth', 'latest.pth']
    assert read_checkpoint(tmp_path)['round'] == 1


def test_missing_checkpoint_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf'there is no .pth file in {tmp_path}: train first'):
        read_checkpoint(tmp_path)
    (tmp_path / 'iter_5.pth').touch()
    with pytest.raises(CheckpointError, match=rf'no checkpoint {tmp_path}/latest.pth; {tmp_path} has iter_5.pth'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize('name', ['run', 'run/latest.pth'])
def test_a_folder_that_is_not_there_is_said_to_be_made_by_training(tmp_path: Path, name: str) -> None:
    expected = (rf'no checkpoint {tmp_path}/{name}; there is no folder {tmp_path}/run: train first '
                r'\(tools/train.py makes it\)')
    with pytest.raises(CheckpointError, match=f'{expected}, or name another work dir$'):
        read_checkpoint(tmp_path / name)
    for run in ('demo', 'street'):
        write_checkpoint(tmp_path / run / 'iter_1.pth', {'state_dict': {}})
    with pytest.raises(CheckpointError, match=f'{expected}, or name a run of {tmp_path}: demo, street$'):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize('contents', [b'', b'not a checkpoint', b'PK\x03\x04'])
def test_damaged_checkpoint_is_named(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / 'iter_1.pth'
    path.write_bytes(contents)
    with pytest.raises(CheckpointError, match=f'{path} cannot be read as a checkpoint') as error:
        read_checkpoint(path)
    assert len(str(error.value).splitlines()) == 1


def test_damage_within_that_torch_does_not_see_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'iter_1.pth'
    write_checkpoint(path, {'state_dict': {'generator.weight': torch.zeros(1000)}})
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)
    torch.load(path, weights_only=True)
    with pytest.raises(CheckpointError, match=f'{path} .*damaged .the checksum of'):
        read_checkpoint(path)


@pytest.mark.parametrize('contents', [{'weights': {}}, [1], {'state_dict': 3}])
def test_file_without_weights_is_refused(tmp_path: Path, contents: object) -> None:
    torch.save(contents, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match="holds no 'state_dict'"):
        read_checkpoint(tmp_path / 'other.pth')


@pytest.mark.parametrize('protocol', ['zip', 'old'])
def test_malicious_pickle_runs_nothing(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / 'evil.pth'
    torch.save({'state_dict': {}, 'x': Malice(tmp_path / 'made')}, path,
               _use_new_zipfile_serialization=protocol == 'zip')
    with pytest.raises(CheckpointError, match='holds more than weights and plain values'):
        read_checkpoint(path)
    assert not (tmp_path / 'made').exists()


@pytest.mark.parametrize('tool', ['test', 'train'])
def test_malicious_checkpoints_run_nothing_through_the_tools(trained: Run, tmp_path: Path, tool: str) -> None:
    made = tmp_path / 'made'
    checkpoint = torch.load(trained.work_dir / 'latest.pth', weights_only=True)
    checkpoint['meta']['config'] = checkpoint['meta']['cfg'] = f'import os\nos.mkdir({str(made)!r})'
    torch.save(checkpoint, tmp_path / 'config.pth')
    torch.save({**checkpoint, 'x': Malice(made)}, tmp_path / 'pickle.pth')
    for name, code in (('config.pth', 0), ('pickle.pth', 1)):
        arguments = {'test': ['--checkpoint', tmp_path / name, '--out', tmp_path / 'out'],
                     'train': ['--resume', tmp_path / name, '--work-dir', tmp_path / 'out']}[tool]
        ended = tiny.run(tool, trained.config, *arguments, options=[
            'train_cfg.max_iters=5', 'val_dataloader.dataset.max_frames=1', 'test_dataloader.dataset.max_frames=1'])
        assert ended.code == code, ended.err
        assert not made.exists()


def test_checkpoint_as_mmengine_saves_it_loads_without_a_way_to_run_code(tmp_path: Path) -> None:
    history = HistoryBuffer([1.5, 2.5], [1, 1])
    hub = {'log_scalars': OrderedDict({'train/loss': history}), 'resumed_keys': {'train/loss': True},
           'runtime_info': OrderedDict(iter=np.int64(2), score=np.float64(2.5), sizes=np.arange(3))}
    torch.save({'state_dict': {}, 'meta': {'epoch': 0, 'iter': 2}, 'message_hub': hub}, tmp_path / 'stock.pth')
    loaded = restored_message_hub(read_checkpoint(tmp_path / 'stock.pth')['message_hub'])
    assert loaded['log_scalars']['train/loss'].mean() == 2.0 and loaded['runtime_info']['score'] == 2.5

    class Reach:
        """MMEngine's file calls getattr; this one uses it to get at whatever a module holds."""

        def __reduce__(self) -> tuple:
            return getattr, (HistoryBuffer, '__init__')

    torch.save({'state_dict': {}, 'x': Reach()}, tmp_path / 'reach.pth')
    with pytest.raises(CheckpointError, match=r"more than weights and plain values .getattr of '__init__'.*keep its"):
        read_checkpoint(tmp_path / 'reach.pth')


def test_nothing_in_the_package_unpickles_freely() -> None:
    calls = [(path, node) for path in (tiny.ROOT / 'photoreal').rglob('*.py') if 'testing' not in path.parts
             for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = [(path, node, ast.unparse(node.func)) for path, node in calls]
    loads = [(path, {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
             for path, node, name in names if name == 'torch.load']
    assert len(loads) > 2
    assert [path for path, arguments in loads if arguments.get('weights_only') != 'True'] == []
    assert [path for path, _, name in names if name in ('pickle.load', 'pickle.loads', 'joblib.load')] == []


def test_meta_of_any_kind_is_survived(tmp_path: Path) -> None:
    torch.save({'state_dict': {}, 'meta': 'mine'}, tmp_path / 'other.pth')
    assert read_checkpoint(tmp_path / 'other.pth')['meta'] == 'mine'


def test_parts_are_loaded_and_missing_ones_keep_their_weights() -> None:
    source, target = Pair(), Pair()
    before = {key: value.clone() for key, value in target.discriminator.state_dict().items()}
    source.discriminator_updates += 7
    state = source.state_dict()
    load_weights(target, {key: value for key, value in state.items() if not key.startswith('discriminator.')}, 'a.pth')
    assert tiny.equal(target.generator.state_dict(), source.generator.state_dict())
    assert tiny.equal(target.discriminator.state_dict(), before)
    assert target.discriminator_updates == 7


def test_weights_of_another_size_name_the_tensor_and_both_shapes() -> None:
    model = Pair()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    expected = r"a.pth does not fit the generator .*'weight' is \(1, 3\), expected \(1, 2\)"
    with pytest.raises(CheckpointError, match=expected):
        load_weights(model, Pair(width=3).state_dict(), 'a.pth')
    assert tiny.equal(dict(model.state_dict()), before)


@pytest.mark.parametrize(('change', 'found'), [
    (lambda state: state.pop('generator.bias'), "'bias' is missing"),
    (lambda state: state.update({'generator.extra': torch.zeros(1)}), "'extra' is not known")])
def test_weights_of_another_network(change, found: str) -> None:
    state = dict(Pair().state_dict())
    change(state)
    with pytest.raises(CheckpointError, match=found):
        load_weights(Pair(), state, 'a.pth')


def test_checkpoint_without_generator() -> None:
    with pytest.raises(CheckpointError, match=r"a.pth has no generator: its parts are \['backbone'\]"):
        load_weights(Pair(), {'backbone.weight': torch.zeros(1)}, 'a.pth')


def test_stock_checkpoint_of_weights_alone_can_be_started_from_but_not_resumed(trained: Run, tmp_path: Path) -> None:
    weights = torch.load(trained.work_dir / 'latest.pth', weights_only=True)['state_dict']
    torch.save({'meta': {}, 'state_dict': weights}, tmp_path / 'weights.pth')
    options = [f'load_from={tmp_path}/weights.pth']
    assert tiny.run('train', trained.config, '--dry-run', options=options).code == 0
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', '--resume', tmp_path / 'weights.pth',
                     options=['resume=False'])
    assert ended.code == 1 and 'holds weights but no message_hub, optimizer' in ended.err
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(('checkpoint', 'found'), [
    ({'state_dict': {}}, 'no message_hub, meta, optimizer'),
    ({'meta': {}, 'message_hub': {}, 'optimizer': {}}, 'no position'),
    ({'meta': {'iter': 1, 'epoch': 0}, 'message_hub': {}, 'optimizer': {'generator': {}}},
     'trained generator, and this config trains generator and discriminator')])
def test_what_a_run_cannot_be_resumed_from(checkpoint: dict, found: str) -> None:
    with pytest.raises(CheckpointError, match=found):
        check_resumable(checkpoint, Pair(), 'a.pth')


def test_log_history_survives_as_plain_values(tmp_path: Path) -> None:
    buffer = HistoryBuffer()
    for value in (1.5, 2.5):
        buffer.update(value)
    state = {'log_scalars': OrderedDict({'train/loss': buffer}),
             'runtime_info': OrderedDict(iter=2, score=buffer.data[0][0]),
             'resumed_keys': OrderedDict({'train/loss': True})}
    torch.save(plain_message_hub(state), tmp_path / 'hub.pth')
    restored = restored_message_hub(torch.load(tmp_path / 'hub.pth', weights_only=True))
    assert restored['log_scalars']['train/loss'].mean() == 2.0
    assert restored['runtime_info'] == {'iter': 2, 'score': 1.5}


def test_history_in_a_checkpoint_does_not_grow_for_ever() -> None:
    buffer = HistoryBuffer([float(i) for i in range(5000)], [1] * 5000)
    kept = plain_message_hub({'log_scalars': {'x': buffer}, 'runtime_info': {}, 'resumed_keys': {}})['log_scalars']['x']
    assert kept['values'].tolist() == [float(i) for i in range(4000, 5000)] and len(kept['counts']) == 1000


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As on a full disk, the system refuses to make a file larger than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_write_that_the_system_refuses_names_path_and_size_and_leaves_the_last_one(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / 'iter_1.pth', {'state_dict': {'x': torch.zeros(10)}})
    with largest_file(1 << 20), pytest.raises(CheckpointError, match=f'no room to save {tmp_path}/iter_2.pth: it needs '
                                              '9.* MB, and File too large'):
        write_checkpoint(tmp_path / 'iter_2.pth', {'state_dict': {'x': torch.zeros(2_000_000)}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_1.pth', 'latest.pth']
    assert 'x' in read_checkpoint(tmp_path)['state_dict']


def test_full_disk_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    disk = tmp_path / 'disk'
    disk.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', str(disk)]
    mount = subprocess.run(command, capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f'no disk can be mounted here: {mount.stderr}')
    try:
        write_checkpoint(disk / 'iter_1.pth', {'state_dict': {'x': torch.zeros(10)}})
        with pytest.raises(CheckpointError, match=r'needs 9.* MB, and 3.* MB are free'):
            write_checkpoint(disk / 'iter_2.pth', {'state_dict': {'x': torch.zeros(2_000_000)}})
        assert sorted(path.name for path in disk.iterdir()) == ['iter_1.pth', 'latest.pth']
    finally:
        subprocess.run(['umount', str(disk)], check=True)


def test_run_on_a_full_disk_ends_with_one_message_and_goes_on_when_there_is_room(trained: Run, tmp_path: Path) -> None:
    work_dir = tmp_path / 'run'
    first = tiny.run('train', trained.config, '--work-dir', work_dir, options=['train_cfg.max_iters=2'])
    assert first.code == 0, first.err
    whole = (work_dir / 'iter_2.pth').read_bytes()
    with largest_file(1 << 20):
        full = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['train_cfg.max_iters=4'])
    assert full.code == 1 and full.err.startswith(f'error: no room to save {work_dir}/iter_4.pth: it needs ')
    assert (work_dir / 'iter_2.pth').read_bytes() == whole and not (work_dir / 'iter_4.pth').exists()
    again = tiny.run('train', trained.config, '--work-dir', work_dir, '--resume', options=['train_cfg.max_iters=4'])
    assert again.code == 0, again.err
    assert [entry['iter'] for entry in json.loads((work_dir / 'metrics.json').read_text())] == [2, 4]  # each once
    ends = [read_checkpoint(folder / 'iter_4.pth') for folder in (work_dir, trained.work_dir)]
    for part in ('state_dict', 'optimizer', 'param_schedulers', 'random_states'):
        assert tiny.equal(ends[0][part], ends[1][part]), part
