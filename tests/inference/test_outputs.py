"""Outputs: what they may be called, what they must not replace, and what they cannot hold."""

import os
import resource
import signal
import threading
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.errors import ConfigError, DataError
from photoreal.inference import Reading, VideoEnhancer, Writing, enhance_file
from photoreal.inference.batch import find_jobs
from tests import tiny
from tests.datasets.films import RATE, SAMPLE_RATE, scene, write_film
from tests.datasets.helpers import piped, write_folder
from tests.datasets.test_growing_file import count_frames, disk_of
from tests.test_inference import frames_of, make_model


@pytest.fixture(scope='module')
def enhancer() -> VideoEnhancer:
    return VideoEnhancer(make_model(), 'cpu', 'fp32')


def sounding(path: Path, codec: str, layout: str = 'stereo', only: int | None = None) -> Path:
    """A film of 25 frames with a tone, all the time or with one of them only."""
    with av.open(str(path), 'w') as container:
        video = container.add_stream('mpeg4', rate=RATE)
        video.height, video.width, video.pix_fmt = 48, 64, 'yuv420p'
        track = container.add_stream(codec, rate=SAMPLE_RATE, layout=layout)
        track.bit_rate = 128_000
        for i, frame in enumerate(scene(25)):
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
            picture.pts, picture.time_base = i, Fraction(1, RATE)
            container.mux(video.encode(picture))
            step = SAMPLE_RATE // RATE
            tone = ((only in (None, i)) * 8000 * np.sin(np.arange(i * step, (i + 1) * step) / 20)).astype(np.int16)
            sound = av.AudioFrame.from_ndarray(np.repeat(tone, track.layout.nb_channels)[None], 's16', layout)
            sound.pts, sound.sample_rate, sound.time_base = i * step, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
            container.mux(track.encode(sound))
        container.mux(video.encode(None))
        container.mux(track.encode(None))
    return path


def sound_of(path: Path) -> tuple[str, int, np.ndarray]:
    """Codec, channels, and the first channel's samples as float."""
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        to_float = av.AudioResampler('fltp', track.layout, SAMPLE_RATE)
        pieces = [new.to_ndarray()[0] for frame in container.decode(track) for new in to_float.resample(frame)]
        return track.codec_context.name, track.layout.nb_channels, np.concatenate(pieces)


@pytest.mark.parametrize('source, codec, layout, out, becomes, said', [
    ('a.avi', 'pcm_s16le', 'stereo', 'o.mp4', 'pcm_s16le', False),  # its channels have no names in there
    ('a.mkv', 'pcm_s16le', '5.1', 'o.mov', 'pcm_s16le', False),
    ('a.avi', 'pcm_s16le', 'stereo', 'o.ts', 'aac', True),
    ('a.wmv', 'wmav2', 'stereo', 'o.mkv', 'aac', True),
    ('a.mkv', 'pcm_s16le', 'mono', 'o.flv', 'aac', True),
    ('a.mkv', 'libopus', 'stereo', 'o.avi', 'mp3float', True),
    ('a.mkv', 'ac3', 'stereo', 'o.mp4', 'ac3', False),
])
def test_sound_fits(tmp_path, enhancer, source, codec, layout, out, becomes, said):
    film, told = sounding(tmp_path / source, codec, layout), []
    enhance_file(enhancer, film, tmp_path / out, say=told.append)
    found, channels, samples = sound_of(tmp_path / out)
    assert (found, channels) == (becomes, 6 if layout == '5.1' else 1 if layout == 'mono' else 2)
    assert any('encoded anew' in text for text in told) == said
    assert abs(len(samples) / SAMPLE_RATE - 1) < 0.1
    middle = samples[SAMPLE_RATE // 4:SAMPLE_RATE * 3 // 4]
    assert 0.1 < np.sqrt(np.mean(middle**2)) < 0.25  # a sine of 0.24
    assert abs(np.argmax(np.abs(np.fft.rfft(middle))) * 2 - SAMPLE_RATE / 20 / 2 / np.pi) < 5
    assert count_frames(tmp_path / out) == 25


def test_sound_that_is_encoded_anew_stays_with_the_picture(tmp_path, enhancer):
    """A tone at frame 12 is heard at frame 12, of the whole and of a part."""
    film = sounding(tmp_path / 'a.avi', 'pcm_s16le', only=12)
    for start in (0, 5):
        enhance_file(enhancer, film, tmp_path / 'o.ts', (), Reading(start))
        with av.open(str(tmp_path / 'o.ts')) as container:
            first = next(container.decode(video=0)).time
        with av.open(str(tmp_path / 'o.ts')) as container:
            loud = next(f.time for f in container.decode(audio=0) if np.abs(f.to_ndarray()).max() > 0.1)
        assert loud - first == pytest.approx((12 - start) / RATE, abs=0.05)


@pytest.mark.parametrize('out', ['o.mp4', 'o.mkv'])
@pytest.mark.parametrize('is_piped', [False, True])
def test_sound_of_an_unknown_codec_is_left_out(tmp_path, enhancer, out, is_piped):
    """Telephones put a second track of sound beside the usual one, which FFmpeg has no decoder for."""
    film, told = write_film(tmp_path / 'in.mkv', scene(25), audio='aac'), []
    data = film.read_bytes().replace(b'A_AAC', b'A_XYZ')
    with piped(tmp_path / 'pipe', data) if is_piped else nullcontext(film) as source:
        film.write_bytes(data)
        enhance_file(enhancer, source, tmp_path / out, say=told.append)
    assert any('the sound (of an unknown codec) does not fit in there as it is; it is left out' in one for one in told)
    assert count_frames(tmp_path / out) == 25
    with av.open(str(tmp_path / out)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize('out, options, message', [
    ('o.webm', {}, 'cannot hold frames of 64x48 encoded with libx264'),
    ('o.mp4', dict(codec='h265'), r'64x48 encoded with libx265 \(.* needs frames of 64 pixels a side'),
    ('o.gif', {}, "'.gif' cannot be written|cannot hold frames"),
    ('o.mp5', {}, "'.mp5' cannot be written; expected a video"),
    ('o.json', {}, "'.json' cannot be written"),
    ('x' * 300 + '.mp4', {}, 'File name too long'),
    ('notes/o.mp4', {}, 'Not a directory'),
    ('notes', {}, 'is a file whose suffix is neither'),
    ('folder.mp4', {}, 'is a folder, and named like a file'),
    ('o\0.mp4', {}, 'null byte'),
    ('', {}, "--out '': expected a name"),
    ('some/.mp4', {}, r"--out some/\.mp4: expected a name before '\.mp4'"),
    ('.PNG', {}, r"--out \.PNG: expected a name before '\.PNG'"),
    ('in.mp4/', {}, '--out in.mp4/ is a file, and named like a folder'),
])
def test_what_cannot_be_is_told_before_the_first_frame(tmp_path, monkeypatch, enhancer, out, options, message):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / 'in.mp4', scene(2))
    (tmp_path / 'notes').write_text('a file')
    (tmp_path / 'folder.mp4').mkdir()
    before = tiny.files(tmp_path)
    with pytest.raises((ConfigError, DataError), match=message) as error:
        enhance_file(enhancer, 'in.mp4', out, writing=Writing(**options))
    assert 'frame was done' not in str(error.value) and '\n' not in str(error.value)
    assert tiny.files(tmp_path) == before


@pytest.mark.parametrize('out', ['run.v2', '2024.01.02', 'o.mp4/', 'o.gif/', 'a.long-suffix', 'plain'])
def test_names_of_folders(tmp_path, monkeypatch, enhancer, out):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'in', frames_of(2))
    enhance_file(enhancer, 'in', out)
    assert FolderSource(out).names == ['00000', '00001']


