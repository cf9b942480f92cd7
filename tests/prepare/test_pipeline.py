import json
import os

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from photoreal.datasets import FolderSource, StreamDataset, scan
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import ConfigError
from photoreal.modalities import Modality
from photoreal.prepare import Footage, LocalEngine, Track, find_footage, prepare
from photoreal.prepare.pipeline import choose_modalities
from photoreal.prepare.plans import resample
from photoreal.prepare.work import fit
from photoreal.registry import MODALITIES
from photoreal.testing.modality import street_frames
from tests.datasets.films import SIZE, TURNED, scene, write_film
from tests.datasets.helpers import Difference, pictures, write_folder, write_video
from tests.prepare.helpers import files, run, settings


def street(length=6, height=36, width=48, seed=0):
    return street_frames(np.random.default_rng(seed), length, height, width)


@MODALITIES.register_module()
class FrameMotion(Modality):
    """How far values moved since the frame before, as 16 bits: needs context."""

    channels = 1
    context = 1

    def compute(self, frames):
        grey = frames[..., 1:2].astype(np.int32)
        return (np.abs(np.diff(grey, axis=0, prepend=grey[:1])) * 200).astype(np.uint16)

    def encode(self, x):
        return x.to(torch.float32) / 65535


def test_a_folder_of_films_stands_for_all_of_them(tmp_path):
    write_video(tmp_path / 'game/one.mkv', pictures(3, 12, 16))
    write_video(tmp_path / 'game/four.MP4', street(3, 32, 48))
    write_folder(tmp_path / 'game/three', pictures(2, 12, 16))
    write_folder(tmp_path / 'game/two/frames', pictures(4, 12, 16))
    (tmp_path / 'game/notes.txt').touch()
    (tmp_path / 'game/empty').mkdir()
    found, faults = find_footage([str(tmp_path / 'game'), str(tmp_path / 'game/one.mkv')])
    assert {video.name: len(video.frames) for video in found} == {'four': 3, 'one': 3, 'three': 2, 'two': 4}
    assert len(found) == 4 and not faults


def test_a_folder_of_pictures_is_one_video_whatever_lies_beside_them(tmp_path):
    folder = write_folder(tmp_path / 'shot', pictures(2, 12, 16))
    write_video(folder / 'making of.mkv', pictures(3, 12, 16))
    assert [video.name for video in find_footage([str(folder)])[0]] == ['shot']


def test_folders_of_nothing_are_named(tmp_path):
    (tmp_path / 'game/deep').mkdir(parents=True)
    found, faults = find_footage([str(tmp_path / 'game')])
    assert not found and 'found no pictures' in faults[0]


def test_video_and_folder_become_frames_that_a_data_set_accepts(tmp_path):
    frames = pictures(7, 12, 16)
    video = write_video(tmp_path / 'raw/my clip.mkv', frames)
    folder = write_folder(tmp_path / 'raw/füße', frames[:5], suffix='.bmp', first=98)
    write_json(tmp_path / 'raw/meta.json', {'fps': 12})
    summary = run([video, folder], tmp_path / 'out')
    assert summary.written == {'my clip': 7, 'füße': 5} and not summary.faults
    records = {r.name: r for r in scan(tmp_path / 'out', 'val', ['real'], {})}
    assert [len(records[name]) for name in ('my clip', 'füße')] == [7, 5]
    np.testing.assert_array_equal(records['my clip'].frames.read(range(7)), frames)
    np.testing.assert_array_equal(records['füße'].frames.read(range(5)), frames[:5])
    assert records['my clip'].frames.names == [f'{i:05d}' for i in range(7)]
    assert (records['my clip'].fps, records['füße'].fps) == (10, 12)
    meta = json.loads((tmp_path / 'out/val/real/my clip/meta.json').read_text())
    assert meta['origin'].pop('fingerprint')
    assert meta['origin'] == {'source': 'my clip.mkv', 'first_frame': 0, 'last_frame': 6, 'fps': 10.0, 'width': 16,
                              'height': 12}
    assert sorted(os.listdir(tmp_path / 'out/val/real')) == ['füße', 'my clip']


