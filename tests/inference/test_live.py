"""What comes only once: pipes, and a stream over HTTP. A camera needs one to be there, and is not tested."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from photoreal.datasets.live import open_camera
from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.video_writers import PipeWriter
from photoreal.errors import ConfigError, DataError
from photoreal.inference import Reading, VideoEnhancer, Writing, enhance_file
from photoreal.inference.inputs import open_input
from tests import tiny
from tests.datasets.films import SIZE, audio_packets, frame_times, scene, write_film
from tests.datasets.helpers import piped, write_folder
from tests.test_inference import frames_of, make_model


@pytest.fixture(scope='module')
def enhancer() -> VideoEnhancer:
    return VideoEnhancer(make_model(), 'cpu', 'fp32')


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Keep the output clean."""

    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def test_raw_frames_from_a_pipe(tmp_path, enhancer):
    frames = frames_of(6)
    with piped(tmp_path / 'game', frames.tobytes()) as pipe:
        done = enhance_file(enhancer, pipe, tmp_path / 'out.mkv', (), Reading(size=(37, 52), fps=30), Writing('ffv1'))
    result = VideoSource(tmp_path / 'out.mkv')
    assert (done.frames, result.fps) == (6, 30)
    np.testing.assert_array_equal(result.read(range(6)), np.stack(list(enhancer(frames))))


def test_raw_frames_of_another_size(tmp_path, enhancer):
    with (piped(tmp_path / 'game', frames_of(3).tobytes()) as pipe,
          pytest.raises(DataError, match=r'(?s)frame 3: the pipe ended after .* of 52x36; .*3 frames were done')):
        enhance_file(enhancer, pipe, tmp_path / 'out.mp4', (), Reading(size=(36, 52)))
    assert len(VideoSource(tmp_path / 'out.mp4')) == 3


@pytest.mark.parametrize('suffix, audio', [('.mkv', 'aac'), ('.ts', 'aac'), ('.y4m', None)])
def test_a_container_from_a_pipe(tmp_path, enhancer, suffix, audio):
    options = dict(codec='wrapped_avframe') if suffix == '.y4m' else dict(audio=audio)
    source = write_film(tmp_path / f'in{suffix}', scene(20), **options)
    with piped(tmp_path / 'pipe', source.read_bytes()) as pipe:
        done = enhance_file(enhancer, pipe, tmp_path / 'out.mkv', writing=Writing('ffv1'))
    result = VideoSource(tmp_path / 'out.mkv')
    assert done.frames == len(result) == 20
    wanted = np.stack(list(enhancer(VideoSource(source).read(range(20)))))
    np.testing.assert_array_equal(result.read(range(20)), wanted)
    if audio:  # what comes before the picture is left out
        first = frame_times(source)[0]
        wanted = [data for time, data in audio_packets(source) if time >= first]
        found = [data for _, data in audio_packets(tmp_path / 'out.mkv')]
        assert len(found) == len(wanted)
        assert all(a.endswith(b) for a, b in zip(wanted, found, strict=True))  # a broadcast has headers before each


def test_uneven_times_of_a_stream_are_kept(tmp_path, enhancer):
    times = [0, 40, 80, 100, 220, 221]
    source = write_film(tmp_path / 'in.mkv', scene(6), times=times, time_base=Fraction(1, 1000))
    with piped(tmp_path / 'pipe', source.read_bytes()) as pipe:
        enhance_file(enhancer, pipe, tmp_path / 'out.mkv', (), Reading(start=2))
    assert frame_times(tmp_path / 'out.mkv') == [Fraction(time - 80, 1000) for time in times[2:]]


def test_a_part_of_a_stream_that_does_not_end(tmp_path, enhancer):
    """No more is read than is needed, and the sound starts where the picture does."""
    source = write_film(tmp_path / 'in.mkv', scene(30), audio='aac')
    with served(tmp_path) as url:
        done = enhance_file(enhancer, f'{url}/in.mkv', tmp_path / 'out.mkv', (), Reading(5, 15), Writing('ffv1'))
    assert done.frames == 10
    wanted = list(enhancer(VideoSource(source).read(range(5, 15))))
    np.testing.assert_array_equal(VideoSource(tmp_path / 'out.mkv').read(range(10)), wanted)
    assert audio_packets(tmp_path / 'out.mkv')[0][0] < Fraction(1024, 48000)
    first = next(data for time, data in audio_packets(source) if time >= Fraction(5, 25))
    assert audio_packets(tmp_path / 'out.mkv')[0][1] == first


def test_a_damaged_frame_of_a_stream(tmp_path, enhancer):
    source = write_film(tmp_path / 'in.mkv', scene(10), g='1', bf='0')
    with av.open(str(source)) as container:
        packet = [bytes(p) for p in container.demux(video=0)][5]
    data = source.read_bytes().replace(packet, bytes(len(packet)))
    with (piped(tmp_path / 'pipe', data) as pipe,
          pytest.raises(DataError, match=r'(?s)frame 5: cannot be decoded.*5 frames were done')):
        enhance_file(enhancer, pipe, tmp_path / 'out.mp4')
    with piped(tmp_path / 'again', data) as pipe:
        done = enhance_file(enhancer, pipe, tmp_path / 'out', skip_bad=True)
    result = FolderSource(tmp_path / 'out').read(range(10))
    assert done == (10, done.seconds, 1)
    assert (result[5] == result[4]).all() and (result[6] != result[5]).any()


