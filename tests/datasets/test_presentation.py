"""Colours, times and sound survive reading and writing."""

from fractions import Fraction

import av
import numpy as np
import pytest

from photoreal.datasets.audio import AudioCopy
from photoreal.datasets.presentation import Colour, Presentation
from photoreal.datasets.sources import VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.errors import ConfigError
from tests.datasets.films import audio_packets, frame_times, scene, write_film
from tests.datasets.helpers import pictures

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue in luma


def luma_chroma(frame: np.ndarray, matrix: int, full_range: bool) -> np.ndarray:
    """(3, H, W): Y'CbCr by the definition in the standards."""
    red, blue = WEIGHTS[matrix]
    r, g, b = np.moveaxis(frame.astype(float), -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    return np.stack([y, cb + 128, cr + 128] if full_range else
                    [16 + y * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255])


@pytest.mark.parametrize('full_range', [False, True])
@pytest.mark.parametrize('matrix', WEIGHTS)
def test_colours_are_those_of_the_standards(matrix, full_range):
    frame = scene(1)[0]
    found = Colour(matrix, full_range).picture(frame, 'yuv444p').to_ndarray()
    assert np.abs(found - luma_chroma(frame, matrix, full_range)).max() < 1.5


@pytest.mark.parametrize('full_range', [False, True])
@pytest.mark.parametrize('matrix', WEIGHTS)
def test_tagged_colours_are_read_and_kept(tmp_path, matrix, full_range):
    frames = scene(3)
    source = VideoSource(write_film(tmp_path / 'in.mp4', frames, matrix=matrix, full_range=full_range))
    assert np.abs(source.read(range(3)).astype(int) - frames).mean() < 2
    with VideoWriter(tmp_path / 'out.mp4', source.presentation, crf=4) as writer:
        writer.write(frames[0])
    written = VideoSource(tmp_path / 'out.mp4')
    assert (written.presentation.colour.matrix, written.presentation.colour.full_range) == (matrix, full_range)
    assert np.abs(written.read([0])[0].astype(int) - frames[0]).mean() < 2


@pytest.mark.parametrize('size, matrix', [((48, 64), 6), ((720, 1280), 1)])
def test_untagged_colours_are_those_that_players_take(tmp_path, size, matrix):
    frame = scene(1, *size)
    picture = av.VideoFrame.from_ndarray(frame[0], format='rgb24').reformat(format='yuv420p', dst_colorspace=matrix)
    with av.open(str(tmp_path / 'in.mkv'), 'w') as container:
        stream = container.add_stream('rawvideo', rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, 'yuv420p'
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.to_ndarray(), format='yuv420p')))
    source = VideoSource(tmp_path / 'in.mkv')
    assert source.presentation.colour.matrix == matrix
    assert np.abs(source.read([0]).astype(int) - frame).mean() < 2


@pytest.mark.parametrize('codec, suffix', [('h264', '.mp4'), ('h265', '.mp4'), ('ffv1', '.mkv')])
def test_uneven_times_are_kept(tmp_path, codec, suffix):
    times = [0, 3000, 6000, 7500, 16500, 16530]
    source = VideoSource(write_film(tmp_path / 'in.mp4', scene(6, 64, 64), times=times, time_base=Fraction(1, 90000)))
    with VideoWriter(tmp_path / f'out{suffix}', source.presentation, codec) as writer:
        for i, frame in enumerate(scene(6, 64, 64)):
            writer.write(frame, source.time(i))
    wanted = [Fraction(time, 90000) for time in times]
    found = frame_times(tmp_path / f'out{suffix}')
    if suffix == '.mp4':
        assert found == wanted
    else:  # Matroska counts milliseconds
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= Fraction(1, 2000)


@pytest.mark.parametrize('count', [4, 5, 40])
@pytest.mark.parametrize('codec, suffix', [('h264', '.mp4'), ('h265', '.mp4'), ('h264', '.mkv'), ('h264', '.mov')])
@pytest.mark.parametrize('grows', [False, True])
def test_the_last_frame_lasts(tmp_path, codec, suffix, count, grows):
    """Whichever frame is decoded last."""
    partial = tmp_path / f'partial{suffix}' if grows else None
    shown = Presentation(Fraction(10), Fraction(1, 1000))
    with VideoWriter(tmp_path / f'out{suffix}', shown, codec, partial=partial) as writer:
        for i, frame in enumerate(scene(count, 64, 64)):
            writer.write(frame, 100 * i, 2000 if i == count - 1 else 100)
    source = VideoSource(tmp_path / f'out{suffix}')
    end = Fraction(count - 1, 10) + 2
    assert source.time(count) * source.presentation.unit == end
    with av.open(str(source.path)) as container:
        assert container.duration == round(end * av.time_base)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
