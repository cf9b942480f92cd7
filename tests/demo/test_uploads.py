"""What visitors send: told by content, size and length, and only from where uploads lie."""

from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from photoreal.demo.limits import Limits
from photoreal.demo.uploads import container_of, open_sample, open_upload
from photoreal.errors import ConfigError, DataError
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


def test_what_cameras_write(tmp_path):
    """QuickTime without its first box, and transport streams with a time before each packet."""
    mov = bytearray(write_video(tmp_path / 'new.mov').read_bytes())
    assert mov[4:8] == b'ftyp'
    mov[4:8] = b'wide'
    (tmp_path / 'old.mov').write_bytes(mov)
    packets = write_video(tmp_path / 'plain.ts').read_bytes()
    (tmp_path / 'camera.mts').write_bytes(b''.join(
        b'\0\0\0\0' + packets[i:i + 188] for i in range(0, len(packets), 188)))
    for name in ('old.mov', 'camera.mts'):
        assert len(open_upload(tmp_path / name, tmp_path, Limits())) == 6, name


def sound(path: Path, cover: bool = False) -> Path:
    """A second of sound, with a picture of its cover if asked for."""
    with av.open(str(path), 'w') as container:
        audio = container.add_stream('aac', 48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.sample_rate = 48000
        if cover:
            picture = container.add_stream('mjpeg', 25, width=48, height=48, pix_fmt='yuvj420p')
            picture.disposition = Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame(48, 48, 'yuvj420p')))
        for number in range(40):
            frame.pts = number * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def empty(path: Path) -> Path:
    """A video of no frames."""
    with av.open(str(path), 'w') as container:
        container.add_stream('mpeg4', 25, width=48, height=48, pix_fmt='yuv420p')
        container.start_encoding()
    return path


@pytest.mark.parametrize(('make', 'name', 'told'), [
    (sound, 'speech.mp4', 'the file has sound alone, no pictures'),
    (partial(sound, cover=True), 'song.mp4', 'the file has sound alone, no pictures'),
    (empty, 'empty.mkv', 'the video has no frames')])
def test_videos_without_pictures(tmp_path, make, name, told):
    with pytest.raises(DataError, match=f'^{told}'):
        open_upload(make(tmp_path / name), tmp_path, Limits())


def test_a_codec_that_nobody_knows(tmp_path):
    made = write_video(tmp_path / 'made.mkv').read_bytes()
    codec = next(name for name in (b'V_MPEG4/ISO/AVC', b'V_MPEG4/ISO/ASP', b'V_FFV1') if name in made)
    (tmp_path / 'odd.mkv').write_bytes(made.replace(codec, b'V_' + b'X' * (len(codec) - 2)))
    with pytest.raises(DataError, match='^the video is of a codec that is not known here; encode it anew'):
        open_upload(tmp_path / 'odd.mkv', tmp_path, Limits())


def test_a_picture_with_a_film_behind_it(tmp_path):
    """As telephones take them: what is shown of it is a picture."""
    _, jpeg = cv2.imencode('.jpg', np.zeros((48, 64, 3), np.uint8))
    path = tmp_path / 'motion.mp4'
    path.write_bytes(jpeg.tobytes() + write_video(tmp_path / 'film.mp4').read_bytes())
    with pytest.raises(DataError, match='no video that is known here but a JPEG picture; expected MP4'):
        open_upload(path, tmp_path, Limits())


def test_limits_that_leave_nothing():
    with pytest.raises(ConfigError, match='--keep-minutes 0: expected more than 0'):
        Limits(keep_minutes=0)


def test_a_damaged_video(tmp_path):
    path = write_video(tmp_path / 'film.mp4')
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match='cannot be read, it is damaged'):
        open_upload(path, tmp_path, Limits())


@pytest.mark.parametrize('limits, message', [
    (Limits(megabytes=0.001), 'MB; expected at most 0.001 MB'),
    (Limits(seconds=0.3), '0 s long; expected at most 0.3 s'),
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
