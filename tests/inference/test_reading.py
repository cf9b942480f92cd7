"""A file, the same bytes through a pipe, and the same file read in any order give the same frames."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from photoreal.datasets.audio import AudioCopy, heard_at
from photoreal.datasets.decoding import VideoReader
from photoreal.datasets.presentation import Presentation
from photoreal.datasets.sources import VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.errors import DataError
from photoreal.inference.inputs import Input, Reading, open_input
from tests.datasets.field_pictures import write_fields
from tests.datasets.films import SIZE, TURNED, audio_packets, frame_times, scene, write_film
from tests.datasets.helpers import piped, write_folder


class Film:
    """What one road gave: frames (T, H, W, 3), when each appears and when the last is over, in seconds, and notes."""

    def __init__(self, given: Input) -> None:
        reads = list(given.reads())
        faults = [read.pixels for read in reads if isinstance(read.pixels, DataError)]
        assert not faults, faults[0]
        unit = given.presentation.unit
        self.frames = np.stack([read.pixels for read in reads])
        self.times = [read.time * unit for read in reads]
        self.end = self.times[-1] + reads[-1].duration * unit
        self.fps = float(given.presentation.rate)
        self.notes = list(given.notes)


def read_alike(path: Path) -> Film:
    """A film, after it was read by all roads, which must agree."""
    film = Film(open_input(str(path), Reading(audio=False)))
    with piped(path.with_suffix('.pipe'), path.read_bytes()) as pipe:
        other = Film(open_input(str(pipe), Reading(audio=False)))
    pipe.unlink()
    np.testing.assert_array_equal(other.frames, film.frames)
    assert (other.times, other.end, other.notes) == (film.times, film.end, film.notes)
    if np.ptp(np.diff([float(time) for time in (*film.times, film.end)])) < 0.002:
        assert other.fps == film.fps  # else an average of as much as could be looked at
    source = VideoSource(path)
    assert (len(source), source.size, source.fps) == (len(film.frames), film.frames.shape[1:3], film.fps)
    assert [source.time(i) * source.presentation.unit for i in range(len(source) + 1)] == [*film.times, film.end]
    for i in np.random.default_rng(0).permutation(len(source)):
        np.testing.assert_array_equal(source.read([i])[0], film.frames[i], err_msg=f'frame {i}')
    return film


@pytest.mark.parametrize('predicted', [False, True])
@pytest.mark.parametrize('suffix', ['.ts', '.mkv'])
def test_two_fields_in_two_packets_are_one_frame(tmp_path, suffix, predicted):
    film = read_alike(write_fields(tmp_path / f'in{suffix}', 20, predicted))
    assert film.fps == 25 and film.times == [Fraction(i, 25) for i in range(20)] and film.end == Fraction(20, 25)
    luma = [round((40 + 5 * i - 16) * 255 / 219) for i in range(20)]
    assert np.abs(film.frames.mean((1, 2, 3)) - luma).max() <= 1
    assert any('interlaced' in note for note in film.notes)


def test_a_repeated_time_stamp_moves_no_other_frame(tmp_path):
    times = [0, 40, 80, 500, 500, 540, 1500, 1540, 1580, 1980]
    with av.open(str(tmp_path / 'in.mkv'), 'w') as container:
        stream = container.add_stream('mjpeg', rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuvj420p'
        for time, frame in zip(times, scene(10), strict=True):
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')):
                packet.pts = packet.dts = time
                packet.time_base = Fraction(1, 1000)
                container.mux(packet)
    film = read_alike(tmp_path / 'in.mkv')
    found = [round(1000 * time) for time in film.times]
    assert found == [*times[:4], 520, *times[5:]]


def packets_of(path: Path) -> list[int]:
    """Where each packet of the picture begins in a file."""
    with av.open(str(path)) as container:
        return [packet.pos for packet in container.demux(video=0) if packet.size]


def test_a_recording_that_begins_between_two_keyframes(tmp_path):
    whole = write_film(tmp_path / 'whole.ts', scene(40), g='15', bf='2')
    data = whole.read_bytes()
    (tmp_path / 'in.ts').write_bytes(data[:188 * 3] + data[packets_of(whole)[4]:])
    film = read_alike(tmp_path / 'in.ts')
    np.testing.assert_array_equal(film.frames, VideoSource(whole).read(range(15, 40)))
    assert [note for note in film.notes if 'its first 11 packets cannot be decoded' in note]


def test_a_recording_that_begins_with_pictures_that_refer_to_what_is_missing(tmp_path):
    """An open group of pictures of HEVC: the leading ones are shown before the keyframe, and skipped by decoders."""
    options = {'x265-params': 'log-level=error:open-gop=1:keyint=8:min-keyint=8:bframes=3:b-adapt=0:scenecut=0'}
    whole = write_film(tmp_path / 'whole.ts', scene(30), codec='libx265', **options)
    data = whole.read_bytes()
    with av.open(str(whole)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    second = [packet for packet in packets if packet.is_keyframe][1]
    (tmp_path / 'in.ts').write_bytes(data[:188 * 3] + data[second.pos:])
    film = read_alike(tmp_path / 'in.ts')
    first = frame_times(whole).index(second.pts * second.time_base)
    np.testing.assert_array_equal(film.frames, VideoSource(whole).read(range(first, 30)))


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize('second', [Fraction(0), Fraction(1, 2), Fraction(100)])
@pytest.mark.parametrize('first', [Fraction(0), Fraction(50)])
def test_joined_recordings_follow_each_other(tmp_path, first, second):
    """The clock of the second starts anew, overlaps with that of the first, or has jumped."""
    parts = [write_film(tmp_path / f'{i}.ts', scene(20, seed=i), offset=offset, audio='aac')
             for i, offset in enumerate([first, second])]
    film = read_alike(joined(tmp_path / 'in.ts', *parts))
    wanted = np.concatenate([VideoSource(part).read(range(20)) for part in parts])
    np.testing.assert_array_equal(film.frames, wanted)
    steps = np.diff([float(time) for time in film.times])
    assert steps == pytest.approx(np.full(39, 0.04), abs=0.03)


@pytest.mark.parametrize('suffix', ['.gif', '.mp4', '.mkv'])
def test_the_last_frame_of_uneven_ones_lasts_as_long_as_the_file_says(tmp_path, suffix):
    path = tmp_path / f'in{suffix}'
    if suffix == '.gif':
        images = [Image.fromarray(frame) for frame in scene(4)]
        images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 100, 100, 2000])
    else:
        with av.open(str(path), 'w') as container:
            stream = container.add_stream('libx264', rate=10, options={'bf': '0'})
            stream.height, stream.width, stream.codec_context.time_base = *SIZE, Fraction(1, 1000)
            stream.codec_context.flags |= av.codec.context.Flags.frame_duration
            for i, frame in enumerate(scene(4)):
                picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
                picture.pts, picture.time_base = 100 * i, Fraction(1, 1000)
                picture.duration = 2000 if i == 3 else 100
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    film = read_alike(path)
    assert film.times == [Fraction(i, 10) for i in range(4)] and film.end == Fraction(23, 10)


@pytest.mark.parametrize('count', [5, 8, 40])
@pytest.mark.parametrize('codec', ['h264', 'h265'])
def test_the_last_frame_of_a_film_with_frames_out_of_order(tmp_path, codec, count):
    """Packets of MP4 tell how long the frame lasts that is decoded last; the track's duration tells the rest."""
    with VideoWriter(tmp_path / 'in.mp4', Presentation(Fraction(10), Fraction(1, 1000)), codec) as writer:
        for i, frame in enumerate(scene(count, 64, 64)):
            writer.write(frame, 100 * i, 1900 if i == count - 1 else 100)
    assert read_alike(tmp_path / 'in.mp4').end == Fraction(count - 1, 10) + Fraction(19, 10)
    part = Film(open_input(str(tmp_path / 'in.mp4'), Reading(end=count - 1, audio=False)))
    assert part.end == Fraction(count - 1, 10)


