"""A model trained with modality dropout, used without one of its modalities: by config, and on files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource
from tests import tiny

TEXT = "model['dropout'] = dict(prob=dict(segmentation=0.5, edges=0.2))\n"


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A folder with a config, a run of it, and its data, where one video to train on, and all to test on, lack labels.
    """
    folder = tmp_path_factory.mktemp('dropout')
    shutil.copytree(tiny_data, folder / 'data')
    for video in ('real/lane', 'virtual/game'):
        (folder / 'data/val' / video / 'segmentation').rename(folder / f'labels_{video[:4]}')
    shutil.rmtree(folder / 'data/train/real/road/segmentation')
    config = tiny.write_config(folder / 'tiny.py', folder / 'data', TEXT)
    ended = tiny.run('train', config, '--work-dir', folder / 'run', options=['resume=False'])
    assert ended.code == 0, ended.err
    assert 'presence of edges and segmentation 2' in ended.out
    assert "train: 1 video lacks 'segmentation': road" in ended.out
    assert "val: 2 videos lack 'segmentation': lane, game" in ended.out
    return folder


def test_the_check_names_each_video_that_lacks_something_once(trained: Path) -> None:
    ended = tiny.run('check_data', trained / 'data', '--config', trained / 'tiny.py')
    assert ended.code == 0, ended.out
    lines = [line for line in ended.out.splitlines() if 'has no segmentation/' in line]
    assert [line.split(':')[1].strip()[-4:] for line in lines] == ['road', 'lane', 'game']
    assert all(line.startswith('note: ') and 'its dropout has it learn' in line for line in lines)


def test_what_is_not_recorded_is_left_out_of_a_test(trained: Path) -> None:
    args = ('test', trained / 'tiny.py', '--checkpoint', trained / 'run', '--out', trained / 'tested')
    ended = tiny.run(*args, options=['test_dataloader.dataset.optional=[]'])
    assert ended.code == 1 and 'found no segmentation/ and no video' in ended.err
    ended = tiny.run(*args)
    assert ended.code == 0, ended.err
    assert 'real/psnr' in json.loads((trained / 'tested/metrics.json').read_text())['mean']


def test_recorded_modalities_that_are_not_given_are_left_out(trained: Path) -> None:
    model, frames = trained / 'model.safetensors', trained / 'data/val/virtual/game/frames'
    ended = tiny.run('export', trained / 'tiny.py', '--checkpoint', trained / 'run', '--to', 'bundle', '--out', model)
    assert ended.code == 0, ended.err
    labels = ['--modality', f'segmentation={trained}/labels_virt']
    found = {}
    for name, more in {'all': labels, 'labels': ['--leave-out', 'edges', *labels], 'edges': []}.items():
        ended = tiny.run('infer', model, frames, '--out', trained / name, '--dtype', 'fp32', *more)
        assert ended.code == 0, ended.err
        found[name] = FolderSource(trained / name).read(range(tiny.LENGTH)).astype(int)
    assert len({video.tobytes() for video in found.values()}) == 3
    tested = FolderSource(trained / 'tested/virtual/game').read(range(tiny.LENGTH))
    np.testing.assert_array_equal(found['edges'], tested)
    ended = tiny.run('infer', model, frames, '--out', trained / 'none', '--leave-out', 'blur')
    assert ended.code == 1 and "needs the modality 'blur', which is missing; only edges, segmentation" in ended.err
