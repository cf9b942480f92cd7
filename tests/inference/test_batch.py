"""Whole folders of videos: found, shared by processes, resumed."""

import os
import signal
import time

import numpy as np
import pytest

from photoreal.bundle import load_model
from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.errors import ConfigError, DataError
from photoreal.inference import VideoEnhancer, Writing
from photoreal.inference.batch import Job, enhance_jobs, find_jobs, own_share
from tests import tiny
from tests.datasets.films import scene, write_film
from tests.datasets.helpers import write_folder
from tests.test_inference import frames_of, make_model


@pytest.fixture(scope='module')
def enhancer() -> VideoEnhancer:
    return VideoEnhancer(make_model(), 'cpu', 'fp32')


def make_videos(folder):
    """Two video files, a folder of pictures and a data set's video; a text that is none of them."""
    folder.mkdir()
    write_film(folder / 'b.mp4', scene(6))
    write_film(folder / 'a.avi', scene(9, seed=1), codec='mpeg4')
    write_folder(folder / 'shot', frames_of(4))
    write_folder(folder / 'street' / 'frames', frames_of(3))
    (folder / 'notes.txt').write_text('three of them are new')
    return folder


def test_what_is_found(tmp_path):
    folder = make_videos(tmp_path / 'in')
    found = {job.source.name: job.out.name for job in find_jobs(str(folder), 'out', 'h264')}
    assert found == {'a.avi': 'a.mkv', 'b.mp4': 'b.mp4', 'shot': 'shot', 'street': 'street'}
    assert [job.out.name for job in find_jobs(f'{folder}/*.*', 'out', 'ffv1')] == ['a.mkv', 'b.mkv']
    for one in (folder / 'shot', folder / 'street', folder / 'b.mp4', f'{folder}/shot/*.png', '-', 'http://a/b.mp4'):
        assert find_jobs(str(one), 'out', 'h264') == []
    with pytest.raises(ConfigError, match='holds 4 videos; name a folder'):
        find_jobs(str(folder), 'out.mp4', 'h264')
    write_film(folder / 'a.mkv', scene(2))
    with pytest.raises(DataError, match=r'a\.avi and .*a\.mkv would both become'):
        find_jobs(str(folder), 'out', 'h264')


def test_shares_are_whole_and_even(tmp_path):
    for name, count in dict(a=40, b=10, c=30, d=20).items():
        write_folder(tmp_path / name, frames_of(count, 8, 8))
    jobs = find_jobs(str(tmp_path), 'out', 'h264')
    shares = [own_share(jobs, rank, 2) for rank in range(2)]
    assert [[job.source.name for job in share] for share in shares] == [['a', 'd'], ['c', 'b']]
    assert own_share(jobs, 4, 5) == []


def test_all_are_predicted_and_not_again(tmp_path, enhancer):
    folder, told = make_videos(tmp_path / 'in'), []
    jobs = find_jobs(str(folder), str(tmp_path / 'out'), 'ffv1')
    (tmp_path / 'out').mkdir()
    write_folder(tmp_path / 'out' / 'shot.partial', frames_of(2))  # of a run that was interrupted
    enhance_jobs(enhancer, jobs, writing=Writing('ffv1'), say=told.append)
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['a.mkv', 'b.mkv', 'shot', 'street']
    found = VideoSource(tmp_path / 'out' / 'b.mkv').read(range(6))
    np.testing.assert_array_equal(found, list(enhancer(VideoSource(folder / 'b.mp4').read(range(6)))))
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out' / 'shot').read(range(4)), list(enhancer(frames_of(4))))
    before = tiny.files(tmp_path / 'out')
    (tmp_path / 'out' / 'b.mkv').unlink()
    told.clear()
    enhance_jobs(enhancer, jobs, writing=Writing('ffv1'), say=told.append)
    assert sum('is there already' in text for text in told) == 3
    assert tiny.files(tmp_path / 'out').keys() == before.keys()


@pytest.mark.parametrize('at_once', [1, 3])
def test_one_that_fails_does_not_stop_the_others(tmp_path, at_once):
    enhancer = VideoEnhancer(make_model(), 'cpu', 'fp32', streams=at_once)
    folder = make_videos(tmp_path / 'in')
    path = folder / 'shot' / '00002.png'
    path.write_bytes(path.read_bytes()[:99])
    (folder / 'c.mp4').write_bytes(b'nothing')
    jobs = find_jobs(str(folder), str(tmp_path / 'out'), 'h264')
    with pytest.raises(DataError, match=r'(?s)2 of 5 videos .*c\.mp4.*00002\.png.*shot\.partial') as error:
        enhance_jobs(enhancer, jobs, at_once=at_once, say=lambda text: None)
    assert [line.count('c.mp4') for line in str(error.value).splitlines() if 'c.mp4' in line] == [1]
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['a.mkv', 'b.mp4', 'shot.partial', 'street']