@pytest.mark.parametrize('count', [1, 2])
def test_h265_of_a_frame_or_two(tmp_path, suffix, count):
    """x265 leaves the decoding times of so few frames to chance; most often they were refused by the container."""
    for i in range(8):
        path = tmp_path / f'{i}{suffix}'
        with VideoWriter(path, 10, 'h265') as writer:
            for frame in scene(count, 64, 64):
                writer.write(frame)
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        assert all(packet.dts in (None, packet.pts) for packet in packets)
        assert frame_times(path) == [Fraction(k, 10) for k in range(count)]


def test_ffv1_keeps_every_bit(tmp_path):
    frames = pictures(3, 37, 51)
    with VideoWriter(tmp_path / 'out.mkv', 25, 'ffv1') as writer:
        for frame in frames:
            writer.write(frame)
    np.testing.assert_array_equal(VideoSource(tmp_path / 'out.mkv').read(range(3)), frames)


def test_h265_plays_on_apple_and_is_smaller_at_a_higher_crf(tmp_path):
    sizes = []
    for crf in (10, 40):
        with VideoWriter(tmp_path / f'{crf}.mp4', 25, 'h265', crf) as writer:
            for frame in pictures(4, 64, 64):
                writer.write(frame)
        sizes.append((tmp_path / f'{crf}.mp4').stat().st_size)
    with av.open(str(tmp_path / '10.mp4')) as container:
        assert (container.streams.video[0].codec_context.name, container.streams.video[0].codec_tag) == ('hevc', 'hvc1')
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize('suffix, audio', [('.mp4', 'aac'), ('.mkv', 'pcm_s16le'), ('.ts', 'aac')])
def test_sound_is_copied_in_step_with_the_frames(tmp_path, suffix, audio):
    path = write_film(tmp_path / f'in{suffix}', scene(20), audio=audio)
    source, sound = VideoSource(path), AudioCopy(path)
    with VideoWriter(tmp_path / f'out{suffix}', source.presentation, audio=sound) as writer:
        for i, frame in enumerate(scene(20)):
            writer.write(frame, source.time(i))
    written, wanted = audio_packets(tmp_path / f'out{suffix}'), audio_packets(path)
    assert [data for _, data in written] == [data for _, data in wanted]
    apart = [written[0][0] - frame_times(tmp_path / f'out{suffix}')[0], wanted[0][0] - frame_times(path)[0]]
    assert abs(apart[0] - apart[1]) < Fraction(1, 500)


def test_sound_of_a_part(tmp_path):
    path = write_film(tmp_path / 'in.mp4', scene(20), audio='aac')
    source, start = VideoSource(path), Fraction(8, 25)
    sound = AudioCopy(path, start, Fraction(15, 25))
    with VideoWriter(tmp_path / 'out.mp4', source.presentation, audio=sound, origin=start) as writer:
        for i in range(8, 15):
            writer.write(scene(1)[0], source.time(i))
    assert frame_times(tmp_path / 'out.mp4')[0] == 0
    wanted = [(time - start, data) for time, data in audio_packets(path) if start <= time < Fraction(15, 25)]
    assert audio_packets(tmp_path / 'out.mp4') == wanted


def test_sound_that_does_not_fit(tmp_path):
    path = write_film(tmp_path / 'in.avi', scene(5), audio='adpcm_ms')
    with pytest.raises(ConfigError, match=r'audio \(adpcm_ms\) does not fit.*\.mkv.*--no-audio'), \
            VideoWriter(tmp_path / 'out.mp4', 25, audio=AudioCopy(path)):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ['in.avi']


def test_what_was_written_stays_playable(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / 'a.mp4', 25, partial=tmp_path / 'b.mp4') as writer:
        for frame in scene(7):
            writer.write(frame)
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ['b.mp4']
    assert len(VideoSource(tmp_path / 'b.mp4')) == 7


@pytest.mark.parametrize('arguments, message', [
    (dict(crf=60), 'crf=60; expected 0'),
    (dict(codec='ffv1', crf=3), 'no crf to choose'),
])
def test_settings_that_cannot_be(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        VideoWriter(tmp_path / 'a.mkv', 25, **arguments)


def test_a_codec_that_does_not_fit_the_container(tmp_path):
    with pytest.raises(ConfigError, match="'libx264'.*choose another suffix"), VideoWriter(tmp_path / 'a.webm', 25):
        pass
