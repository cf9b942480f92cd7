"""What lies on the disk while a video is written, and after a disk was full."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from photoreal.datasets.growing_file import GrowingFile
from photoreal.datasets.video_writers import VideoWriter
from photoreal.errors import DataError
from tests.datasets.films import scene
from tests.datasets.helpers import pictures


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Files cannot become larger than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def noise(count: int) -> Iterator[np.ndarray]:
    """Frames that do not compress."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_corrections_wait_for_the_end(tmp_path):
    file = GrowingFile(tmp_path / 'a', 'a.mp4')
    file.write(b'head')
    file.write(b'tail')
    file.seek(6)
    file.write(b'--')  # of what has not been written yet
    file.flush()
    file.seek(2)
    file.write(b'##----!')  # before, and beyond the end
    assert (tmp_path / 'a').read_bytes() == b'headta--'
    file.flush()
    assert (tmp_path / 'a').read_bytes() == b'headta--!'
    file.finish()
    assert (tmp_path / 'a').read_bytes() == b'he##----!'


def test_a_piece_that_does_not_fit_is_taken_back(tmp_path):
    file = GrowingFile(tmp_path / 'a', 'a.mp4')
    with disk_of(10):
        file.write(b'12345678')
        file.flush()
        file.write(b'12345678')
        with pytest.raises(OSError, match='File too large'):
            file.flush()
        file.write(b'9')
    with pytest.raises(OSError, match='File too large'):
        file.finish()
    assert (tmp_path / 'a').read_bytes() == b'12345678'


def test_two_do_not_write_one_file(tmp_path):
    first = GrowingFile(tmp_path / 'a', 'a.mp4')
    first.write(b'first')
    with pytest.raises(DataError, match='another process is writing it'):
        GrowingFile(tmp_path / 'a', 'a.mp4')
    first.finish()
    GrowingFile(tmp_path / 'a', 'a.mp4').finish()
    assert (tmp_path / 'a').read_bytes() == b''


@pytest.mark.parametrize('suffix, codec', [('.mp4', 'h264'), ('.mov', 'h265'), ('.mkv', 'h264'), ('.mkv', 'ffv1'),
                                           ('.avi', 'h264'), ('.ts', 'h264')])
def test_a_video_can_be_played_while_it_grows(tmp_path, suffix, codec):
    """All but the last two seconds of it; what a process leaves that is killed."""
    partial, done = tmp_path / f'partial{suffix}', tmp_path / f'v{suffix}'
    with VideoWriter(done, 25, codec, partial=partial) as writer:
        for i, frame in enumerate(noise(130)):
            writer.write(frame)
            if i % 40 == 20 and i > 50:
                assert i + 1 - 50 <= count_frames(partial) <= i + 1
    assert count_frames(done) == 130
    assert [p.name for p in tmp_path.iterdir()] == [f'v{suffix}']


def test_the_end_of_an_mp4_is_that_of_any_other(tmp_path):
    """Not in fragments: the table of contents has all frames."""
    with VideoWriter(tmp_path / 'v.mp4', 25, partial=tmp_path / 'p.mp4') as writer:
        for frame in noise(60):
            writer.write(frame)
    with av.open(str(tmp_path / 'v.mp4')) as container:
        assert container.streams.video[0].frames == 60
    data = (tmp_path / 'v.mp4').read_bytes()
    boxes, at = [], 0
    while at < len(data):
        boxes.append(data[at + 4:at + 8])
        at += int.from_bytes(data[at:at + 4], 'big')
    assert boxes.count(b'moov') == boxes.count(b'mdat') == 1 and b'moof' not in boxes


@pytest.mark.parametrize('codec', ['h264', 'h265'])
def test_the_last_frame_is_kept_whichever_fragment_it_is_in(tmp_path, codec):
    """Fragments have 13 frames; the last one has from one of them to all."""
    frames = scene(44, 64, 64)
    for count in range(26, 44):
        with VideoWriter(tmp_path / 'v.mp4', 25, codec, partial=tmp_path / 'p.mp4') as writer:
            for frame in frames[:count]:
                writer.write(frame)
        assert count_frames(tmp_path / 'v.mp4') == count


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi', '.ts'])
@pytest.mark.parametrize('size', [1, 3000, 100_000, 200_000])
def test_a_full_disk(tmp_path, suffix, size):
    done, partial = tmp_path / f'v{suffix}', tmp_path / f'v.partial{suffix}'
    writer, count = VideoWriter(done, 25, partial=partial, keep_as=done), 0
    with pytest.raises(DataError, match=rf'v{suffix} cannot be written: File too large'), disk_of(size), writer:
        for count, frame in enumerate(noise(130), 1):  # noqa: B007
            writer.write(frame)
    assert not done.exists()
    if size < 10_000:
        assert writer.kept is None and not list(tmp_path.iterdir())
    else:
        assert writer.kept == partial and count - 50 <= count_frames(partial) < 130


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_a_disk_that_is_full_at_the_very_end(tmp_path, suffix):
    """The last bytes, those of the table of contents, do not fit any more."""
    def write(path: Path) -> VideoWriter:
        writer = VideoWriter(path, 25, partial=tmp_path / f'v.partial{suffix}')
        with writer:
            for frame in pictures(60):
                writer.write(frame)
        return writer

    write(tmp_path / f'whole{suffix}')
    size = os.path.getsize(tmp_path / f'whole{suffix}')
    with pytest.raises(DataError, match='File too large'), disk_of(size - 1):
        write(tmp_path / f'v{suffix}')
    assert count_frames(tmp_path / f'v.partial{suffix}') >= 45
    assert not (tmp_path / f'v{suffix}').exists()


def test_names_as_long_as_a_name_can_be(tmp_path):
    name = 'ä' * 125 + '.mp4'
    with VideoWriter(tmp_path / name, 25) as writer:
        writer.write(next(noise(1)))
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize('name', ['12:30:00.mp4', 'a%03d.mp4', 'pipe:1.mp4', '-x.mp4', "it's.mp4", 'é.MP4'])
def test_names_that_mean_something_to_ffmpeg(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with VideoWriter(name, 25, partial=Path(f'p {name}')) as writer:
        writer.write(next(noise(1)))
    assert [p.name for p in tmp_path.iterdir()] == [name]
