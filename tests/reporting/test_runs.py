"""What is read from the folders of trainings and tests."""

import math
from pathlib import Path

import pytest

from photoreal.errors import DataError
from photoreal.reporting.configs import differences, read_config
from photoreal.reporting.runs import read_run
from tests.reporting.folders import log_line, make_test, make_work_dir, write_log


def test_a_resumed_run_is_one_curve(tmp_path: Path) -> None:
    write_log(tmp_path, [log_line(10, g_pixel=1.0), log_line(20, g_pixel=2.0), log_line(30, g_pixel=3.0)])
    write_log(tmp_path, [log_line(20, g_pixel=2.5), log_line(40, g_pixel=4.0)], '20200102_000000')
    assert read_run(tmp_path).training.curves['g_pixel'] == [(10, 1.0), (20, 2.5), (40, 4.0)]


def test_validations_are_no_points_of_training_curves(tmp_path: Path) -> None:
    training = read_run(make_work_dir(tmp_path)).training
    assert 'real/psnr' not in training.curves and len(training.curves['time']) == 40
    assert [entry['iter'] for entry in training.validations] == [20, 40]


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    write_log(tmp_path, [log_line(1), log_line(2)])
    path = next(tmp_path.glob('*/vis_data/scalars.json'))
    path.write_text(path.read_text() + '{"iter": 3, "g_pi')
    assert [step for step, _ in read_run(tmp_path).training.curves['time']] == [1, 2]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    write_log(tmp_path, [log_line(1), log_line(2)])
    path = next(tmp_path.glob('*/vis_data/scalars.json'))
    path.write_text('{"iter": \n' + path.read_text())
    with pytest.raises(DataError, match='scalars.json, line 1'):
        read_run(tmp_path)


def test_nan_is_read_as_it_is(tmp_path: Path) -> None:
    write_log(tmp_path, [log_line(1, g_pixel=math.nan)])
    assert math.isnan(read_run(tmp_path).training.curves['g_pixel'][0][1])


def test_a_work_dir_brings_its_test_and_a_test_its_work_dir(tmp_path: Path) -> None:
    work_dir = make_work_dir(tmp_path / 'first')
    test_dir = make_test(work_dir / 'test', {'a': 1.0}, str(work_dir / 'latest.pth'))
    elsewhere = make_test(tmp_path / 'elsewhere', {'a': 1.0}, str(work_dir / 'latest.pth'))
    for folder in (work_dir, test_dir, elsewhere):
        run = read_run(folder)
        assert run.training.path == work_dir and run.test.videos['virtual/a']['warp_error'] == 1.0
    assert [read_run(folder).name for folder in (work_dir, test_dir, elsewhere)] == ['first', 'first', 'elsewhere']


def test_a_test_alone_is_a_run(tmp_path: Path) -> None:
    run = read_run(make_test(tmp_path / 'alone', {'a': 1.0}))
    assert run.training is None and run.test.higher_is_better == {'psnr'}


@pytest.mark.parametrize(('files', 'message'), [
    ({}, 'found nothing; expected a work dir of tools/train.py'),
    ({'a.txt': ''}, 'found a.txt'),
    ({'metrics.json': '{', 'frames.json': '{}'}, 'metrics.json: cannot be read'),
    ({'metrics.json': '[]', 'frames.json': '{}'}, 'found a list; expected a dict'),
    ({'metrics.json': '{"mean": {}}', 'frames.json': '{}'}, 'found no checkpoint, higher_is_better, videos'),
])
def test_other_folders_are_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_run(tmp_path)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no such folder'):
        read_run(tmp_path / 'missing')


def test_a_config_is_read_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / 'config.py'
    path.write_text(f"import os\nmodel = dict(a=1, parts=[dict(type='X', b=(1, 2))])\nmap = {{'k': 'v'}}\n"
                    f"trap = open({str(tmp_path / 'ran')!r}, 'w')\nempty = dict()\n")
    config = read_config(path)
    assert config['model.a'] == '1' and config['model.parts.0.b'] == '(1, 2)' and config['map.k'] == "'v'"
    assert config['trap'].startswith('open(') and config['empty'] == 'dict()' and not (tmp_path / 'ran').exists()
    path.write_text('model = (')
    with pytest.raises(DataError, match='config.py: cannot be parsed'):
        read_config(path)


def test_differences_name_a_shared_variable_once() -> None:
    first = {'crop': '64', 'data.crop': '64', 'lr': '1', 'same': '0', 'model.crop': '32'}
    second = {'crop': '96', 'data.crop': '96', 'lr': '1', 'same': '0', 'model.crop': '48', 'new': '2'}
    assert differences([first, second]) == [('crop', ['64', '96']), ('model.crop', ['32', '48']), ('new', ['-', '2'])]
    assert differences([first, first]) == []
