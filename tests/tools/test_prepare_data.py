import sys

import pytest

from photoreal import commands
from photoreal.config import load_config
from photoreal.datasets import scan
from tests.datasets.helpers import pictures, write_folder


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """Run the tool in this process; gives its exit code, or the message that it ends with and the code 1."""
    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['prepare_data.py', '--out', str(tmp_path / 'out'), '--split', 'val',
                                          '--domain', 'real', '--workers', '1', *map(str, arguments)])
        try:
            commands.run('prepare-data')
        except SystemExit as end:
            return end.code
        return 0

    return run


def test_bad_sources_fail_the_run_after_the_rest_was_made(tmp_path, tool, capsys):
    good = write_folder(tmp_path / 'good', pictures(3))
    (tmp_path / 'bad.mp4').write_text('no video')
    said = tool(good, tmp_path / 'bad.mp4', tmp_path / 'nothing*')
    assert 'bad.mp4' in said and 'nothing*' in said
    assert '1 videos written (3 frames), 2 faults' in capsys.readouterr().out
    assert tool(good, tmp_path / 'bad.mp4', tmp_path / 'nothing*', '--skip-bad') == 0
    lines = capsys.readouterr().out.splitlines()
    assert '1 whole already' in lines[0] and [line.startswith('skipped: ') for line in lines[1:-1]] == [True, True]


def test_options_reach_the_data_set(tmp_path, tool):
    write_folder(tmp_path / 'raw/clip', pictures(8, 12, 16))
    assert tool(tmp_path / 'raw/*', '--size', '8x6', '--source-fps', '20', '--fps', '10', '--max-frames', '3',
                '--format', 'jpg', '--config', 'configs/demo.py', '--modalities', 'edges') == 0
    [record] = scan(tmp_path / 'out', 'val', ['real'], {})
    assert (len(record), record.fps, record.size) == (3, 10, (6, 8))
    assert sorted(p.name for p in record.path.iterdir()) == ['edges', 'frames', 'meta.json']
    assert (record.path / 'frames/00000.jpg').is_file()


def test_layouts(tmp_path, tool):
    write_folder(tmp_path / 'GT/000', pictures(2))
    assert tool(tmp_path / 'GT', '--from', 'tecogan') == 0
    assert (tmp_path / 'out/val/real/000/frames/00001.png').is_file()
    assert "did you mean 'tecogan'" in tool(tmp_path / 'GT', '--from', 'tecogann')


def test_nought_is_no_default(tmp_path, tool):
    clip = write_folder(tmp_path / 'clip', pictures(2))
    assert 'fps=0.0' in tool(clip, '--source-fps', '0')
    assert 'workers=0' in tool(clip, '--workers', '0')
    assert not (tmp_path / 'out').exists()


def test_modalities_of_a_config_are_those_of_its_model(tmp_path, tool):
    cfg = load_config('configs/demo.py')
    cfg.pop('modalities')
    cfg.dump(tmp_path / 'flat.py')
    clip = write_folder(tmp_path / 'clip', pictures(2))
    assert tool(clip, '--config', tmp_path / 'flat.py', '--modalities', 'edges') == 0
    assert (tmp_path / 'out/val/real/clip/edges/00001.png').is_file()
    cfg.model.generator.type = 'FRNett'
    cfg.dump(tmp_path / 'wrong.py')
    assert "did you mean 'FRNet'" in tool(clip, '--config', tmp_path / 'wrong.py')


@pytest.mark.parametrize('wrong', [('--size', '12'), ('--ray-address', 'auto')])
def test_wrong_usage(tool, wrong):
    assert tool('x', *wrong) == 2