ROADS = {
    'a pattern': lambda f: ('in/*.png', 'in'),
    'another pattern': lambda f: ('in/00000*', './in/../in'),
    'a data set': lambda f: ('video', 'video/frames'),
    'a link to the folder': lambda f: (f('link', 'in'), 'in'),
    'through a link': lambda f: ('in', f('link', 'in')),
    'a folder of links': lambda f: (f('in/00000.png', 'links/00000.png', 1) and 'in', 'links'),
    'a picture': lambda f: ('in/00000.png', 'in/00000.png'),
    'a linked picture': lambda f: ('in/00000.png', f('linked.png', 'in/00000.png')),
    'a film': lambda f: ('film.mp4', '../' + Path.cwd().name + '/film.mp4'),
    'a linked film': lambda f: ('film.mp4', f('linked.mp4', 'film.mp4')),
    'a hard link': lambda f: ('film.mp4', f('film.mp4', 'hard.mp4', 1)),
}


@pytest.mark.parametrize('road', ROADS.values(), ids=ROADS)
def test_nothing_that_is_read_is_replaced(tmp_path, monkeypatch, enhancer, road):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'in', frames_of(1))
    write_folder(tmp_path / 'video/frames', frames_of(1))
    write_film(tmp_path / 'film.mp4', scene(2))

    def link(name: str, target: str, hard: bool = False) -> str:
        Path(target if hard else name).parent.mkdir(exist_ok=True)
        if hard:
            os.link(name, target)
            return target
        Path(name).symlink_to(target)
        return name

    source, out = road(link)
    before = tiny.files(tmp_path)
    with pytest.raises(DataError, match='overwritten: choose another'):
        enhance_file(enhancer, source, out)
    assert tiny.files(tmp_path) == before


def test_maps_are_not_replaced(tmp_path):
    enhancer = VideoEnhancer(make_model(label=dict(type='LabelMap', num_classes=3)), 'cpu', 'fp32')
    write_folder(tmp_path / 'in', frames_of(2))
    write_folder(tmp_path / 'labels', np.zeros((2, 37, 52, 1), np.uint8))
    before = tiny.files(tmp_path)
    with pytest.raises(DataError, match='where the input lies'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'labels', [f'label={tmp_path / "labels"}'])
    assert tiny.files(tmp_path) == before