def test_frames_are_turned_and_their_pixels_made_square(tmp_path):
    frames = scene(3)
    turned = read_alike(write_film(tmp_path / 'turned.mp4', frames, display_matrix=TURNED))
    assert np.abs(turned.frames.astype(int) - np.rot90(frames, -1, (1, 2))).mean() < 2
    with av.open(str(tmp_path / 'wide.mkv'), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options={'qp': '0'})
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuv444p'
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    wide = read_alike(tmp_path / 'wide.mkv')
    assert wide.frames.shape == (3, SIZE[0], SIZE[1] * 3 // 2, 3)
    assert np.abs(wide.frames[:, :, ::3].astype(int) - frames[:, :, ::2]).mean() < 4
    raw = VideoSource(tmp_path / 'wide.mkv').read([0], raw=True)[0]
    assert raw.shape == wide.frames.shape[1:] and len({tuple(pixel) for pixel in raw[0]}) <= SIZE[1]  # none were mixed


@pytest.mark.parametrize('suffix', ['.mp4', '.mov'])
def test_a_file_that_ends_with_its_tables_comes_through_a_pipe(tmp_path, suffix):
    path = write_film(tmp_path / f'in{suffix}', np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), np.uint8))
    data = path.read_bytes()
    assert data.index(b'moov') > 100_000  # beyond what FFmpeg looks at in the beginning
    assert len(read_alike(path).frames) == 20


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.tif', '.bmp'])
@pytest.mark.parametrize('orientation', [1, 5, 6])
def test_pictures_come_through_a_pipe(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f'in{suffix}'
    Image.fromarray(scene(1)[0]).save(path, **({} if suffix == '.bmp' else dict(exif=exif)))
    if suffix == '.jpg':  # a motion photo
        path.write_bytes(path.read_bytes() + b'MotionPhoto_Data' + bytes(5000))
    wanted = Film(open_input(str(path), Reading()))
    with piped(tmp_path / 'pipe', path.read_bytes()) as pipe:
        found = Film(open_input(str(pipe), Reading()))
    np.testing.assert_array_equal(found.frames, wanted.frames)
    size = SIZE if orientation == 1 or suffix == '.bmp' else SIZE[::-1]
    assert wanted.frames.shape == (1, *size, 3)


def test_a_tiff_of_more_than_4_gigabytes_has_another_head(tmp_path):
    Image.fromarray(scene(1)[0]).save(tmp_path / 'in.tif', big_tiff=True)
    wanted = Film(open_input(str(tmp_path / 'in.tif'), Reading()))
    with piped(tmp_path / 'pipe', (tmp_path / 'in.tif').read_bytes()) as pipe:
        np.testing.assert_array_equal(Film(open_input(str(pipe), Reading())).frames, wanted.frames)


def test_one_picture_after_the_other_comes_through_a_pipe(tmp_path):
    for suffix in ('.png', '.jpg'):
        write_folder(tmp_path / suffix, scene(5), suffix)
        joined(tmp_path / f'in{suffix}s', *sorted((tmp_path / suffix).iterdir()))
    with piped(tmp_path / 'pipe', (tmp_path / 'in.pngs').read_bytes()) as pipe:
        np.testing.assert_array_equal(Film(open_input(str(pipe), Reading())).frames, scene(5))
    film = read_alike(tmp_path / 'in.jpgs')  # a film in MJPEG
    assert np.abs(film.frames.astype(int) - scene(5)).mean() < 3


def test_animated_pictures_are_one_picture_by_any_road(tmp_path):
    images = [Image.fromarray(frame) for frame in scene(3)]
    for suffix in ('.png', '.webp'):
        path = tmp_path / f'in{suffix}'
        images[0].save(path, save_all=True, append_images=images[1:], duration=100, lossless=True)
        films = [Film(open_input(str(path), Reading()))]
        with piped(tmp_path / f'{suffix}.pipe', path.read_bytes()) as pipe:
            films.append(Film(open_input(str(pipe), Reading())))
        for film in films:
            np.testing.assert_array_equal(film.frames, scene(3)[:1])
            assert 'it holds 3 pictures; the first one is read' in film.notes[0]


def write_tracks(path: Path, tracks: dict[int, int]) -> Path:
    """A film with tracks, red value -> disposition."""
    with av.open(str(path), 'w') as container:
        streams = []
        for disposition in tracks.values():
            stream = container.add_stream('ffv1', rate=25)
            stream.height, stream.width, stream.pix_fmt = *SIZE, 'bgr0'
            stream.disposition = Disposition(disposition)
            streams.append(stream)
        for _ in range(3):
            for red, stream in zip(tracks, streams, strict=True):
                frame = np.full((*SIZE, 3), (red, 0, 0), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def test_of_several_tracks_the_default_one_is_taken(tmp_path):
    film = read_alike(write_tracks(tmp_path / 'in.mkv', {10: 0, 20: Disposition.default, 30: 0}))
    assert film.frames[0, 0, 0].tolist() == [20, 0, 0]
    assert [note[:13] for note in film.notes] == ['video track 0', 'video track 2']
    film = read_alike(write_tracks(tmp_path / 'none.mkv', {10: 0, 20: 0}))
    assert film.frames[0, 0, 0].tolist() == [10, 0, 0]


def write_cover(path: Path, film: bool) -> Path:
    """An MP4 with cover art before its video, or with sound instead of a video."""
    cover = cv2.imencode('.png', np.full((*SIZE, 3), 200, np.uint8))[1].tobytes()
    with av.open(str(path), 'w') as container:
        art = container.add_stream('png')
        art.height, art.width, art.pix_fmt = *SIZE, 'rgb24'
        art.disposition = Disposition.attached_pic
        other = container.add_stream('libx264' if film else 'aac', rate=25 if film else 48000)
        if film:
            other.height, other.width = SIZE
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = art, 0, 0, True
        container.mux(packet)
        if film:
            for frame in scene(3):
                container.mux(other.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        else:
            sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), 'fltp', 'stereo')
            sound.sample_rate = 48000
            container.mux(other.encode(sound))
        container.mux(other.encode(None))
    return path


def test_subtitles_are_named(tmp_path):
    path = tmp_path / 'in.mkv'
    (tmp_path / 'in.srt').write_text('1\n00:00:00,000 --> 00:00:00,100\nhello\n')
    with av.open(str(tmp_path / 'in.srt')) as texts, av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuv420p'
        track = container.add_stream_from_template(texts.streams.subtitles[0])
        for frame in scene(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
        for packet in texts.demux():
            if packet.dts is not None:
                packet.stream = track
                container.mux(packet)
    assert 'subtitles (track 1) are left out' in read_alike(path).notes


def test_cover_art_is_no_video(tmp_path):
    film = read_alike(write_cover(tmp_path / 'in.mp4', film=True))
    assert len(film.frames) == 3 and np.abs(film.frames.astype(int) - scene(3)).mean() < 20
    assert film.notes == []
    with pytest.raises(DataError, match='no video stream in the file, only cover art'):
        open_input(str(write_cover(tmp_path / 'song.mp4', film=False)), Reading())


@pytest.mark.parametrize('suffix', ['.avi', '.flv', '.mkv', '.mp4'])
def test_words_in_a_file_may_be_in_any_encoding(tmp_path, suffix):
    path = tmp_path / f'in{suffix}'
    with av.open(str(path), 'w') as container:
        container.metadata['title'] = 'a caf_ by the road'
        stream = container.add_stream('mpeg4' if suffix == '.avi' else 'libx264', rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuv420p'
        for frame in scene(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert b'caf_ by' in data
    path.write_bytes(data.replace(b'caf_ by', b'caf\xe9 by'))  # Latin-1
    assert len(read_alike(path).frames) == 4


def test_tracks_that_nobody_can_decode_are_left_out(tmp_path):
    path = write_film(tmp_path / 'in.mkv', scene(4), audio='aac')
    data = path.read_bytes()
    path.write_bytes(data.replace(b'V_MPEG4/ISO/AVC', b'V_XXXXX/ISO/AVC'))
    with pytest.raises(DataError, match=r'in\.mkv: its video is of a codec .* does not know; encode it anew'):
        open_input(str(path), Reading())
    with av.open(str(path), 'w') as container:
        tracks = [container.add_stream(codec, rate=25) for codec in ('libx264', 'mpeg4')]
        for track in tracks:
            track.height, track.width, track.pix_fmt = *SIZE, 'yuv420p'
        for frame in scene(4):
            for track in tracks:
                container.mux(track.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        for track in tracks:
            container.mux(track.encode(None))
    path.write_bytes(path.read_bytes().replace(b'V_MPEG4/ISO/AVC', b'V_XXXXX/ISO/AVC'))
    film = read_alike(path)
    assert len(film.frames) == 4
    assert 'video track 0 (of an unknown codec) is left out: track 1 is read' in film.notes


def test_transparency_is_named(tmp_path):
    frames = np.concatenate([scene(3), np.full((3, *SIZE, 1), 99, np.uint8)], axis=-1)
    with av.open(str(tmp_path / 'in.mkv'), 'w') as container:
        stream = container.add_stream('ffv1', rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'bgra'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgba')))
        container.mux(stream.encode(None))
    film = read_alike(tmp_path / 'in.mkv')
    assert film.notes == ['its transparency (alpha) is left out']
    np.testing.assert_array_equal(film.frames, scene(3))


@pytest.mark.parametrize('name, codec, options', [
    ('in.mp4', 'libx264', {'g': '10', 'bf': '2'}), ('in.ts', 'libx264', {'g': '10', 'bf': '2'}),
    ('in.avi', 'libx264', {'g': '10', 'bf': '2'}), ('in.mkv', 'ffv1', {}),
    ('in.mp4', 'libx265', {'x265-params': 'log-level=error:open-gop=1:keyint=10:min-keyint=10:pools=none'})])
def test_what_lies_before_the_first_frame_asked_for_is_jumped_over(tmp_path, monkeypatch, name, codec, options):
    path = write_film(tmp_path / name, scene(60), codec=codec, **options)
    whole = Film(open_input(str(path), Reading()))
    sought, seek = [], VideoReader.seek
    monkeypatch.setattr(VideoReader, 'seek', lambda self, stamp: (sought.append(stamp), seek(self, stamp))[1])
    for start, end in ((1, 5), (29, 33), (30, None), (31, 60), (59, None)):
        part = Film(open_input(str(path), Reading(start, end)))
        np.testing.assert_array_equal(part.frames, whole.frames[start:end])
        assert (part.times, part.end) == (whole.times[start:end], [*whole.times, whole.end][end or 60])
    assert len(sought) == (0 if name == 'in.avi' else 4)  # AVI has no stamps to seek by


def test_sound_of_joined_recordings_stays_in_step(tmp_path):
    parts = [write_film(tmp_path / f'{i}.ts', scene(25, seed=i), offset=Fraction(offset), audio='aac')
             for i, offset in enumerate((50, 3))]
    path = joined(tmp_path / 'in.ts', *parts)
    film, sound = read_alike(path), AudioCopy(path)
    heard = [heard_at(packet) for packet in sound.until(None)]
    assert len(heard) == sum(len(audio_packets(part)) for part in parts)
    assert np.diff([float(time) for time in heard]) == pytest.approx(np.full(len(heard) - 1, 1024 / 48000), abs=0.1)
    with piped(tmp_path / 'pipe', path.read_bytes()) as pipe:
        given = open_input(str(pipe), Reading())
        list(given.reads())
    late = [heard_at(packet) for packet in given.audio.until(None)]
    assert late == [time for time in heard if time >= film.times[0]]
