import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoreal.datasets import FolderSource, StreamDataset, scan
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError
from photoreal.prepare.converters import find_converted
from photoreal.prepare.converters.carla import decode_depth
from tests.datasets.helpers import pictures, write_folder
from tests.prepare.helpers import run


def convert(layout: str, root: Path, out: Path, **changes):
    found, faults = find_converted(layout, [str(root)])
    assert not faults
    run(found, out, **changes)
    return {record.name: record for record in scan(out, 'val', ['real'], {})}


def test_kitti(tmp_path):
    drive = tmp_path / 'raw/2011_09_26/2011_09_26_drive_0001_sync'
    frames = pictures(6)
    write_folder(drive / 'image_00/data', frames)
    for i, number in enumerate((0, 1, 2, 4, 5, 6)):
        write_image(drive / f'image_02/data/{number:010d}.png', frames[i])
    records = convert('kitti', tmp_path / 'raw', tmp_path / 'out', min_frames=3)
    assert {name: len(r) for name, r in records.items()} == {'2011_09_26_drive_0001_sync_000': 3,
                                                             '2011_09_26_drive_0001_sync_001': 3}
    assert all(r.fps == 10 for r in records.values())
    np.testing.assert_array_equal(records['2011_09_26_drive_0001_sync_001'].frames.read([0]), frames[3:4])
    assert find_converted('kitti', [str(drive)])[0][0].name == '2011_09_26_drive_0001_sync_000'


def test_what_gaps_leave_too_short_is_left_out(tmp_path):
    drive = tmp_path / '2011_09_26_drive_0001_sync'
    for picture, number in zip(pictures(7), (0, 1, 2, 4, 6, 7, 8)):
        write_image(drive / f'image_02/data/{number:010d}.png', picture)
    found, _ = find_converted('kitti', [str(drive)])
    summary = run(found, tmp_path / 'out', min_frames=3, max_frames=2)
    assert summary.written == {f'{drive.name}_000': 2, f'{drive.name}_002': 2} and summary.too_short == 1
    summary = run(found, tmp_path / 'slow', min_frames=2, fps=5)
    assert summary.written == {f'{drive.name}_000': 2, f'{drive.name}_002': 2}


def test_a_drive_without_gaps_may_be_short(tmp_path):
    write_folder(tmp_path / 'drive/image_02/data', pictures(2))
    assert len(convert('kitti', tmp_path, tmp_path / 'out', min_frames=3)) == 1


def test_cityscapes(tmp_path):
    city = tmp_path / 'leftImg8bit_sequence/train/aachen'
    frames = pictures(7)
    for i, (sequence, frame) in enumerate([(0, 0), (0, 1), (0, 2), (0, 30), (0, 31), (1, 0), (1, 1)]):
        write_image(city / f'aachen_{sequence:06d}_{frame:06d}_leftImg8bit.png', frames[i])
    write_folder(tmp_path / 'leftImg8bit/train/aachen', frames[2:3])  # the labelled frames alone, as in the whole set
    (tmp_path / 'leftImg8bit/train/aachen/00000.png').rename(
        tmp_path / 'leftImg8bit/train/aachen/aachen_000000_000002_leftImg8bit.png')
    records = convert('cityscapes', tmp_path, tmp_path / 'out', min_frames=2)
    assert {name: len(r) for name, r in records.items()} == {'aachen_000000_000': 3, 'aachen_000000_001': 2,
                                                             'aachen_000001': 2}
    assert records['aachen_000001'].fps == 17
    np.testing.assert_array_equal(records['aachen_000001'].frames.read([0, 1]), frames[5:])


def carla_recording(folder: Path, numbers, tags=(1, 14, 24, 3)) -> np.ndarray:
    frames = pictures(len(numbers), 2, 2)
    metres = np.array([[0.0, 1.0], [100.0, 1000.0]])
    counts = np.rint(metres / 1000 * (256 ** 3 - 1)).astype(np.uint32)
    depth = np.stack([counts & 255, counts >> 8 & 255, counts >> 16], axis=-1).astype(np.uint8)
    labels = np.zeros((2, 2, 3), np.uint8)
    labels[..., 0] = np.reshape(tags, (2, 2))
    for i, number in enumerate(numbers):
        write_image(folder / f'rgb/{number:08d}.png', frames[i])
        write_image(folder / f'depth/{number:08d}.png', depth)
        write_image(folder / f'semantic/{number:08d}.png', labels)
    return frames


@pytest.mark.parametrize(('layout', 'tags'), [('carla', (1, 14, 24, 3)), ('carla-0.9.13', (7, 10, 6, 1))])
def test_carla(tmp_path, layout, tags):
    frames = carla_recording(tmp_path / 'in/town01/ego', [4, 6, 8, 14], tags)
    records = convert(layout, tmp_path / 'in', tmp_path / 'out', min_frames=1)
    assert {name: len(r) for name, r in records.items()} == {'town01_ego_000': 3, 'town01_ego_001': 1}
    np.testing.assert_array_equal(records['town01_ego_001'].frames.read([0]), frames[3:])
    home = records['town01_ego_000'].path
    depth = FolderSource(home / 'depth').read([2], raw=True)[0, ..., 0]
    assert depth.dtype == np.uint16 and depth.tolist() == [[1, 100], [10000, 65535]]
    labels = FolderSource(home / 'segmentation').read([0], raw=True)[0, ..., 0]
    assert labels.tolist() == [[0, 13], [0, 2]]
    modalities = {'depth': dict(type='Depth', near=1, far=200),
                  'labels': dict(type='LabelMap', num_classes=19, ignore=255)}
    item = StreamDataset(tmp_path / 'out', modalities, domains=['real'])[0]
    encoded = StreamDataset(tmp_path / 'out', modalities, domains=['real']).modalities['depth'].encode(
        item['maps']['depth'])
    assert encoded[0].tolist()[0] == [1, 1] and encoded[0, 1, 1] == 0


