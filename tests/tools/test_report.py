"""tools/report.py, and what tools/test.py and tools/train.py say at their end, on a run that has really been."""

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.conftest import Run

EVALUATOR = """
test_evaluator = [dict(type='PSNR', domain='real'), dict(type='WarpError', domain='virtual')]
"""


@pytest.fixture(scope='module')
def config(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the trained run, with metrics that are quick."""
    return tiny.write_config(tmp_path_factory.mktemp('config') / 'quick.py', tiny_data, EVALUATOR)


@pytest.fixture(scope='module')
def tested(trained: Run, config: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder of a test of the trained run, and what the tool has printed."""
    out = tmp_path_factory.mktemp('tested') / 'test'
    ended = tiny.run('test', config, '--checkpoint', trained.work_dir, '--out', out)
    assert ended.code == 0, ended.err
    return out, ended.out


def test_a_training_ends_with_a_word_on_its_health(trained: Run) -> None:
    assert 'GAN health: too early. Lately D (the discriminator) leads by ' in trained.console
    assert '; there are 4 log entries so far. That is how every game begins.' in trained.console


def test_a_test_ends_with_a_report(tested: tuple[Path, str]) -> None:
    out, console = tested
    assert f'report: {out / "report.html"}' in console
    page = (out / 'report.html').read_text('utf-8')
    assert 'virtual/game' in page and 'real/lane' in page
    assert page.count('id="media-') == 2 and 'Losses of the generator' in page


@pytest.mark.slow
def test_a_report_calls_classes_by_their_names(tiny_config: Path, tmp_path: Path) -> None:
    with tiny_config.open('a') as file:
        file.write("modalities['segmentation']['num_classes'] = 19\ntrain_cfg['max_iters'] = 1\n")
    assert tiny.run('train', tiny_config, '--work-dir', tmp_path / 'run').code == 0
    ended = tiny.run('test', tiny_config, '--checkpoint', tmp_path / 'run', '--out', tmp_path / 'test')
    assert ended.code == 0, ended.err
    page = (tmp_path / 'test/report.html').read_text('utf-8')
    assert '"flicker: sidewalk"' in page and '"sidewalk"' in page
    assert 'class 1' not in page and 'flicker_class_' not in ended.out


def test_every_frame_has_a_number(tested: tuple[Path, str]) -> None:
    out, _ = tested
    frames, report = (json.loads((out / name).read_text()) for name in ('frames.json', 'metrics.json'))
    assert set(frames) == set(report['videos']) and 'psnr' in report['higher_is_better']
    psnr, warp_error = frames['real/lane']['psnr'], frames['virtual/game']['warp_error']
    assert len(psnr) == len(warp_error) == tiny.LENGTH and warp_error[0] is None and None not in psnr
    assert sum(psnr) / len(psnr) == pytest.approx(report['videos']['real/lane']['psnr'])


def test_a_report_of_a_work_dir_and_a_test(trained: Run, tested: tuple[Path, str], tmp_path: Path) -> None:
    ended = tiny.run('report', trained.work_dir, tested[0], '--out', tmp_path / 'both.html')
    assert (ended.code, ended.out.strip()) == (0, f'report: {tmp_path / "both.html"}'), ended.err


def test_a_report_of_something_else(tmp_path: Path) -> None:
    ended = tiny.run('report', tmp_path, '--out', tmp_path / 'report.html')
    assert ended.code == 1 and 'expected a work dir of tools/train.py' in ended.err
    assert not (tmp_path / 'report.html').exists()


def test_checkpoints_and_their_predictions_compare_alike(trained: Run, config: Path, tmp_path: Path) -> None:
    first, second = trained.work_dir / 'iter_2.pth', trained.work_dir / 'iter_4.pth'
    ended = tiny.run('test', config, '--compare', first, second, '--out', tmp_path / 'one')
    assert ended.code == 0, ended.err
    assert f'A: {first}' in ended.out and '95 % interval' in ended.out
    assert (tmp_path / 'one/report.html').is_file()
    again = tiny.run('test', config, '--compare', tmp_path / 'one/A', tmp_path / 'one/B',
                     '--out', tmp_path / 'two')
    assert again.code == 0, again.err
    rows = [{(row['video'], row['metric']): row['difference'] for row in
             json.loads((tmp_path / name / 'comparison.json').read_text())['rows']} for name in ('one', 'two')]
    assert rows[0] == pytest.approx(rows[1]) and ('virtual/game', 'warp_error') in rows[0]
    assert any(rows[0].values())


def test_predictions_must_be_of_every_frame(config: Path, tested: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / 'cut/virtual/game'
    folder.mkdir(parents=True)
    picture = next((tested[0] / 'virtual/game').iterdir())
    (folder / picture.name).write_bytes(picture.read_bytes())
    ended = tiny.run('test', config, '--compare', tmp_path / 'cut', tested[0], '--out', tmp_path / 'out')
    assert ended.code == 1 and f'found 1 predictions; expected {tiny.LENGTH}' in ended.err


def test_compare_runs_in_one_process(config: Path) -> None:
    ended = tiny.run('test', config, '--compare', 'a', 'b', '--launcher', 'pytorch')
    assert ended.code == 2 and 'leave --launcher pytorch out' in ended.err
