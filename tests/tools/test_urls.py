"""Tools take URLs where they take data, checkpoints and bundles: here those of an S3 server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import fsspec
import pytest

from photoreal.bundle import load_model, save_bundle
from photoreal.datasets.lmdb_path import LmdbPath, data_path
from photoreal.datasets.pack import pack
from photoreal.storage import CACHE
from tests import buckets, tiny
from tests.conftest import Run
from tests.engine.trouble import last


@pytest.fixture(scope='module')
def url(tiny_data: Path, trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket with a data set, as a folder and packed, with a run and a bundle of it."""
    folder = tmp_path_factory.mktemp('urls')
    pack(tiny_data, folder / 'drive.lmdb')
    save_bundle(load_model(trained.config, trained.work_dir), folder / 'model.safetensors')
    with buckets.serve(), mock.patch.dict(os.environ, {CACHE: str(folder / 'cache')}):
        bucket = fsspec.filesystem('s3')
        bucket.put(str(tiny_data), f'{buckets.BUCKET}/drive', recursive=True)
        bucket.put([str(folder / 'drive.lmdb'), str(folder / 'model.safetensors')],
                   [f'{buckets.BUCKET}/drive.lmdb', f'{buckets.BUCKET}/model.safetensors'])
        bucket.put_file(str(trained.work_dir / 'latest.pth'), f'{buckets.BUCKET}/run/latest.pth')
        yield buckets.URL


def start_of(work_dir: Path) -> dict:
    return json.loads((work_dir / 'run.json').read_text())['starts'][-1]


def test_training_on_data_from_weights(url: str, trained: Run, tmp_path: Path) -> None:
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=[
        f'data_root={url}/drive', f'load_from={url}/run/latest.pth', 'train_cfg.max_iters=1',
        'optim_wrapper.generator.optimizer.lr=0.0'])
    assert ended.code == 0, ended.err
    assert f'fetching {url}/drive to ' in ended.err
    start = start_of(tmp_path / 'run')
    assert start['started_from'] == f'{url}/run/latest.pth'
    assert start['data'] == start_of(trained.work_dir)['data']  # where it lies makes no difference
    weights, before = (last(folder)['state_dict'] for folder in (tmp_path / 'run', trained.work_dir))
    assert tiny.equal(weights['generator.conv_in.0.weight'], before['generator.conv_in.0.weight'])


def test_packed_data(url: str) -> None:
    root = data_path(f'{url}/drive.lmdb')
    assert isinstance(root, LmdbPath) and (root / 'train/real/park/frames').is_dir()


def test_resume_from_the_folder_of_a_run(url: str, trained: Run, tmp_path: Path) -> None:
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', '--resume', f'{url}/run',
                     options=['train_cfg.max_iters=5'])
    assert ended.code == 0, ended.err
    assert 'Iter(train) [5/5]' in ended.out and 'Iter(train) [4/5]' not in ended.out
    assert start_of(tmp_path / 'run')['resumed_from'] == f'{url}/run'


def test_testing_a_checkpoint(url: str, trained: Run, tmp_path: Path) -> None:
    ended = tiny.run('test', trained.config, '--checkpoint', f'{url}/run', '--out', tmp_path / 'out',
                     options=['test_dataloader.dataset.max_frames=1', f'data_root={url}/drive'])
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / 'out/metrics.json').read_text())['checkpoint'] == f'{url}/run'


def test_models(url: str, trained: Run) -> None:
    expected = load_model(trained.config, trained.work_dir).generator.state_dict()
    for model in (load_model(trained.config, f'{url}/run/latest.pth'), load_model(f'{url}/model.safetensors')):
        assert tiny.equal(model.generator.state_dict(), expected)


def test_pictures_to_predict_from(url: str, tmp_path: Path) -> None:
    ended = tiny.run('infer', f'{url}/model.safetensors', f'{url}/drive/val/virtual/game', '--out', tmp_path / 'out',
                     '--modality', f'segmentation={url}/drive/val/virtual/game/segmentation')
    assert ended.code == 0, ended.err
    assert len(list((tmp_path / 'out').glob('*.png'))) == tiny.LENGTH


def test_checking_data(url: str, trained: Run) -> None:
    ended = tiny.run('check_data', f'{url}/drive', '--config', trained.config)
    assert f'data_root={url}/drive' in ended.out, ended


@pytest.mark.parametrize(('option', 'expected'), [
    ('load_from={url}/none.pth', 'error: {url}/none.pth: found nothing there'),
    ('data_root={url}/none', 'error: {url}/none: found nothing there'),
    ('data_root=gs://bucket/drive', 'gs:// needs a package that is not installed: pip install gcsfs'),
    ('work_dir={url}/run', "work_dir='{url}/run': found a URL, and a run writes to a disk"),
])
def test_what_is_wrong_is_told_with_the_url(url: str, trained: Run, option: str, expected: str) -> None:
    ended = tiny.run('train', trained.config, options=[option.format(url=url)])
    assert ended.code == 1 and expected.format(url=url) in ended.err
    assert 'Traceback' not in ended.err


def test_damaged_checkpoint_is_named_by_its_url(url: str, trained: Run, tmp_path: Path) -> None:
    torn = (trained.work_dir / 'latest.pth').read_bytes()[:-9000]
    fsspec.filesystem('s3').pipe_file(f'{buckets.BUCKET}/torn.pth', torn)
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', '--resume', f'{url}/torn.pth',
                     options=['resume=False'])
    assert ended.code == 1 and f'error: {url}/torn.pth: ' in ended.err and 'it is damaged' in ended.err
    assert not (tmp_path / 'run').exists()