def test_several_at_once_are_interrupted_together(tmp_path):
    enhancer = VideoEnhancer(make_model(), 'cpu', 'fp32', streams=2)
    read = FolderSource.read

    class Source(FolderSource):
        def read(self, indices, **options):
            if indices == [25]:
                os.kill(os.getpid(), signal.SIGTERM)
            return read(self, indices, **options)

    for name in ('x', 'y'):
        write_folder(tmp_path / 'in' / name, frames_of(200, 8, 8))
    jobs = find_jobs(str(tmp_path / 'in'), str(tmp_path / 'out'), 'h264')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('photoreal.inference.inputs.FolderSource', Source)
        with pytest.raises(KeyboardInterrupt):
            enhance_jobs(enhancer, jobs, at_once=2, say=lambda text: None)
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['x.partial', 'y.partial']
    counts = [len(list(folder.glob('*.png'))) for folder in (tmp_path / 'out').iterdir()]
    assert 5 < max(counts) < 200  # on a busy machine the other thread may have hardly begun


def test_maps_of_each_video(tmp_path):
    enhancer = VideoEnhancer(make_model(label=dict(type='LabelMap', num_classes=3)), 'cpu', 'fp32')
    folder = tmp_path / 'in'
    for name in ('x', 'y'):
        write_folder(folder / name, frames_of(3))
        write_folder(tmp_path / 'maps' / name, np.zeros((3, 37, 52, 1), np.uint8))
    jobs = find_jobs(str(folder), str(tmp_path / 'out'), 'h264')
    enhance_jobs(enhancer, jobs, [f'label={tmp_path / "maps"}'], say=lambda text: None)
    assert len(FolderSource(tmp_path / 'out' / 'y')) == 3
    with pytest.raises(DataError, match='there is no z in there'):
        enhance_jobs(enhancer, [Job(folder / 'x', tmp_path / 'out' / 'z')._replace(source=folder / 'z')],
                     [f'label={tmp_path / "maps"}'], say=lambda text: None)


@pytest.mark.slow
def test_two_processes_share_a_folder(tmp_path, tiny_bundle):
    """One video is damaged: its process fails at the end, when the other one has done its share too."""
    folder = make_videos(tmp_path / 'in')
    (folder / 'z.mp4').write_bytes(bytes(100_000))  # the largest, and so the first of its process
    ended = tiny.run_process('-m', 'torch.distributed.run', '--nproc_per_node=2', '--standalone', 'tools/infer.py',
                             tiny_bundle, folder, '--out', tmp_path / 'out', '--dtype', 'fp32', '--codec', 'ffv1')
    assert ended.code == 1 and '1 of 3 videos could not be predicted' in ended.err
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['a.mkv', 'b.mkv', 'shot', 'street']
    assert ended.out.count('frames in') == 4
    wanted = list(VideoEnhancer(load_model(tiny_bundle), 'cpu', 'fp32')(VideoSource(folder / 'b.mp4').read(range(6))))
    np.testing.assert_array_equal(VideoSource(tmp_path / 'out' / 'b.mkv').read(range(6)), wanted)


def test_the_tool_is_interrupted_and_goes_on(tmp_path, tiny_bundle):
    folder = tmp_path / 'in'
    write_folder(folder / 'short', frames_of(2, 36, 52))
    write_film(folder.joinpath('long.mp4'), scene(400, 96, 128))
    argv = [tiny_bundle, folder, '--out', tmp_path / 'out', '--dtype', 'fp32']
    process = tiny.start_process('tools/infer.py', *argv)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (written := list((tmp_path / 'out').glob('long.partial.mp4'))):
        time.sleep(0.02)
    while time.monotonic() < deadline and not written[0].stat().st_size:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    partial = tmp_path / 'out' / 'long.partial.mp4'
    count = int(err.decode().split('interrupted; ')[1].split()[0])
    assert f'interrupted; {count} frames were done and are in {partial}' in err.decode()
    assert 0 < len(VideoSource(partial).read([count - 1])) and len(VideoSource(partial)) == count < 400
    assert not (tmp_path / 'out' / 'long.mp4').exists()
    ended = tiny.run('infer', *argv, '--end', 5)
    assert ended.code == 0, ended.err
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['long.mp4', 'short']
    assert len(VideoSource(tmp_path / 'out' / 'long.mp4')) == 5