def test_carla_that_was_converted_to_pictures_is_a_fault(tmp_path):
    carla_recording(tmp_path / 'in', [0, 1])
    write_image(tmp_path / 'in/semantic/00000001.png', np.full((2, 2, 3), (128, 64, 128), np.uint8))
    found, _ = find_converted('carla', [str(tmp_path / 'in')])
    [fault] = run(found, tmp_path / 'out').faults
    assert '00000001.png' in fault and 'ColorConverter.Raw' in fault
    with pytest.raises(ValueError, match='grey'):
        decode_depth(np.full((1, 2, 2, 3), 80, np.uint8))
    (tmp_path / 'in/depth/00000000.png').unlink()
    assert "no map called '00000000'" in find_converted('carla', [str(tmp_path / 'in')])[1][0]


@pytest.mark.parametrize(('value', 'centimetres'), [(255, 65535), (0, 1)])
def test_carla_that_sees_nothing_but_sky_or_its_own_lens(value, centimetres):
    assert (decode_depth(np.full((1, 2, 2, 3), value, np.uint8)) == centimetres).all()


def test_gta(tmp_path):
    frames = write_folder(tmp_path / 'gta/images', pictures(2, 2, 2), first=1)
    (tmp_path / 'gta/labels').mkdir()
    palette = Image.fromarray(np.array([[7, 26], [33, 4]], np.uint8), 'P')
    palette.putpalette([200] * 768)
    palette.save(tmp_path / 'gta/labels/00001.png')
    palette.save(tmp_path / 'gta/labels/00002.png')
    records = convert('gta', tmp_path / 'gta', tmp_path / 'out')
    labels = FolderSource(records['gta'].path / 'segmentation').read([1], raw=True)
    assert labels[0, ..., 0].tolist() == [[0, 13], [18, 255]]
    colours = np.array([[(128, 64, 128), (0, 0, 142)], [(119, 11, 32), (0, 0, 0)]], np.uint8)
    for name in ('00001', '00002'):
        write_image(tmp_path / f'gta/labels/{name}.png', colours)
    records = convert('gta', tmp_path / 'gta', tmp_path / 'out2', size=(2, 2))
    coloured = FolderSource(records['gta'].path / 'segmentation').read([1], raw=True)
    np.testing.assert_array_equal(coloured, labels)
    assert frames.is_dir()


class Bomb:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def tecogan_lmdb(root: Path, sequences: dict[str, np.ndarray]) -> None:
    """Write it as TecoGAN-PyTorch's create_lmdb.py does."""
    lmdb = pytest.importorskip('lmdb', reason='lmdb is not installed: pip install lmdb')
    with lmdb.open(str(root), map_size=1 << 24) as environment, environment.begin(write=True) as writing:
        for name, frames in sequences.items():
            length, height, width, _ = frames.shape
            for i, frame in enumerate(frames):
                writing.put(f'{name}_{length}x{height}x{width}_{i:04d}'.encode('ascii'), frame.tobytes())
    (root / 'meta_info.pkl').write_bytes(pickle.dumps(Bomb(root / 'exploded')))


def test_tecogan_lmdb(tmp_path):
    frames = {'scene_10': pictures(12, 6, 8), 'scene_2': pictures(3, 4, 8, seed=1)}
    tecogan_lmdb(tmp_path / 'GT.lmdb', frames)
    records = convert('tecogan', tmp_path / 'GT.lmdb', tmp_path / 'out')
    assert {name: len(r) for name, r in records.items()} == {'scene_2': 3, 'scene_10': 12}
    for name, record in records.items():
        np.testing.assert_array_equal(record.frames.read(range(len(record))), frames[name])
    assert not (tmp_path / 'GT.lmdb/exploded').exists()


def test_tecogan_lmdb_that_is_damaged(tmp_path):
    lmdb = pytest.importorskip('lmdb', reason='lmdb is not installed: pip install lmdb')
    tecogan_lmdb(tmp_path / 'GT.lmdb', {'a': pictures(3, 4, 8)})
    with lmdb.open(str(tmp_path / 'GT.lmdb')) as environment, environment.begin(write=True) as writing:
        writing.delete(b'a_3x4x8_0001')
    _, [fault] = find_converted('tecogan', [str(tmp_path / 'GT.lmdb')])
    assert "'a' has 2 frames; expected all from 0 to 2" in fault
    (tmp_path / 'no.lmdb').mkdir()
    (tmp_path / 'no.lmdb/data.mdb').write_bytes(b'no database')
    _, [fault] = find_converted('tecogan', [str(tmp_path / 'no.lmdb')])
    assert 'cannot be read as an LMDB' in fault


def test_tecogan_folders(tmp_path):
    write_folder(tmp_path / 'GT/000', pictures(2))
    write_folder(tmp_path / 'GT/001', pictures(3))
    records = convert('tecogan', tmp_path / 'GT', tmp_path / 'out')
    assert {name: len(r) for name, r in records.items()} == {'000': 2, '001': 3}


@pytest.mark.parametrize('layout', ['carla', 'carla-0.9.13', 'cityscapes', 'gta', 'kitti', 'tecogan'])
def test_another_layout_is_a_fault(tmp_path, layout):
    (tmp_path / 'something').mkdir()
    for root in (tmp_path, tmp_path / 'something', tmp_path / 'nothing'):
        found, [fault] = find_converted(layout, [str(root)])
        assert not found and str(root) in fault and 'expected' in fault


def test_unknown_layout():
    with pytest.raises(ConfigError, match="did you mean 'kitti'"):
        find_converted('kiti', ['x'])
