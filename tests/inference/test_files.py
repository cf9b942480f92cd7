"""Files and pictures in, files and pictures out."""

import os
import signal
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError, DataError
from photoreal.inference import Reading, VideoEnhancer, Writing, enhance_file
from photoreal.inference.batch import find_jobs
from tests.datasets.films import SIZE, TURNED, audio_packets, frame_times, scene, write_film
from tests.datasets.helpers import write_folder
from tests.test_inference import frames_of, make_model


@pytest.fixture(scope='module')
def enhancer() -> VideoEnhancer:
    return VideoEnhancer(make_model(), 'cpu', 'fp32')


def test_a_video_keeps_its_sound_times_and_colours_and_is_turned_upright(tmp_path, enhancer):
    times = [0, 3000, 6000, 7500, 16500, 16530, 20000, 20001, 25000, 30000]
    source = write_film(tmp_path / 'in.mp4', scene(10), times=times, time_base=Fraction(1, 90000), matrix=6,
                        full_range=True, display_matrix=TURNED, audio='aac')
    done = enhance_file(enhancer, source, tmp_path / 'out.mp4')
    assert (done.frames, done.repeated) == (10, 0)
    assert frame_times(tmp_path / 'out.mp4') == [Fraction(time, 90000) for time in times]
    assert audio_packets(tmp_path / 'out.mp4') == audio_packets(source)
    found = VideoSource(tmp_path / 'out.mp4')
    assert (found.presentation.colour.matrix, found.presentation.colour.full_range) == (6, True)
    assert found.size == SIZE[::-1]
    with av.open(str(tmp_path / 'out.mp4')) as container:
        assert (container.streams.video[0].height, next(container.decode(video=0)).rotation) == (SIZE[1], 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['in.mp4', 'out.mp4']


def test_a_part_of_a_video_with_its_sound(tmp_path, enhancer):
    source, start = write_film(tmp_path / 'in.mp4', scene(20), audio='aac'), Fraction(8, 25)
    enhance_file(enhancer, source, tmp_path / 'out.mkv', (), Reading(8, 15), Writing('ffv1'))
    result = VideoSource(tmp_path / 'out.mkv')
    frames = VideoSource(source).read(range(8, 15))
    assert result.fps == 25
    np.testing.assert_array_equal(result.read(range(7)), np.stack(list(enhancer(frames))))
    wanted = [data for time, data in audio_packets(source) if start <= time < Fraction(15, 25)]
    found = audio_packets(tmp_path / 'out.mkv')
    assert [data for _, data in found] == wanted
    assert 0 <= found[0][0] < Fraction(1024, 48000)
    enhance_file(enhancer, source, tmp_path / 'silent.mp4', (), Reading(8, 15, audio=False))
    with av.open(str(tmp_path / 'silent.mp4')) as container:
        assert not container.streams.audio


def test_a_video_that_does_not_start_at_zero(tmp_path, enhancer):
    """The sound of a broadcast starts before its picture; both move to the start together."""
    source = write_film(tmp_path / 'in.ts', scene(12), audio='aac', offset=Fraction(5))
    enhance_file(enhancer, source, tmp_path / 'out.mp4')
    heard, seen = audio_packets(tmp_path / 'out.mp4')[0][0], frame_times(tmp_path / 'out.mp4')[0]
    assert min(heard, seen) == 0
    assert abs((heard - seen) - (audio_packets(source)[0][0] - frame_times(source)[0])) < Fraction(1, 1000)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_a_frame_an_hour(tmp_path, enhancer, suffix):
    """As of a camera that watches something grow."""
    times = [0, 3600, 7200, 14400]
    film = write_film(tmp_path / 'in.mp4', scene(4), times=[25 * time for time in times], time_base=Fraction(1, 25))
    assert enhance_file(enhancer, film, tmp_path / f'out{suffix}').frames == 4
    assert frame_times(tmp_path / f'out{suffix}') == times


def test_pictures_in_pictures_out(tmp_path, enhancer):
    frames = frames_of(8, 36, 52)
    for i, frame in enumerate(frames):
        write_image(tmp_path / 'in' / f'shot_{i}.png', frame)
    write_image(tmp_path / 'in' / 'other.png', frames[0])
    enhance_file(enhancer, tmp_path / 'in' / 'shot_*.png', tmp_path / 'out')
    folder, wanted = FolderSource(tmp_path / 'out'), np.stack(list(enhancer(frames)))
    assert folder.names == [f'shot_{i}' for i in range(8)]
    np.testing.assert_array_equal(folder.read(range(8)), wanted)
    enhance_file(enhancer, tmp_path / 'in' / 'shot_0.png', tmp_path / 'one.png')
    np.testing.assert_array_equal(FolderSource(tmp_path, 'one.png').read([0])[0], wanted[0])
    enhance_file(enhancer, tmp_path / 'in' / 'shot_*.png', tmp_path / 'out.mp4', (), Reading(fps=12.5))
    assert VideoSource(tmp_path / 'out.mp4').fps == 12.5
    with pytest.raises(DataError, match=r'one picture, and .* has 9 frames'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'one.png')


def test_a_video_of_a_data_set_brings_its_maps(tmp_path):
    model = make_model(label=dict(type='LabelMap', num_classes=3), blur=dict(type='Blur'))
    frames, labels = frames_of(3), np.random.default_rng(0).integers(0, 3, (3, 37, 52, 1), dtype=np.uint8)
    write_folder(tmp_path / 'street/frames', frames)
    folder = model.preprocessor.modalities['label'].folder
    write_folder(tmp_path / 'street' / folder, labels)
    enhancer = VideoEnhancer(model, 'cpu', 'fp32')
    enhance_file(enhancer, tmp_path / 'street', tmp_path / 'out')
    wanted = np.stack(list(enhancer(frames, {'label': labels})))
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out').read(range(3)), wanted)
    maps = [f'label={tmp_path / "street" / folder}']
    enhance_file(enhancer, tmp_path / 'street/frames', tmp_path / 'named', maps)
    np.testing.assert_array_equal(FolderSource(tmp_path / 'named').read(range(3)), wanted)
    enhance_file(enhancer, tmp_path / 'street/frames', tmp_path / 'part', maps, Reading(1, 2))
    np.testing.assert_array_equal(FolderSource(tmp_path / 'part').read([0])[0],
                                  next(enhancer(frames[1:], {'label': labels[1:]})))


def test_the_input_is_not_overwritten(tmp_path, enhancer):
    write_image(tmp_path / 'in' / '0.png', frames_of(1)[0])
    before = (tmp_path / 'in' / '0.png').read_bytes()
    with pytest.raises(DataError, match='would be overwritten'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'in')
    assert (tmp_path / 'in' / '0.png').read_bytes() == before


def damaged_folder(tmp_path) -> np.ndarray:
    """Ten pictures, of which 4 is cut off and 7 is of another size; returns what they were before."""
    frames = frames_of(10, 36, 52)
    write_folder(tmp_path / 'in', frames)
    path = tmp_path / 'in' / '00004.png'
    path.write_bytes(path.read_bytes()[:200])
    write_image(tmp_path / 'in' / '00007.png', frames[7, :30])
    return frames


def test_a_fault_in_the_middle_leaves_what_was_done(tmp_path, enhancer):
    damaged_folder(tmp_path)
    with pytest.raises(DataError, match=r'00004\.png: (?s:.*)4 frames were done and are in .*out\.mp4'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mp4')
    assert len(VideoSource(tmp_path / 'out.mp4').read(range(4))) == len(VideoSource(tmp_path / 'out.mp4')) == 4


def test_bad_frames_repeat_the_prediction_before(tmp_path, enhancer):
    frames, told = damaged_folder(tmp_path), []
    done = enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out', skip_bad=True, say=told.append)
    assert done[::2] == (10, 2)
    forecast, *told = told
    assert 'frames/s on this device' in forecast
    assert '00004.png' in told[0] and '52x30' in told[1] and all('is repeated' in text for text in told)
    good = [0, 1, 2, 3, 5, 6, 8, 9]
    wanted = dict(zip(good, enhancer(frames[good]), strict=True))
    wanted.update({4: wanted[3], 7: wanted[6]})
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out').read(range(10)), [wanted[i] for i in range(10)])


def test_a_first_frame_that_is_bad_has_nothing_to_repeat(tmp_path, enhancer):
    damaged_folder(tmp_path)
    with pytest.raises(DataError, match=r'(?s)00004\.png.*no frame was done'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mp4', (), Reading(4), skip_bad=True)
    assert not (tmp_path / 'out.mp4').exists()


def test_a_damaged_video(tmp_path, enhancer):
    source = write_film(tmp_path / 'in.mp4', scene(10), g='1', bf='0')
    with av.open(str(source)) as container:
        packet = [bytes(p) for p in container.demux(video=0)][5]
    source.write_bytes(source.read_bytes().replace(packet, bytes(len(packet))))
    with pytest.raises(DataError, match=r'(?s)frame 5: cannot be decoded.*5 frames were done'):
        enhance_file(enhancer, source, tmp_path / 'out.mp4')
    assert len(VideoSource(tmp_path / 'out.mp4')) == 5
    done = enhance_file(enhancer, source, tmp_path / 'out', skip_bad=True)
    result = FolderSource(tmp_path / 'out').read(range(10))
    assert done.repeated == 1 and (result[5] == result[4]).all() and (result[6] != result[5]).any()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_playable_file(tmp_path, enhancer, number):
    """It is sent while frame 30 is read; those that were written by then are in the file."""
    write_folder(tmp_path / 'in', frames_of(60, 36, 52))
    read = FolderSource.read
    before = signal.getsignal(number)

    class Source(FolderSource):
        def read(self, indices, **options):
            if indices == [30]:
                os.kill(os.getpid(), number)
            return read(self, indices, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('photoreal.inference.inputs.FolderSource', Source)
        with pytest.raises(KeyboardInterrupt, match=r'interrupted; \d+ frames were done and are in .*out\.mp4') as stop:
            enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mp4')
    count = int(str(stop.value).split()[1])
    assert 15 <= count < 60
    assert len(VideoSource(tmp_path / 'out.mp4')) == count
    assert signal.getsignal(number) is before
    assert sorted(p.name for p in tmp_path.iterdir()) == ['in', 'out.mp4']


def test_a_partial_video_can_have_another_name(tmp_path, enhancer):
    damaged_folder(tmp_path)
    (tmp_path / 'out.mp4').write_bytes(b'from an earlier run')
    with pytest.raises(DataError, match=r'are in .*partial\.mp4'):
        enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mp4',
                     writing=Writing(partial=tmp_path / 'partial.mp4'))
    assert len(VideoSource(tmp_path / 'partial.mp4')) == 4
    assert (tmp_path / 'out.mp4').read_bytes() == b'from an earlier run'


@pytest.mark.parametrize('options, message', [
    (dict(source='nowhere.mp4'), r"no file or folder nowhere\.mp4; expected .*'shots/\*\.png'"),
    (dict(reading=Reading(9)), 'there is none from 9'),
    (dict(reading=Reading(2, 2)), 'expected 0 <= start < end'),
    (dict(reading=Reading(size=(4, 4))), '--size is for raw frames'),
    (dict(modalities=['labels=in']), 'expected name=path with one of blur, edges'),
    (dict(writing=Writing('h266')), "no codec 'h266'; did you mean 'h265'"),
    (dict(out='pictures', writing=Writing('h265')), 'is for pictures: --codec'),
    (dict(out='-'), 'needs a pipe'),
])
def test_wrong_files_and_options(tmp_path, monkeypatch, enhancer, options, message):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'in', frames_of(3, 36, 52))
    with pytest.raises((ConfigError, DataError), match=message):
        enhance_file(enhancer, **{'source': 'in', 'out': 'out.mp4', **options})
    assert [p.name for p in tmp_path.iterdir()] == ['in']


def test_an_input_without_a_name(tmp_path, monkeypatch, enhancer):
    """As from a variable of a shell that is not set: not the folder where one is."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path, frames_of(2))
    assert not find_jobs('', 'out', 'h264')
    with pytest.raises(DataError, match="the input is '': expected a name"):
        enhance_file(enhancer, '', 'out.mp4')


def test_a_video_has_its_own_rate(tmp_path, enhancer):
    source = write_film(tmp_path / 'in.mp4', scene(2))
    with pytest.raises(ConfigError, match='has frame times of its own'):
        enhance_file(enhancer, source, tmp_path / 'out.mp4', (), Reading(fps=30))


def test_maps_and_frames_must_be_as_many(tmp_path):
    model = make_model(label=dict(type='LabelMap', num_classes=3))
    write_folder(tmp_path / 'in', frames_of(4))
    write_folder(tmp_path / 'labels', np.zeros((3, 37, 52, 1), np.uint8))
    with pytest.raises(DataError, match="no map of 'label' called 00003"):
        enhance_file(VideoEnhancer(model, 'cpu', 'fp32'), tmp_path / 'in', tmp_path / 'out',
                     [f'label={tmp_path / "labels"}'])


def test_frames_stay_in_order(tmp_path, enhancer):
    """The prediction of frame i is frame i of the file."""
    frames = np.concatenate([frames_of(1, 36, 52, seed) for seed in range(6)])  # no two alike
    write_folder(tmp_path / 'in', frames)
    enhance_file(enhancer, tmp_path / 'in', tmp_path / 'out.mkv', writing=Writing('ffv1'))
    np.testing.assert_array_equal(VideoSource(tmp_path / 'out.mkv').read(range(6)), np.stack(list(enhancer(frames))))


def test_work_outside_of_the_main_thread(tmp_path, enhancer):
    write_folder(tmp_path / 'in', frames_of(2))
    thread = threading.Thread(target=enhance_file, args=(enhancer, tmp_path / 'in', tmp_path / 'out.mp4'))
    thread.start()
    thread.join()
    assert len(VideoSource(tmp_path / 'out.mp4')) == 2