def test_maps_from_a_pipe(tmp_path):
    frames, labels = frames_of(3), np.random.default_rng(0).integers(0, 3, (3, 37, 52, 1), dtype=np.uint8)
    write_folder(tmp_path / 'frames', frames)
    with av.open(str(tmp_path / 'labels.mkv'), 'w') as container:
        stream = container.add_stream('ffv1', rate=25)
        stream.height, stream.width, stream.pix_fmt = 37, 52, 'gray'
        for label in labels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(label[..., 0], format='gray')))
        container.mux(stream.encode(None))
    enhancer = VideoEnhancer(make_model(label=dict(type='LabelMap', num_classes=3)), 'cpu', 'fp32')
    with piped(tmp_path / 'pipe', (tmp_path / 'labels.mkv').read_bytes()) as pipe:
        enhance_file(enhancer, tmp_path / 'frames', tmp_path / 'out', [f'label={pipe}'])
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out').read(range(3)),
                                  list(enhancer(frames, {'label': labels})))


def test_streams_that_cannot_be_read(tmp_path):
    with served(tmp_path) as url, pytest.raises(DataError, match=r'nothing\.mp4 cannot be read \(.*404'):
        open_input(f'{url}/nothing.mp4', Reading())
    with pytest.raises(ConfigError, match='--size and --fps are for raw frames'):
        open_input('http://127.0.0.1/a.mp4', Reading(fps=3))
    with piped(tmp_path / 'pipe', b'no video at all') as pipe, pytest.raises(
            DataError, match=r'pipe cannot be read \(Invalid data found when processing input\)$'):
        open_input(str(pipe), Reading())
    with piped(tmp_path / 'short', bytes(12)) as pipe, pytest.raises(DataError, match='short ended before frame 3'):
        open_input(str(pipe), Reading(3, size=(2, 2)))
    with pytest.raises(DataError, match='/dev/video77 cannot be read'):
        open_camera('/dev/video77', (480, 640), 30)


@pytest.mark.parametrize('form', ['y4m', 'raw', 'mkv', 'mpegts'])
def test_output_pipes(tmp_path, enhancer, form):
    frames, path = frames_of(5, 36, 52), tmp_path / 'out'
    write_folder(tmp_path / 'in', frames)
    wanted = np.stack(list(enhancer(frames)))
    with path.open('wb') as pipe:
        enhance_file(enhancer, tmp_path / 'in', '-', writing=Writing(form=form, crf=2 * (form[0] == 'm') or None,
                                                                     pipe=pipe))
    if form == 'raw':
        assert path.read_bytes() == wanted.tobytes()
        return
    result = VideoSource(path)
    assert (len(result), result.fps) == (5, 25)
    assert np.abs(result.read(range(5)).astype(int) - wanted).mean() < 12  # colour at half the resolution, of noise


def test_uneven_times_become_even_where_there_is_no_place_for_them(tmp_path):
    source = VideoSource(write_film(tmp_path / 'in.mp4', scene(3), times=[900, 4500, 9000],
                                    time_base=Fraction(1, 90000)))
    with (tmp_path / 'out').open('wb') as pipe, PipeWriter(pipe, source.presentation, 'y4m') as writer:
        for i in range(3):
            writer.write(source.read([i])[0], source.time(i))
    assert frame_times(tmp_path / 'out') == [i / source.presentation.rate for i in range(3)]


def test_a_reader_that_leaves(enhancer):
    reading, writing = os.pipe()
    os.close(reading)
    with (os.fdopen(writing, 'wb', buffering=0) as pipe, pytest.raises(DataError, match='left after 0 frames'),
          PipeWriter(pipe, 25, 'raw') as writer):
        writer.write(scene(1)[0])


def test_sound_that_a_form_cannot_hold(tmp_path, enhancer):
    """Matroska needs what broadcasts tell only with their sound, unless it can go back in the file."""
    source, told = write_film(tmp_path / 'in.ts', scene(50), audio='aac'), []
    os.mkfifo(tmp_path / 'out.mkv')
    found = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / 'out.mkv').read_bytes()))
    reader.start()
    enhance_file(enhancer, source, tmp_path / 'out.mkv', say=told.append)
    reader.join(20)
    assert 'the sound (aac) does not fit in there as it is; it is encoded anew (aac, stereo)' in told[0]
    (tmp_path / 'got.mkv').write_bytes(found[0])
    heard = audio_packets(tmp_path / 'got.mkv')
    assert abs(len(heard) - len(audio_packets(source))) <= 3
    assert len(VideoSource(tmp_path / 'got.mkv')) == 50


def test_low_delay_gives_each_frame_at_once(tmp_path):
    """As many frames lie in the file as were written, before it is closed."""
    path = tmp_path / 'out.ts'
    with path.open('wb') as pipe, PipeWriter(pipe, 25, 'mpegts', low_delay=True) as writer:
        for count, frame in enumerate(scene(4), 1):
            writer.write(frame)
            with av.open(str(path)) as container:
                assert sum(p.size > 0 for p in container.demux(video=0)) == count


def test_the_tool_from_pipe_to_pipe(tmp_path, tiny_bundle):
    """Nothing but frames is on the standard output; with --stream nothing waits for frames that follow."""
    frames = scene(4)
    command = ['tools/infer.py', tiny_bundle, '-', '--size', f'{SIZE[1]}x{SIZE[0]}', '--out', '-', '--format', 'raw',
               '--stream', '--dtype', 'fp32']
    process = tiny.start_process(*command)
    for i in range(4):
        process.stdin.write(frames[i].tobytes())
        process.stdin.flush()
        assert len(process.stdout.read(frames[i].nbytes)) == frames[i].nbytes  # before the next frame is given
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b'')
    assert b'-: 4 frames' in err
