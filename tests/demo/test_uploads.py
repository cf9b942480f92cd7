"""What visitors send: told by content, size and length, and only from where uploads lie."""

from pathlib import Path

import numpy as np
import pytest

from photoreal.demo.limits import Limits
from photoreal.demo.uploads import container_of, open_sample, open_upload
from photoreal.errors import DataError
from tests.demo.helpers import write_video


@pytest.mark.parametrize('suffix, container', [
    ('.mp4', 'mov'), ('.mkv', 'matroska'), ('.avi', 'avi'), ('.ts', 'mpegts')])
def test_a_video_is_known_by_its_content(tmp_path, suffix, container):
    made = write_video(tmp_path / f'made{suffix}')
    path = made.rename(tmp_path / 'holiday.txt')
    assert container_of(path) == container
    source = open_upload(path, tmp_path, Limits())
    assert (len(source), source.size) == (6, (48, 64))


@pytest.mark.parametrize('content', [
    b'', b'GIF89a' + bytes(500), b'#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n', b'<svg/>', bytes(1000), b'%PDF-1.7',
    b"ffconcat version 1.0\nfile '/etc/passwd'"], ids=['empty', 'gif', 'playlist', 'svg', 'zeros', 'pdf', 'concat'])
def test_what_is_no_video_is_not_opened(tmp_path, content):
    path = tmp_path / 'film.mp4'
    path.write_bytes(content)
    with pytest.raises(DataError, match='no video that is known here'):
        open_upload(path, tmp_path, Limits())


def test_a_damaged_video(tmp_path):
    path = write_video(tmp_path / 'film.mp4')
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match='cannot be read, it is damaged'):
        open_upload(path, tmp_path, Limits())


@pytest.mark.parametrize('limits, message', [
    (Limits(megabytes=0), 'MB; expected at most 0 MB'), (Limits(seconds=0.3), '0 s long; expected at most 0.3 s'),
    (Limits(frames=5), '6 frames; expected at most 5'), (Limits(side=63), '64x48 pixels; expected at most 63')])
def test_limits(tmp_path, limits, message):
    with pytest.raises(DataError, match=message):
        open_upload(write_video(tmp_path / 'film.mp4'), tmp_path, limits)


def test_only_uploads_are_opened(tmp_path):
    (tmp_path / 'uploads').mkdir()
    outside = write_video(tmp_path / 'secret.mp4')
    link = tmp_path / 'uploads/link.mp4'
    link.symlink_to(outside)
    for path in (outside, link, tmp_path / 'uploads/../secret.mp4', tmp_path / 'uploads', '/etc/passwd'):
        with pytest.raises(DataError, match='no file that was uploaded here'):
            open_upload(path, tmp_path / 'uploads', Limits())


def test_samples(tmp_path, tiny_data):
    path = write_video(tmp_path / 'film.mp4')
    np.testing.assert_array_equal(open_sample(path).read([2]), open_upload(path, tmp_path, Limits()).read([2]))
    assert len(open_sample(tiny_data / 'val/virtual/game')) == len(open_sample(tiny_data / 'val/virtual/game/frames'))
    with pytest.raises(DataError, match='there is no sample'):
        open_sample(Path('nothing'))