def test_what_an_earlier_run_left_can_be_the_input(tmp_path, enhancer):
    """``a.partial.mp4`` is what ``a.mp4`` would be called while it grows."""
    source = write_film(tmp_path / 'a.partial.mp4', scene(3))
    data = source.read_bytes()
    enhance_file(enhancer, source, tmp_path / 'a.mp4')
    assert source.read_bytes() == data and count_frames(tmp_path / 'a.mp4') == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.mp4', 'a.partial.mp4']


@pytest.mark.parametrize('source, out', [('in', 'in'), ('in/*', 'in'), ('in', 'in/shot'), ('*/shot*', 'in')])
def test_folders_of_videos_are_not_replaced(tmp_path, monkeypatch, source, out):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'in/shot', frames_of(2))
    write_folder(tmp_path / 'in/shot2', frames_of(2))
    with pytest.raises(DataError, match='overwritten: choose another'):
        find_jobs(source, out, 'h264')


def test_a_link_is_written_to(tmp_path, enhancer):
    source = write_film(tmp_path / 'in.mp4', scene(2))
    (tmp_path / 'disk').mkdir()
    for target in ('disk/new.mp4', 'disk/old.mp4'):
        (tmp_path / 'disk/old.mp4').write_bytes(b'old')
        link = tmp_path / 'link.mp4'
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / target)
        enhance_file(enhancer, source, link)
        assert link.is_symlink() and count_frames(tmp_path / target) == 2


def test_a_device_is_written_to(enhancer, tmp_path):
    source = write_film(tmp_path / 'in.mp4', scene(2))
    assert enhance_file(enhancer, source, '/dev/null').frames == 2
    assert not os.path.isfile('/dev/null')
    with pytest.raises(DataError, match='^/dev/full cannot be written: No space left on device'):
        enhance_file(enhancer, source, '/dev/full')


@pytest.mark.parametrize('suffix', ['.mkv', '.mp4', '.ts', '.y4m'])
def test_a_named_pipe_is_written_to(tmp_path, enhancer, suffix):
    source = write_film(tmp_path / 'in.mp4', scene(6), audio='aac')
    pipe, got = tmp_path / f'pipe{suffix}', []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    enhance_file(enhancer, source, pipe)
    reader.join(20)
    assert pipe.is_fifo()
    (tmp_path / f'got{suffix}').write_bytes(got[0])
    assert count_frames(tmp_path / f'got{suffix}') == 6


def test_a_full_disk_of_pictures(tmp_path, enhancer):
    write_folder(tmp_path / 'in', frames_of(3))
    with pytest.raises(DataError, match=r'00000\.png cannot be written: File too large'), disk_of(100):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out')
    assert not list((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('name', ['2024-01-01T12:30:00.mp4', 'a%d.mp4', 'pipe:0.mp4', 'concat:b.mp4'])
def test_names_that_begin_like_urls(tmp_path, monkeypatch, enhancer, name):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / 'plain.mp4', scene(2)).rename(tmp_path / name)
    enhance_file(enhancer, name, f'out {name}')
    assert count_frames(Path(f'file:out {name}')) == 2


def test_what_was_there_is_kept_when_a_run_is_cut_short(tmp_path, enhancer):
    write_folder(tmp_path / 'in', frames_of(60, 36, 52))
    (tmp_path / 'out.mp4').write_bytes(b'of an earlier run')
    read = FolderSource.pictures

    class Source(FolderSource):
        def pictures(self, *args, **options):
            for i, picture in enumerate(read(self, *args, **options)):
                if i == 30:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield picture

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('photoreal.inference.inputs.FolderSource', Source)
        with pytest.raises(KeyboardInterrupt, match=r'are in .*out\.partial\.mp4'):
            enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mp4')
    assert (tmp_path / 'out.mp4').read_bytes() == b'of an earlier run'
    assert len(VideoSource(tmp_path / 'out.partial.mp4')) >= 15


@pytest.mark.parametrize('device', ['gpu', 'cuda:77', 'meta', 'CPU:x', ''])
def test_devices_that_are_not_there(device):
    with pytest.raises(ConfigError, match=f"device '{device}': there is none .*; expected cpu"):
        VideoEnhancer(make_model(), device)


@pytest.mark.parametrize('fps', ['0', '-5', 'nan', 'inf', '1/0', 'x', '1e9', '1e-9'])
def test_rates_that_no_video_has(tmp_path, tiny_bundle, fps):
    write_folder(tmp_path / 'in', frames_of(1))
    ended = tiny.run('infer', tiny_bundle, tmp_path / 'in', '--out', tmp_path / 'o.mp4', f'--fps={fps}')
    assert ended.code in (1, 2) and 'frames per second' in ended.err and 'Traceback' not in ended.err
    assert not (tmp_path / 'o.mp4').exists()


def test_a_rate_can_be_a_fraction(tmp_path, tiny_bundle):
    write_folder(tmp_path / 'in', frames_of(2))
    ended = tiny.run('infer', tiny_bundle, tmp_path / 'in', '--out', tmp_path / 'o.mp4', '--fps', '30000/1001')
    assert ended.code == 0, ended.err
    with av.open(str(tmp_path / 'o.mp4')) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_no_limit_is_left_behind():
    """Of those that these tests set for files."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
