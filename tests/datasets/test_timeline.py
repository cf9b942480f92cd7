"""One clock of time stamps that jump."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from photoreal.datasets.timeline import Ticker, Timeline
from tests.datasets.films import scene, write_film

STEP = 40  # milliseconds


def mended(path: Path, stamps: list[int | None]) -> list[int | None]:
    """Stamps in milliseconds of packets of one track after they went through a timeline of that file."""
    found = []
    with av.open(str(path)) as container:
        timeline, track = Timeline(container), container.streams.video[0]
        for stamp in stamps:
            packet = av.Packet(b'x')
            packet.stream, packet.time_base, packet.duration = track, Fraction(1, 1000), STEP
            packet.pts = packet.dts = stamp
            timeline.mend(packet)
            found.append(packet.pts)
    assert timeline.mended == (found != stamps)
    return found


def even(start: int, count: int) -> list[int]:
    return [start + STEP * i for i in range(count)]


@pytest.mark.parametrize('suffix', ['.ts', '.mkv'])
def test_a_clock_that_runs_backward_starts_anew(tmp_path, suffix):
    path = write_film(tmp_path / f'in{suffix}', scene(10))
    assert mended(path, even(5000, 4) + even(0, 4) + even(0, 4)) == even(5000, 12)


def test_only_clocks_of_broadcasts_jump_forward(tmp_path):
    jump = even(0, 4) + even(60000, 4)
    assert mended(write_film(tmp_path / 'in.ts', scene(10)), jump) == even(0, 8)
    assert mended(write_film(tmp_path / 'in.mkv', scene(10)), jump) == jump


def test_one_wrong_time_stamp_does_not_move_what_follows(tmp_path):
    stamps = even(2000, 10)
    stamps[4] = 0
    found = mended(write_film(tmp_path / 'in.ts', scene(10)), stamps)
    assert found == even(2000, 10)


def test_small_steps_back_are_kept(tmp_path):
    stamps = [0, 40, 20, 60, None, 120]
    assert mended(write_film(tmp_path / 'in.ts', scene(10)), stamps) == stamps


def test_times_ascend():
    ticker = Ticker(40)
    assert [ticker.time(given) for given in (0, 40, 40, 80, None, 90, 500, 0)] == [0, 40, 60, 80, 120, 140, 500, 540]
    assert Ticker(1).time(None) == 0
