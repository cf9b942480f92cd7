"""Fixtures that many tests share."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests import tiny


class Run(NamedTuple):
    """A finished training run."""

    config: Path
    work_dir: Path
    console: str


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a data set: two real videos to train on, one real and one virtual to validate; not to be changed."""
    return tiny.make_data(tmp_path_factory.mktemp('data') / 'tiny')


@pytest.fixture
def tiny_config(tmp_path: Path, tiny_data: Path) -> Path:
    """A config on ``tiny_data`` that trains tiny networks for four iterations."""
    return tiny.write_config(tmp_path / 'tiny.py', tiny_data)


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Run:
    """A run of ``tiny_config``; not to be changed."""
    folder = tmp_path_factory.mktemp('trained')
    config = tiny.write_config(folder / 'tiny.py', tiny_data)
    ended = tiny.run('train', config, '--work-dir', folder / 'run', options=['resume=False'])
    assert ended.code == 0, ended.err
    return Run(config, folder / 'run', ended.out)