def test_sources_are_taken_as_they_are_shown_and_what_is_left_out_is_told(tmp_path):
    phone = write_film(tmp_path / 'phone.mp4', scene(3), display_matrix=TURNED)
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / 'photos').mkdir()
    Image.fromarray(np.dstack([scene(1)[0], np.full(SIZE, 9, np.uint8)])).save(tmp_path / 'photos/0.png', exif=exif)
    summary = run([phone, tmp_path / 'photos'], tmp_path / 'out')
    for name in ('phone', 'photos'):
        meta = json.loads((tmp_path / f'out/val/real/{name}/meta.json').read_text())
        assert (meta['height'], meta['width']) == SIZE[::-1]
    written = FolderSource(tmp_path / 'out/val/real/photos/frames').read([0])[0]
    np.testing.assert_array_equal(written, np.rot90(scene(1)[0], -1))
    assert summary.notes == [f'{tmp_path}/photos: 0.png: its transparency (alpha) is left out']


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_folder_form_is_bit_for_bit_the_form_computed_on_the_fly(tmp_path, suffix):
    configs = {'blur': dict(type='Blur', sigma=(1, 3), down=(1, 2)), 'edges': dict(type='Edges'),
               'gray': dict(type='Gray'), 'poster': dict(type='Posterize'), 'motion': dict(type='FrameMotion')}
    write_folder(tmp_path / 'clip', street())
    run([tmp_path / 'clip'], tmp_path / 'out', configs, format=suffix)
    recorded = {name: dict(type='Precomputed', folder=name, of=config) for name, config in configs.items()}
    on_the_fly = StreamDataset(tmp_path / 'out', configs, domains=['real'])
    from_folder = StreamDataset(tmp_path / 'out', recorded, domains=['real'])
    assert len(on_the_fly) == len(from_folder) == 6
    for k in range(6):
        for name in configs:
            there, here = (dataset[k]['maps'][name] for dataset in (from_folder, on_the_fly))
            assert there.dtype == here.dtype and torch.equal(there.float(), here.float()), name
            encoded = [d.modalities[name].encode(d[k]['maps'][name]) for d in (from_folder, on_the_fly)]
            assert torch.equal(*encoded), name
    assert on_the_fly[3]['maps']['motion'].any()
    assert (tmp_path / f'out/val/real/clip/frames/00000.{suffix}').is_file()


def test_fps_takes_the_nearest_earlier_frame():
    assert resample(range(10), 25, None) == (list(range(10)), 25)
    assert resample(range(10), 30, 10) == ([0, 3, 6, 9], 10)
    assert resample(range(4, 14), 30, 12) == ([4, 6, 9, 11], 12)  # 0, 2.5, 5, 7.5
    assert resample(range(10), 24, 60) == (list(range(10)), 24)
    assert len(resample(range(30000), 30000 / 1001, 10000 / 1001)[0]) == 10000


def test_fps_size_and_max_frames_are_in_frames_and_meta(tmp_path):
    video = write_video(tmp_path / 'clip.mkv', pictures(9, 24, 32))
    run([video], tmp_path / 'out', fps=5, size=(12, 16), max_frames=4)
    [record] = scan(tmp_path / 'out', 'val', ['real'], {})
    assert len(record) == 4 and record.fps == 5 and record.size == (12, 16)
    assert json.loads((record.path / 'meta.json').read_text())['origin']['last_frame'] == 6


def test_size_crops_and_never_stretches():
    frame = np.zeros((20, 40, 3), np.uint8)
    frame[:, 10:30] = 255
    assert (fit(frame, (10, 10), nearest=False) == 255).all()
    labels = np.arange(16, dtype=np.uint16).reshape(4, 4, 1) * 1000
    small = fit(labels, (2, 2), nearest=True)
    assert small.shape == (2, 2, 1) and set(small.ravel()) <= set(labels.ravel())
    assert fit(frame, (30, 45), nearest=False).shape == (30, 45, 3)


def scenes(*lengths):
    """Scenes that differ in colours and layout, with a slow motion within."""
    shots = []
    for seed, length in enumerate(lengths):
        rng = np.random.default_rng(seed)
        base = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (80, 60), interpolation=cv2.INTER_NEAREST)
        shots += [np.roll(base, t, 1) for t in range(length)]
    return np.stack(shots)


def test_scenes_become_videos_and_short_ones_are_left_out(tmp_path):
    frames = scenes(14, 12, 4, 11)
    video = write_video(tmp_path / 'film.mkv', frames)
    summary = run([video], tmp_path / 'out', cut_scenes=True)
    assert summary.written == {'film_000': 14, 'film_001': 12, 'film_003': 11} and summary.too_short == 1
    records = scan(tmp_path / 'out', 'val', ['real'], {})
    np.testing.assert_array_equal(records[1].frames.read(range(12)), frames[14:26])
    meta = json.loads((records[1].path / 'meta.json').read_text())
    assert (meta['origin']['first_frame'], meta['origin']['last_frame']) == (14, 25)


