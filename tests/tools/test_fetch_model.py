"""photoreal fetch-model, and what prepare-data and a training do with what it has fetched."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource
from photoreal.modalities.networks import NETWORKS, lock_file, path_of
from tests import tiny
from tests.modalities.test_estimators import onnx_of
from tests.prepare.server import Server, serve
from tests.test_download import no_proxy  # noqa: F401

DEPTH, CLASSES = 'midas-v21-small', 'bisenetv2-cityscapes'


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Stand-ins: depth is the mean of the colours, the class of a pixel the strongest of three."""
    folder = tmp_path_factory.mktemp('networks')
    return {DEPTH: Path(onnx_of(folder / 'depth.onnx', 'ReduceMean')).read_bytes(),
            CLASSES: Path(onnx_of(folder / 'classes.onnx')).read_bytes()}


@pytest.fixture
def servers(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Server]]:
    """A list whose files lie on this machine; the depth's checksum is listed, that of the classes is not."""
    monkeypatch.setenv('PHOTOREAL_CACHE', str(tmp_path / 'cache'))
    with serve(files[DEPTH]) as depth, serve(files[CLASSES]) as classes:
        listed = hashlib.sha256(files[DEPTH]).hexdigest()
        for name, server, sha256, settings in (
                (DEPTH, depth, listed, {}), (CLASSES, classes, None, dict(num_classes=3, size=[40, 56]))):
            network = NETWORKS[name]
            monkeypatch.setitem(NETWORKS, name, replace(network, url=f'{server.address}/{name}', sha256=sha256,
                                                        settings={**network.settings, **settings}))
        yield {DEPTH: depth, CLASSES: classes}


def fetch(*arguments: object) -> tiny.Ended:
    return tiny.run('fetch_model', *arguments)


def prepare(*arguments: object) -> tiny.Ended:
    return tiny.run('prepare_data', *arguments, '--workers', '1')


def test_what_is_there_is_looked_at_and_not_fetched_again(servers: dict[str, Server], files: dict[str, bytes]) -> None:
    ended = fetch(DEPTH)
    assert ended.code == 0, ended.err
    assert ended.out == f'{DEPTH}: fetched: {path_of(DEPTH)}\n' and path_of(DEPTH).read_bytes() == files[DEPTH]
    assert 'here already, and sound' in fetch(DEPTH).out and len(servers[DEPTH].asked) == 1
    assert f'{DEPTH} (depth, 66.8 MB, MIT, fetched)' in fetch('--list').out
    path_of(DEPTH).write_bytes(files[CLASSES])
    os.utime(path_of(DEPTH), (1, 1))
    assert f'{DEPTH} (depth, 66.8 MB, MIT)' in fetch('--list').out
    assert f'{DEPTH}: fetched: ' in fetch(DEPTH).out and path_of(DEPTH).read_bytes() == files[DEPTH]


def test_a_sum_that_nobody_has_published_is_that_of_the_first_download(servers: dict[str, Server],
                                                                       files: dict[str, bytes]) -> None:
    found = hashlib.sha256(files[CLASSES]).hexdigest()
    assert 'sha256  not published: the first download is taken on trust' in fetch('--list').out
    ended = fetch(CLASSES)
    assert 'taken on trust' in ended.out and found in ended.out
    assert json.loads(lock_file().read_text())[CLASSES]['sha256'] == found and f'sha256  {found}' in fetch('--list').out
    path_of(CLASSES).unlink()
    servers[CLASSES].body = files[DEPTH]
    ended = fetch(CLASSES)
    assert ended.code == 1 and not path_of(CLASSES).exists()
    assert f'expected {found}' in ended.err and f"remove '{CLASSES}' from {lock_file()}" in ended.err
    assert len(ended.err.splitlines()) == 1
    servers[CLASSES].body = files[CLASSES]
    assert 'taken on trust' not in fetch(CLASSES).out


def test_a_mirror_and_a_copy(servers: dict[str, Server], files: dict[str, bytes], tmp_path: Path) -> None:
    found = hashlib.sha256(files[CLASSES]).hexdigest()
    with serve(files[CLASSES]) as mirror:
        ended = fetch(CLASSES, '--url', f'{mirror.address}/copy', '--sha256', found.upper(),
                      '--out', tmp_path / 'c.onnx')
    assert ended.code == 0 and 'on trust' not in ended.out and not servers[CLASSES].asked
    assert (tmp_path / 'c.onnx').read_bytes() == files[CLASSES]
    wrong = fetch(DEPTH, '--sha256', '0' * 64)
    assert wrong.code == 1 and f'found --sha256 {"0" * 64}; expected' in wrong.err and not servers[DEPTH].asked


@pytest.mark.parametrize(('arguments', 'said'), [
    (['midas-v21'], "no network is called 'midas-v21'; did you mean 'midas-v21-small'"),
    ([], 'name a network, or --list them'),
    ([DEPTH, CLASSES, '--out', 'x'], '--out, --url and --sha256 are for one network'),
    ([DEPTH, '--sha256', 'abc'], 'expected 64 hexadecimal digits'),
    ([DEPTH, '--url', 'http://127.0.0.1:9/x'], 'it cannot be reached')])
def test_wrong_use(servers: dict[str, Server], arguments: list[str], said: str) -> None:
    ended = fetch(*arguments)
    assert ended.code in (1, 2) and said in ended.err


def maps(folder: Path) -> np.ndarray:
    source = FolderSource(folder)
    return source.read(range(len(source)), raw=True)[..., 0]


