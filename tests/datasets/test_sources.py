import pickle

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from photoreal.datasets.presentation import stored_pixels
from photoreal.datasets.sources import FolderSource, VideoSource, natural_key, open_source
from photoreal.datasets.transforms import Window
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import DataError
from tests.datasets.films import scene
from tests.datasets.helpers import pictures, write_folder, write_video


def _smooth(count: int) -> np.ndarray:
    """Frames that every codec keeps apart: noise on a grey that tells the frame's number."""
    return np.stack([20 + 4 * i + frame // 32 for i, frame in enumerate(pictures(count, 32, 48))]).astype(np.uint8)


def test_natural_sort():
    assert sorted(['frame10', 'frame2', 'b', 'frame1'], key=natural_key) == ['b', 'frame1', 'frame2', 'frame10']


def test_folder_reads_in_natural_order(tmp_path):
    frames = pictures(11)
    for i in range(11):
        write_image(tmp_path / f'frame{i}.png', frames[i])
    (tmp_path / '.DS_Store').write_bytes(b'x')
    (tmp_path / '._frame1.png').write_bytes(b'x')
    (tmp_path / 'notes.txt').write_bytes(b'x')
    source = FolderSource(tmp_path)
    assert source.names == [f'frame{i}' for i in range(11)]
    assert source.size == (12, 16)
    np.testing.assert_array_equal(source.read([10, 2, 2]), frames[[10, 2, 2]])
    np.testing.assert_array_equal(source.read([3], window=Window(2, 5, 4, 6)), frames[[3], 2:6, 5:11])


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.webp', '.tif', '.TIFF'])
def test_lossless_formats(tmp_path, suffix):
    frames = pictures(1)
    assert (FolderSource(write_folder(tmp_path / 'f', frames, suffix)).read([0]) == frames).all()


def test_jpeg(tmp_path):
    frames = np.stack([cv2.GaussianBlur(pictures(1, 64, 64)[0], (0, 0), 8)])
    read = FolderSource(write_folder(tmp_path / 'f', frames, '.jpg')).read([0])
    assert np.abs(read.astype(int) - frames).mean() < 2


def test_palette_png_gives_its_indices(tmp_path):
    indices = np.random.default_rng(0).integers(0, 3, (6, 8), dtype=np.uint8)
    image = Image.fromarray(indices).convert('P')
    colours = [255, 0, 0, 0, 200, 10, 7, 8, 9]
    image.putpalette(colours)
    image.save(tmp_path / '0.png')
    source = FolderSource(tmp_path)
    np.testing.assert_array_equal(source.read([0], raw=True)[0, ..., 0], indices)
    np.testing.assert_array_equal(source.read([0])[0], np.array(colours, np.uint8).reshape(3, 3)[indices])


def test_16_bit_and_grey(tmp_path):
    depth = np.array([[0, 128, 129, 257], [32768, 65535, 1000, 5]], np.uint16)
    write_image(tmp_path / 'deep/0.png', depth)
    source = FolderSource(tmp_path / 'deep')
    raw = source.read([0], raw=True)
    assert raw.dtype == np.uint16 and (raw[0, ..., 0] == depth).all()
    assert (source.read([0])[0] == np.round(depth / 257).astype(np.uint8)[..., None]).all()
    write_image(tmp_path / 'grey/0.png', depth.astype(np.uint8))
    source = FolderSource(tmp_path / 'grey')
    assert source.read([0], raw=True).shape == (1, 2, 4, 1)
    assert (source.read([0])[0] == depth.astype(np.uint8)[..., None]).all()


def test_alpha_is_dropped(tmp_path):
    rgba = np.random.default_rng(0).integers(0, 256, (4, 5, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / '0.png')
    for raw in (False, True):
        assert (FolderSource(tmp_path).read([0], raw=raw)[0] == rgba[..., :3]).all()


@pytest.mark.parametrize('raw', [False, True])
@pytest.mark.parametrize('suffix', ['.png', '.webp', '.tif', '.jpg'])
@pytest.mark.parametrize('orientation', [2, 3, 5, 6, 8])
def test_pictures_are_turned_upright(tmp_path, suffix, orientation, raw):
    """As EXIF says: what was stored by a camera that was held on its side comes as PIL shows it."""
    frame, exif = scene(1)[0], Image.Exif()
    exif[0x0112] = orientation
    options = {'.webp': dict(lossless=True), '.jpg': dict(quality=95)}.get(suffix, {})
    Image.fromarray(frame).save(tmp_path / f'0{suffix}', exif=exif, **options)
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}[orientation]
    wanted = np.asarray(Image.fromarray(frame).transpose(turn))
    source = FolderSource(tmp_path)
    assert source.size == wanted.shape[:2]
    assert np.abs(source.read([0], raw=raw)[0].astype(int) - wanted).max() <= (12 if suffix == '.jpg' else 0)
    window = source.read([0], raw=raw, window=Window(1, 2, 5, 7))
    np.testing.assert_array_equal(window, source.read([0], raw=raw)[:, 1:6, 2:9])


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_what_lies_behind_a_picture_is_passed_over(tmp_path, suffix):
    """A motion photo is a JPEG with a film behind it."""
    frame = scene(1)[0]
    path = write_folder(tmp_path, frame[None], suffix) / f'00000{suffix}'
    wanted = FolderSource(tmp_path).read([0])
    film = np.random.default_rng(0).integers(0, 255, 20000, dtype=np.uint8).tobytes()
    path.write_bytes(path.read_bytes() + film)
    source = FolderSource(tmp_path)
    assert source.size == frame.shape[:2]
    np.testing.assert_array_equal(source.read([0]), wanted)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_an_end_marker_within_a_picture_does_not_hide_that_it_is_cut_short(tmp_path, suffix):
    """A preview in a JPEG has an end of its own."""
    text = PngInfo()
    text.add_text('IEND\xaeB`\x82', 'IEND\xaeB`\x82')
    Image.fromarray(pictures(1, 200, 200)[0]).save(tmp_path / f'0{suffix}', comment=b'\xff\xd9', pnginfo=text)
    path = tmp_path / f'0{suffix}'
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match='cut short'):
        FolderSource(tmp_path).read([0])
    with pytest.raises(DataError, match='cut short'):
        FolderSource(tmp_path).probe(0)


def test_further_pictures_and_transparency_are_named(tmp_path):
    images = [Image.fromarray(frame) for frame in pictures(3)]
    images[0].save(tmp_path / '0.tif', save_all=True, append_images=images[1:])
    assert FolderSource(tmp_path).notes == ['0.tif: it holds 3 pictures; the first one is read']
    (tmp_path / '0.tif').unlink()
    Image.fromarray(np.dstack([pictures(1)[0], np.full((12, 16), 9, np.uint8)])).save(tmp_path / '0.png')
    assert FolderSource(tmp_path).notes == ['0.png: its transparency (alpha) is left out']


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.webp', '.tif'])
@pytest.mark.parametrize('raw', [False, True])
@pytest.mark.filterwarnings('ignore:Corrupt EXIF data')  # PIL, of a TIFF, before it fails
def test_a_damaged_picture_is_named(tmp_path, suffix, raw):
    write_folder(tmp_path, pictures(2), suffix)
    path = tmp_path / f'00001{suffix}'
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=rf'00001{suffix}: unreadable picture'):
        FolderSource(tmp_path).read([0, 1], raw=raw)