def test_names_are_unique_whatever_the_order(tmp_path):
    for name in ('a/clip', 'b/clip', 'b/other', 'c/frames', 'd/frames'):
        write_folder(tmp_path / name, pictures(1))
    write_video(tmp_path / 'b/clip.mkv', pictures(1))
    found, faults = find_footage([str(tmp_path / '*' / '*')])
    names = [one.name for one in found]
    assert not faults and len(set(names)) == 6 and {'a_clip', 'other', 'c', 'd'} <= set(names)
    again, _ = find_footage([str(tmp_path / name) for name in ('d/frames', 'b/other', 'a/clip', 'b/clip')])
    assert {'a_clip', 'other', 'd'} <= {one.name for one in again}


def test_what_is_whole_is_left_alone(tmp_path):
    write_folder(tmp_path / 'clip', pictures(3))
    run([tmp_path / 'clip'], tmp_path / 'out', {'gray': dict(type='Gray')})
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / 'out').rglob('*')}
    summary = run([tmp_path / 'clip'], tmp_path / 'out', {'gray': dict(type='Gray')})
    assert summary.whole == ['clip'] and not summary.written
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / 'out').rglob('*')} == before


def test_a_modality_can_be_added_later(tmp_path):
    write_folder(tmp_path / 'clip', street(3))
    run([tmp_path / 'clip'], tmp_path / 'later')
    run([tmp_path / 'clip'], tmp_path / 'later', {'gray': dict(type='Gray')})
    summary = run([tmp_path / 'clip'], tmp_path / 'later', {'gray': dict(type='Gray'), 'edges': dict(type='Edges')})
    assert summary.written == {'clip': 3}
    run([tmp_path / 'clip'], tmp_path / 'once', {'gray': dict(type='Gray'), 'edges': dict(type='Edges')})
    assert files(tmp_path / 'later') == files(tmp_path / 'once')


@pytest.mark.parametrize(('change', 'said'), [
    (dict(size=(6, 8)), 'width 16 there, 8 now'),
    (dict(max_frames=2), 'frames 3 there, 2 now'),
    (dict(modalities={'blur': dict(type='Blur', sigma=2)}), 'modality blur'),
])
def test_a_video_that_was_made_otherwise_is_a_fault(tmp_path, change, said):
    write_folder(tmp_path / 'clip', pictures(3))
    run([tmp_path / 'clip'], tmp_path / 'out', {'blur': dict(type='Blur')})
    before = files(tmp_path / 'out')
    [fault] = run([tmp_path / 'clip'], tmp_path / 'out', **change).faults
    assert said in fault and 'remove that folder' in fault
    assert files(tmp_path / 'out') == before


