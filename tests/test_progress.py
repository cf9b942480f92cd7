"""How far the work is, where nobody looks at a terminal."""

import time
from types import SimpleNamespace

import pytest

from photoreal import progress


def test_work_is_told_of_in_lines_with_one_at_its_end(capsys: pytest.CaptureFixture,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, '_SECONDS', 0.0)
    with progress.progress('frames', 4) as advance:
        time.sleep(0.01)
        advance(3)
        advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('frames: 3 of 4, about 0:00:0') and lines[-1].startswith('frames: 4 of 4 in 0:00:0')


@pytest.mark.parametrize(('total', 'said'), [(4, 'a.mp4: 3 of 4, about 0:00:10 left\n'), (None, 'a.mp4: 3\n')])
def test_a_long_silence_is_broken_and_the_end_is_left_to_the_tool(
        total: int | None, said: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 29.9, 31.0, 32.0])
    monkeypatch.setattr(progress, 'time', SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.progress_bar('a.mp4', total) as advance:
        advance(1)
        assert capsys.readouterr().err == ''
        advance(2)
        assert capsys.readouterr().err == said
        advance(1)
    assert capsys.readouterr().err == ''


def test_of_several_processes_one_talks(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, '_SILENCE', 0.0)
    for rank in ('1', '0'):
        monkeypatch.setenv('LOCAL_RANK', rank)
        with progress.progress_bar('a.mp4', 2) as advance:
            advance(1)
        assert ('a.mp4: 1 of 2' in capsys.readouterr().err) == (rank == '0')