def test_odd_frames_are_named(tmp_path):
    write_folder(tmp_path, pictures(2))
    write_image(tmp_path / '00001.png', pictures(1, 10, 16)[0])
    with pytest.raises(DataError, match=r'00001.png: found 16x10 pixels; expected 16x12'):
        FolderSource(tmp_path).read([0, 1])
    write_image(tmp_path / '00001.png', pictures(1)[0, ..., 0])
    with pytest.raises(DataError, match=r'00001.png: found 1 channels of uint8; expected 3'):
        FolderSource(tmp_path).read([0, 1], raw=True)
    with pytest.raises(IndexError, match='0 to 1'):
        FolderSource(tmp_path).read([2])


def test_two_files_for_a_frame(tmp_path):
    write_folder(tmp_path, pictures(1))
    write_folder(tmp_path, pictures(1), '.jpg')
    with pytest.raises(DataError, match="more than one picture called '00000'"):
        FolderSource(tmp_path)


def test_fps_of_a_folder(tmp_path):
    folder = write_folder(tmp_path / 'frames', pictures(1))
    assert FolderSource(folder).fps == 25
    write_json(tmp_path / 'meta.json', {'fps': 29.97})
    assert FolderSource(folder).fps == 29.97
    for wrong in ('{"fps": "fast"}', '{"fps": 0}', '[1]', '{'):
        (tmp_path / 'meta.json').write_text(wrong)
        with pytest.raises(DataError, match=r'meta\.json'):
            _ = FolderSource(folder).fps


def test_video_equals_folder(tmp_path):
    frames = pictures(40)
    folder = FolderSource(write_folder(tmp_path / 'frames', frames))
    video = VideoSource(write_video(tmp_path / 'v.mkv', frames, g='7'))
    assert len(video) == len(folder) == 40
    assert (video.size, video.fps, video.names[-1]) == (folder.size, 10, '00039')
    for i in range(40):
        np.testing.assert_array_equal(video.read([i]), folder.read([i]))
    np.testing.assert_array_equal(video.read([30, 2, 31, 2]), folder.read([30, 2, 31, 2]))