def test_another_source_of_the_same_name_is_a_fault(tmp_path):
    write_folder(tmp_path / 'a/clip', pictures(3))
    write_folder(tmp_path / 'b/clip', pictures(3, seed=1)[..., ::-1] // 2)
    run([tmp_path / 'a/clip'], tmp_path / 'out')
    [fault] = run([tmp_path / 'b/clip'], tmp_path / 'out').faults
    assert 'made otherwise' in fault and 'fingerprint' in fault


def test_folders_of_others_are_never_touched(tmp_path):
    write_folder(tmp_path / 'clip', pictures(3))
    write_folder(tmp_path / 'out/val/real/clip/frames', pictures(2))
    [fault] = run([tmp_path / 'clip'], tmp_path / 'out').faults
    assert 'not made by this tool' in fault
    run([tmp_path / 'clip'], tmp_path / 'out2')
    write_folder(tmp_path / 'out2/val/real/clip/gray', pictures(3))
    [fault] = run([tmp_path / 'clip'], tmp_path / 'out2', {'gray': dict(type='Gray')}).faults
    assert 'not made by this tool' in fault


def test_a_file_that_vanished_is_a_fault(tmp_path):
    write_folder(tmp_path / 'clip', pictures(3))
    run([tmp_path / 'clip'], tmp_path / 'out')
    (tmp_path / 'out/val/real/clip/frames/00001.png').unlink()
    [fault] = run([tmp_path / 'clip'], tmp_path / 'out').faults
    assert 'found 2 files; expected 3' in fault


def test_bad_sources_leave_nothing_behind_and_the_rest_is_made(tmp_path):
    good = write_folder(tmp_path / 'good', pictures(3))
    cut = write_folder(tmp_path / 'cut', pictures(3))
    data = (cut / '00002.png').read_bytes()
    (cut / '00002.png').write_bytes(data[:len(data) // 2])
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'empty').mkdir()
    found, faults = find_footage([str(tmp_path / name) for name in ('good', 'cut', 'text.mp4', 'empty', 'a.txt')])
    assert len(faults) == 2
    with LocalEngine(2) as engine:
        summary = prepare(found, settings(tmp_path / 'out'), engine, {'gray': dict(type='Gray')})
    assert summary.written == {'good': 3}
    assert sorted(fault.split(':')[0].rsplit('/', 1)[1] for fault in summary.faults) == ['00002.png', 'text.mp4']
    assert os.listdir(tmp_path / 'out/val/real') == ['good']
    assert good.is_dir()


def test_recorded_maps_must_fit_the_frames(tmp_path):
    frames = Track(FolderSource(write_folder(tmp_path / 'f', pictures(3))))
    few = Track(FolderSource(write_folder(tmp_path / 'm', pictures(2))), raw=True)
    other = Track(FolderSource(write_folder(tmp_path / 'o', pictures(3, 6, 8))), raw=True)
    for maps, said in ((few, 'found 2 maps; expected 3'), (other, 'maps of 8x6')):
        [fault] = run([Footage('x', 'x', frames, {'depth': maps})], tmp_path / 'out').faults
        assert said in fault
    both = Footage('x', 'x', frames, {'gray': replaced(few, tmp_path)})
    [fault] = run([both], tmp_path / 'out', {'gray': dict(type='Gray')}).faults
    assert "'gray' is recorded" in fault


def replaced(track, tmp_path):
    return Track(FolderSource(write_folder(tmp_path / 'g', pictures(3))), raw=track.raw)


@MODALITIES.register_module()
class FrameFlow(Difference):
    """Makes maps of float32."""


def test_modalities_that_no_picture_holds_are_told_before_the_work(tmp_path):
    write_folder(tmp_path / 'clip', pictures(3))
    with pytest.raises(ConfigError, match="'flow' makes maps of 3 channels of float32"):
        run([tmp_path / 'clip'], tmp_path / 'out', {'flow': dict(type='FrameFlow')})
    with pytest.raises(ConfigError, match='own folder'):
        run([tmp_path / 'clip'], tmp_path / 'out', {'frames': dict(type='Gray')})
    assert not (tmp_path / 'out').exists()


def test_16_bit_maps_stay_16_bit(tmp_path):
    counts = np.arange(3 * 12 * 16, dtype=np.uint16).reshape(3, 12, 16, 1) * 100
    for i, image in enumerate(counts):
        write_image(tmp_path / f'd/{i}.png', image)
    frames = Track(FolderSource(write_folder(tmp_path / 'f', pictures(3))))
    run([Footage('x', 'x', frames, {'depth': Track(FolderSource(tmp_path / 'd'), raw=True)})], tmp_path / 'out')
    np.testing.assert_array_equal(FolderSource(tmp_path / 'out/val/real/x/depth').read(range(3), raw=True), counts)


def test_choice_of_modalities():
    assert choose_modalities(['blur', 'edges'], None) == {'blur': {'type': 'Blur'}, 'edges': {'type': 'Edges'}}
    known = {'blur': dict(type='Blur', sigma=2), 'labels': dict(type='LabelMap'),
             'rim': dict(type='Precomputed', folder='outline', of=dict(type='Edges', low=30))}
    assert choose_modalities(None, known) == {'blur': known['blur'], 'outline': dict(type='Edges', low=30)}
    assert choose_modalities(['rim'], known) == {'outline': dict(type='Edges', low=30)}
    with pytest.raises(ConfigError, match="did you mean 'blur'"):
        choose_modalities(['blurr'], known)
    with pytest.raises(ConfigError, match="'labels' is recorded"):
        choose_modalities(['labels'], known)
    assert choose_modalities(None, None) == {}


@pytest.mark.parametrize('change', [dict(split='test'), dict(domain='fake'), dict(fps=0), dict(size=(0, 5)),
                                    dict(max_frames=0), dict(format='gif')])
def test_settings_out_of_range(tmp_path, change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        settings(tmp_path, **change)