def expected(video: Path) -> dict[str, np.ndarray]:
    """What the stand-ins make of a video."""
    source = FolderSource(video / 'frames')
    frames = source.read(range(len(source)))
    depth = []
    for frame in frames:
        small = cv2.resize(frame, (256, 256), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        mean = cv2.resize(small.mean(-1), frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        depth.append((mean - mean.min()) / (mean.max() - mean.min()) * 65535)
    return {'depth': np.stack(depth), 'segmentation': frames.argmax(-1)}


def check(video: Path) -> None:
    for name, wanted in expected(video).items():
        found = maps(video / name)
        assert found.dtype == (np.uint16 if name == 'depth' else np.uint8)
        assert np.abs(found - wanted).max() <= (8 if name == 'depth' else 0), video / name
        assert found.min() == 0 and found.max() == (65535 if name == 'depth' else 2)


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    """A data set of frames alone, of both splits and domains."""
    for frames in sorted(tiny_data.glob('*/*/*/frames')):
        folder = tmp_path / 'data' / frames.parent.relative_to(tiny_data) / 'frames'
        folder.mkdir(parents=True)
        for path in frames.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    return tmp_path / 'data'


TRAINING = """
modalities = dict(
    depth=dict(type='Precomputed', folder='depth', of=dict(type='MonoDepth', model=None)),
    segmentation=dict(type='LabelMap', num_classes=3))
"""


def test_one_command_adds_depth_and_labels_to_both_domains_for_training(servers: dict[str, Server], data: Path,
                                                                        tmp_path: Path) -> None:
    assert fetch(DEPTH, CLASSES).code == 0
    ended = prepare(data, '--add', '--modalities', 'depth', 'segmentation')
    assert ended.code == 0, ended.err
    assert f'{data}: 4 videos written (32 frames)' in ended.out
    for video in tiny.VIDEOS:
        check(data / video)
        meta = json.loads((data / video / 'meta.json').read_text())
        assert meta['modalities']['depth']['model'] == DEPTH and meta['fps'] == 25
    assert '4 whole already' in prepare(data, '--add', '--modalities', 'depth', 'segmentation').out
    config = tiny.write_config(tmp_path / 'tiny.py', data, TRAINING)
    ended = tiny.run('train', config, '--work-dir', tmp_path / 'run', options=['train_cfg.max_iters=1'])
    assert ended.code == 0, ended.err
    assert 'segmentation 3' in ended.out and 'depth 1' in ended.out
    (data / tiny.VIDEOS[0] / 'depth/000.png').unlink()
    assert 'found 7 maps; expected 8' in prepare(data, '--add', '--modalities', 'depth').err


def test_new_videos_get_them_too_and_a_file_is_known_by_its_sum(servers: dict[str, Server], data: Path, tmp_path: Path,
                                                                 files: dict[str, bytes]) -> None:
    (tmp_path / 'mine.onnx').write_bytes(files[DEPTH])
    (tmp_path / 'other.onnx').write_bytes(files[CLASSES])
    settings = ['--split', 'val', '--domain', 'virtual', '--out', tmp_path / 'out', '--modalities', 'depth']
    ended = prepare(data / 'val/virtual/game', *settings, '--model', f'depth={tmp_path}/mine.onnx')
    assert ended.code == 0, ended.err
    [video] = (tmp_path / 'out/val/virtual').iterdir()
    np.testing.assert_array_less(np.abs(maps(video / 'depth') - expected(video)['depth']), 8.1)
    assert json.loads((video / 'meta.json').read_text())['modalities']['depth']['size'] == 256
    ended = prepare(data / 'val/real/lane', *settings, '--model', f'depth={tmp_path}/other.onnx')
    assert ended.code == 1 and 'gives 3 maps; expected one' in ended.err


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--add', '--modalities', 'depth'], r"modality 'depth': there is no network .*fetch_model\.py depth-anything"),
    (['--add', '--modalities', 'depth', '--model', f'depth={CLASSES}'], f'{CLASSES} makes segmentation; expected one'),
    (['--add', '--modalities', 'depth', '--model', f'depth={DEPTH}'], f'{DEPTH}. is not there yet; run: python tools/'),
    (['--add', '--modalities', 'depth', '--model', 'depth=no.onnx'], 'no such file'),
    (['--add', '--modalities', 'blur', '--model', f'depth={DEPTH}'], '--model depth=... goes with --modalities depth'),
    (['--add', '--modalities', 'blur', '--model', 'labels=x'], 'expected depth=MODEL or segmentation=MODEL'),
    (['--add', '--modalities', 'blur', '--split', 'val'], '--split does not go with --add'),
    (['--add'], '--add needs --modalities or --config'),
    (['--split', 'val', '--domain', 'real'], '--out is missing')])
def test_wrong_use_of_prepare_data(servers: dict[str, Server], data: Path, arguments: list[str], said: str) -> None:
    ended = prepare(data, *arguments)
    assert ended.code in (1, 2) and re.search(said, ended.err), ended.err


def test_maps_of_others_are_never_touched(servers: dict[str, Server], tiny_data: Path) -> None:
    before = tiny.files(tiny_data)
    assert fetch(CLASSES).code == 0
    ended = prepare(tiny_data, '--add', '--modalities', 'segmentation')
    assert ended.code == 1 and ended.err.count('not made by this tool') == 4 and tiny.files(tiny_data) == before
    ended = prepare(tiny_data / 'train', '--add', '--modalities', 'blur')
    assert ended.code == 1 and 'found no videos to add to' in ended.err


def test_the_documentation_lists_them() -> None:
    text = (tiny.ROOT / 'docs/modalities.md').read_text()
    rows = {row.split('`')[1]: row for row in text.splitlines() if row.startswith('| `')}
    for name, network in NETWORKS.items():
        for fact in (network.makes, network.licence, network.page, f'{network.megabytes} MB', network.takes,
                     network.gives, 'published' if network.sha256 else 'of your first download'):
            assert fact in rows[name], (name, fact)
