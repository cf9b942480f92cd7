import json

import av
import cv2
import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import atomic_path, write_image, write_json
from photoreal.errors import ConfigError, DataError
from tests.datasets.helpers import pictures


def _smooth(height: int = 48, width: int = 64) -> np.ndarray:
    return cv2.GaussianBlur(pictures(1, height, width)[0], (0, 0), 9)


@pytest.mark.parametrize('name', ['a.png', 'a.bmp', 'a.webp', 'a.tiff'])
def test_pictures_without_loss(tmp_path, name):
    frame = pictures(1)[0]
    write_image(tmp_path / 'new' / name, frame)
    assert (FolderSource(tmp_path / 'new').read([0])[0] == frame).all()
    assert [p.name for p in (tmp_path / 'new').iterdir()] == [name]


def test_red_stays_red(tmp_path):
    write_image(tmp_path / 'a.png', np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert cv2.imread(str(tmp_path / 'a.png'))[0, 0].tolist() == [0, 0, 255]


def test_16_bit_picture(tmp_path):
    depth = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    write_image(tmp_path / 'a.png', depth)
    assert (FolderSource(tmp_path).read([0], raw=True)[0, ..., 0] == depth).all()
    with pytest.raises(DataError, match=r"'\.jpg' holds 8 bits and the array has 16"):
        write_image(tmp_path / 'a.jpg', depth)


def test_pictures_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match=r"suffix '\.gif'; use one of \.png"):
        write_image(tmp_path / 'a.gif', pictures(1)[0])
    for wrong in (pictures(2), pictures(1)[0].astype(np.float32), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(DataError, match='expected'):
            write_image(tmp_path / 'a.png', wrong)
    assert not list(tmp_path.iterdir())


def test_json(tmp_path):
    write_json(tmp_path / 'a.json', {'psnr': np.float32(1.5), 'n': np.arange(2), 'name': 'straße'})
    assert json.loads((tmp_path / 'a.json').read_text('utf-8')) == {'psnr': 1.5, 'n': [0, 1], 'name': 'straße'}
    with pytest.raises(TypeError, match='cannot hold a set'):
        write_json(tmp_path / 'a.json', {1, 2})
    assert json.loads((tmp_path / 'a.json').read_text('utf-8'))['psnr'] == 1.5


def test_atomic_path_keeps_what_was_there(tmp_path):
    (tmp_path / 'a.txt').write_text('old')
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / 'a.txt') as path:
        path.write_text('half')
        raise KeyboardInterrupt
    assert [p.read_text() for p in tmp_path.iterdir()] == ['old']
    with atomic_path(tmp_path / 'a.txt') as path:
        path.write_text('new')
        assert (tmp_path / 'a.txt').read_text() == 'old'
    assert [p.read_text() for p in tmp_path.iterdir()] == ['new']


@pytest.mark.parametrize('fps, rate', [(25, (25, 1)), (30000 / 1001, (30000, 1001)), (12.5, (25, 2))])
def test_video_round_trip(tmp_path, fps, rate):
    frames = np.stack([np.roll(_smooth(), i, 1) for i in range(7)])
    with VideoWriter(tmp_path / 'v.mp4', fps, crf=4) as writer:
        for frame in frames:
            writer.write(frame)
        assert not (tmp_path / 'v.mp4').exists()
    assert [p.name for p in tmp_path.iterdir()] == ['v.mp4']
    source = VideoSource(tmp_path / 'v.mp4')
    assert len(source) == 7 and source.fps == pytest.approx(rate[0] / rate[1])
    assert np.abs(source.read(range(7)).astype(int) - frames).mean() < 2
    with av.open(str(tmp_path / 'v.mp4')) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.codec_context.colorspace) == ('h264', 'yuv420p', 1)
        assert stream.average_rate.as_integer_ratio() == rate


@pytest.mark.parametrize('colour', [(255, 0, 0), (0, 255, 0), (10, 20, 240), (255, 255, 255), (0, 0, 0)])
def test_video_keeps_colours(tmp_path, colour):
    with VideoWriter(tmp_path / 'v.mkv', 25) as writer:
        writer.write(np.full((16, 16, 3), colour, np.uint8))
    assert np.abs(VideoSource(tmp_path / 'v.mkv').read([0])[0].astype(int) - colour).max() <= 4


def test_odd_sizes_repeat_the_edge(tmp_path):
    frame = _smooth(15, 17)
    with VideoWriter(tmp_path / 'v.mp4', 25, crf=2) as writer:
        writer.write(frame)
    read = VideoSource(tmp_path / 'v.mp4').read([0])[0]
    assert read.shape == (16, 18, 3)
    assert np.abs(read[15, :17].astype(int) - frame[14]).mean() < 6


def test_nothing_remains_of_a_failed_video(tmp_path):
    with pytest.raises(RuntimeError, match='out of memory'), VideoWriter(tmp_path / 'v.mp4', 25) as writer:
        writer.write(_smooth())
        raise RuntimeError('out of memory')
    with pytest.raises(DataError, match='no frame was written'), VideoWriter(tmp_path / 'v.mp4', 25):
        pass
    with pytest.raises(DataError, match='frame 1 has 32x48 pixels, those before it 64x48'), \
            VideoWriter(tmp_path / 'v.mp4', 25) as writer:
        writer.write(_smooth())
        writer.write(_smooth()[:, :32])
    assert not list(tmp_path.iterdir())


def test_videos_that_cannot_be_written(tmp_path):
    with pytest.raises(ConfigError, match='fps=0'):
        VideoWriter(tmp_path / 'v.mp4', 0)
    with pytest.raises(ConfigError, match="no codec 'h265x'; did you mean 'h265'"):
        VideoWriter(tmp_path / 'v.mp4', 25, codec='h265x')
    with pytest.raises(ConfigError, match=r"no video container has the suffix '\.xyz'"), \
            VideoWriter(tmp_path / 'v.xyz', 25):
        pass
    with pytest.raises(DataError, match='expected'), VideoWriter(tmp_path / 'v.mp4', 25) as writer:
        writer.write(_smooth().astype(np.float32))
    assert not list(tmp_path.iterdir())