@pytest.mark.parametrize('name, codec, options', [
    ('v.mp4', 'libx264', {'g': '8'}), ('v.mp4', 'libx264', {'g': '12', 'x264-params': 'open-gop=1:keyint=12'}),
    ('v.ts', 'libx264', {'g': '8'}), ('v.avi', 'libx264', {'g': '8'}), ('v.avi', 'mpeg4', {'g': '8'}),
    ('v.h264', 'libx264', {'g': '8'}), ('v.webm', 'libvpx', {'g': '8'}), ('v.mkv', 'ffv1', {})])
def test_seeks_are_exact(tmp_path, name, codec, options):
    count = 50
    path = write_video(tmp_path / name, _smooth(count), codec, 'bgr0' if codec == 'ffv1' else 'yuv420p', **options)
    with av.open(str(path)) as container:
        expected = [stored_pixels(frame) for frame in container.decode(video=0)]
    video = VideoSource(path)
    assert len(video) == len(expected) == count
    order = [0, 1, 2, 49, 48, 47, 10, 40, 39, 3, 25, 8, 7, 24, *np.random.default_rng(0).integers(0, count, 20)]
    for i in order:
        assert (video.read([i])[0] == expected[i]).all(), i


def test_forward_reads_do_not_seek(tmp_path, monkeypatch):
    from photoreal.datasets.video import Decoder
    sought = []
    seek = Decoder._seek
    monkeypatch.setattr(Decoder, '_seek', lambda self, time: (sought.append(time), seek(self, time)))
    video = VideoSource(write_video(tmp_path / 'v.mkv', pictures(40)))
    for i in range(0, 40, 2):
        video.read([i])
    assert not sought
    video.read([5])
    assert len(sought) == 1


def test_grey_video_as_stored(tmp_path):
    depth = np.random.default_rng(0).integers(0, 65536, (3, 12, 16), dtype=np.uint16)
    video = VideoSource(write_video(tmp_path / 'd.mkv', depth, pixels='gray16le'))
    raw = video.read([2, 0], raw=True)
    assert raw.dtype == np.uint16 and (raw[..., 0] == depth[[2, 0]]).all()
    assert (video.read([1])[..., 2] == np.round(depth[[1]] / 257)).all()
    grey = (depth >> 8).astype(np.uint8)
    video = VideoSource(write_video(tmp_path / 'g.mkv', grey, pixels='gray'))
    assert (video.read([0, 1, 2], raw=True)[..., 0] == grey).all()
    assert (video.read([0, 1, 2])[..., 1] == grey).all()


def test_a_damaged_video_is_named(tmp_path):
    (tmp_path / 'v.mp4').write_bytes(b'nothing' * 100)
    with pytest.raises(DataError, match=r'v\.mp4: unreadable video \([A-Z][\w ]+\); copy'):
        len(VideoSource(tmp_path / 'v.mp4'))
    path = write_video(tmp_path / 'w.mp4', pictures(30, 64, 64), 'libx264', 'yuv420p')
    data = bytearray(path.read_bytes())
    data[len(data) // 2:len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    video = VideoSource(path)
    assert len(video) == 30
    with pytest.raises(DataError, match=r'w\.mp4, frame 1\d: cannot be decoded'):
        video.read(range(30))


def test_sources_pickle_while_open(tmp_path):
    video = VideoSource(write_video(tmp_path / 'v.mkv', pictures(5)))
    video.read([3])
    assert (pickle.loads(pickle.dumps(video)).read([1]) == pictures(5)[[1]]).all()


def test_a_video_written_anew_is_read_anew(tmp_path):
    for seed in (0, 1):
        path = write_video(tmp_path / 'v.mkv', pictures(4, seed=seed))
        assert (VideoSource(path).read([2]) == pictures(4, seed=seed)[[2]]).all()


def test_open_source(tmp_path):
    assert open_source(tmp_path, 'frames') is None
    write_video(tmp_path / 'frames.MKV', pictures(2))
    assert isinstance(open_source(tmp_path, 'frames'), VideoSource)
    write_folder(tmp_path / 'frames', pictures(2))
    with pytest.raises(DataError, match=r"frames/ and frames\.MKV; expected one home for 'frames'"):
        open_source(tmp_path, 'frames')
    (tmp_path / 'frames.MKV').unlink()
    assert isinstance(open_source(tmp_path, 'frames'), FolderSource)
