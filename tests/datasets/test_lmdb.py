import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.layout import scan
from photoreal.datasets.lmdb_path import LmdbPath, data_path
from photoreal.datasets.pack import pack
from photoreal.datasets.sources import open_source
from photoreal.datasets.streams import StreamDataset
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import ConfigError, DataError
from photoreal.modalities.base import Modality
from tests.datasets.helpers import BoxBlur, Copy, Labels, make_video, pictures, write_folder, write_video

lmdb = pytest.importorskip('lmdb')

FORMS = pytest.mark.parametrize('raw', [False, True], ids=['encoded', 'raw'])
COUNT = 7


class Maps(Labels):
    """Recorded counts of 16 bits, in a video file beside the frames' folder."""

    folder = 'maps'


def modalities() -> dict[str, Modality]:
    return {'blur': BoxBlur(), 'copy': Copy(), 'labels': Labels(), 'maps': Maps()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folders, video files, palettes, 16 bits, JPEG; names with spaces, letters of other scripts and common starts."""
    root = tmp_path / 'data'
    places = [('train', 'real', 'a'), ('train', 'real', 'a b'), ('train', 'real', 'улица 1'), ('val', 'real', 'c'),
              ('val', 'virtual', 'd')]
    for seed, (split, domain, name) in enumerate(places):
        video = root / split / domain / name
        frames = pictures(COUNT, 40, 48, seed)
        if name == 'a b':
            write_video(video / 'frames.mkv', frames)
        else:
            write_folder(video / 'frames', frames, '.jpg' if name == 'c' else '.png')
        (video / 'labels').mkdir(parents=True)
        for i, frame in enumerate(frames):
            image = Image.fromarray(frame[..., 0] // 2)
            if name == 'a':
                image = image.convert('P')
                image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
            image.save(video / f'labels/{i:05d}.png')
        write_video(video / 'maps.mkv', frames[..., 1].astype(np.uint16) * 200, pixels='gray16le')
    write_json(root / 'val/real/c/meta.json', {'fps': 30})
    return root


def equal(a: object, b: object) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@FORMS
def test_clips_and_streams_equal_those_of_folders(tmp_path, root, raw):
    done = pack(root, tmp_path / 'x.lmdb', raw=raw)
    assert (done.videos, done.left_out) == (5, [])
    assert done.size == (tmp_path / 'x.lmdb').stat().st_size
    here, there = (ClipDataset(path, modalities(), clip_length=3, crop_size=(17, 20), strides=(1, 2), still_prob=0.3)
                   for path in (root, tmp_path / 'x.lmdb'))
    assert len(here) == len(there) == 3 * COUNT
    assert all(equal(here[k], there[k]) for k in range(2 * len(here)))
    here, there = (StreamDataset(path, modalities()) for path in (root, str(tmp_path / 'x.lmdb')))
    assert len(here) == len(there) == 2 * COUNT
    assert all(equal(here[k], there[k]) for k in range(len(here)))
    assert here[0]['info']['fps'] == 30


@FORMS
@pytest.mark.parametrize('start', ['fork', 'spawn'])
def test_workers_read_it_after_their_parent_did(tmp_path, root, raw, start):
    pack(root, tmp_path / 'x.lmdb', raw=raw)
    dataset = ClipDataset(tmp_path / 'x.lmdb', modalities(), clip_length=3, crop_size=16)
    expected = [dataset[k] for k in range(4)]
    loader = DataLoader(dataset, batch_size=None, sampler=range(4), num_workers=1, multiprocessing_context=start)
    assert all(equal(found, item) for found, item in zip(loader, expected, strict=True))


def test_a_packed_lmdb_packs_again(tmp_path, root):
    pack(root, tmp_path / 'encoded.lmdb')
    pack(tmp_path / 'encoded.lmdb', tmp_path / 'raw.lmdb', raw=True)
    pack(tmp_path / 'raw.lmdb', tmp_path / 'again.lmdb')
    here, there = (StreamDataset(path, modalities()) for path in (root, tmp_path / 'again.lmdb'))
    assert all(equal(here[k], there[k]) for k in range(len(here)))


def test_a_raw_crop_is_read_without_the_rest(tmp_path):
    make_video(tmp_path / 'data', 2, height=64, width=64)
    pack(tmp_path / 'data', tmp_path / 'x.lmdb', raw=True)
    path = data_path(tmp_path / 'x.lmdb') / 'train/real/a/frames/00001.npy'
    with path.mapped() as data:
        from photoreal.datasets.pictures import array_view
        assert np.shares_memory(array_view(data), np.frombuffer(data, np.uint8))


def test_tree(tmp_path):
    for place in ('b/x/1', 'b-c/2', 'b.mp4/3', 'b0', 'a/4'):
        write_json(tmp_path / 'data/train/real' / place / 'meta.json', {})
        write_json(tmp_path / 'data/train/real' / place / 'frames.mp4', {})  # packed as it is, not looked into
    pack(tmp_path / 'data', tmp_path / 'x.lmdb')
    folder = data_path(tmp_path / 'x.lmdb') / 'train' / 'real'
    assert [p.name for p in folder.iterdir()] == ['b0']
    assert folder.is_dir() and not folder.is_file() and not (folder / 'b').is_dir() and not (folder / 'b').is_file()
    file = folder / 'b0' / 'meta.json'
    assert file.is_file() and not file.is_dir() and json.loads(file.read_text()) == {}
    assert (file.name, file.stem, file.suffix, str(file.parent)) == (
        'meta.json', 'meta', '.json', f'{tmp_path}/x.lmdb/train/real/b0')
    assert [p.key for p in file.parents] == ['train/real/b0', 'train/real', 'train', '']
    with pytest.raises(FileNotFoundError, match='no such file'):
        (folder / 'b0/none').read_bytes()
    with file.open() as stream:
        assert stream.seek(-2, 2) == len(file.read_bytes()) - 2 and stream.read() == file.read_bytes()[-2:]
    with pytest.raises(ValueError, match='can only be read'):
        file.open('wb')


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems have no such names')
def test_names_that_are_no_utf8(tmp_path):
    frames = make_video(tmp_path / 'data', 2, name='caf\udce9')
    pack(tmp_path / 'data', tmp_path / 'x.lmdb')
    video, = scan(tmp_path / 'x.lmdb', 'train', ['real'], {})
    assert video.name == 'caf\udce9' and (video.frames.read([0, 1]) == frames).all()


@FORMS
def test_a_file_packed_anew_is_read_anew(tmp_path, raw):
    for seed in (0, 1):
        frames = make_video(tmp_path / str(seed), 2, seed=seed)
        pack(tmp_path / str(seed), tmp_path / 'new.lmdb', raw=raw)
        (tmp_path / 'new.lmdb').replace(tmp_path / 'x.lmdb')
        source = open_source(data_path(tmp_path / 'x.lmdb') / 'train/real/a', 'frames')
        assert (source.read([0, 1]) == frames).all()


def test_what_cannot_be_packed(tmp_path):
    make_video(tmp_path / 'data', 2)
    with pytest.raises(ConfigError, match=r"x\.db: found the suffix '\.db'; expected \.lmdb"):
        pack(tmp_path / 'data', tmp_path / 'x.db')
    with pytest.raises(DataError, match='none: found no videos'):
        pack(tmp_path / 'none', tmp_path / 'x.lmdb')
    (tmp_path / 'data/train/real/a/notes.txt').write_text('')
    assert pack(tmp_path / 'data', tmp_path / 'x.lmdb').left_out == [f'{tmp_path}/data/train/real/a/notes.txt']
    with pytest.raises(DataError, match='exists already'):
        pack(tmp_path / 'data', tmp_path / 'x.lmdb')
    path = tmp_path / 'data/train/real/a/frames/00001.png'
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r'00001\.png: unreadable picture'):
        pack(tmp_path / 'data', tmp_path / 'y.lmdb', raw=True)
    film = tmp_path / 'film/train/real/a/frames.mp4'
    film.parent.mkdir(parents=True)
    with open(film, 'wb') as file:
        file.truncate(2 ** 32)  # a hole; nothing is written
    with pytest.raises(DataError, match=r'frames\.mp4: found 4\.3 GB; an LMDB takes'):
        pack(tmp_path / 'film', tmp_path / 'y.lmdb')
    long = tmp_path / f'data/train/real/{"n" * 250}'
    write_image(long / f'{"m" * 200}/{"f" * 100}.png', pictures(1)[0])
    path.unlink()
    with pytest.raises(DataError, match='use shorter names'):
        pack(tmp_path / 'data', tmp_path / 'y.lmdb')
    assert [p.name for p in tmp_path.iterdir() if 'y' in p.name] == [], 'nothing half may remain'


def test_without_the_package(tmp_path, monkeypatch):
    make_video(tmp_path / 'data', 2)
    pack(tmp_path / 'data', tmp_path / 'x.lmdb')
    monkeypatch.setitem(sys.modules, 'lmdb', None)
    with pytest.raises(ConfigError, match='pip install lmdb'):
        scan(tmp_path / 'x.lmdb', 'train', ['real'], {})


def test_what_is_no_lmdb(tmp_path):
    for content in (b'', b'nothing' * 1000):
        (tmp_path / 'x.lmdb').write_bytes(content)
        with pytest.raises(DataError, match=r'x\.lmdb: unreadable LMDB'):
            scan(tmp_path / 'x.lmdb', 'train', ['real'], {})
    with pytest.raises(DataError, match='none.lmdb: the data root is no folder'):
        scan(tmp_path / 'none.lmdb', 'train', ['real'], {})
    (tmp_path / 'folder.lmdb').mkdir()
    assert not isinstance(data_path(tmp_path / 'folder.lmdb'), LmdbPath)


class _Trap:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.path),)


def test_faults_within_are_named_and_nothing_is_unpickled(tmp_path):
    trap = _Trap()
    trap.path = str(tmp_path / 'sprung')
    np.save(tmp_path / 'trap.npy', np.array([[[trap]]], dtype=object), allow_pickle=True)
    good = np.zeros((4, 4, 3), np.uint8)
    np.save(tmp_path / 'good.npy', good)
    whole = (tmp_path / 'good.npy').read_bytes()
    for name, content in {'trap': (tmp_path / 'trap.npy').read_bytes(), 'short': whole[:-1], 'empty': b'',
                          'other': b'x' * 500}.items():
        path = tmp_path / f'{name}.lmdb'
        with lmdb.open(str(path), subdir=False, map_size=1 << 20) as environment, \
                environment.begin(write=True) as transaction:
            transaction.put(b'train/real/a/frames/0.npy', whole)
            transaction.put(b'train/real/a/frames/1.npy', content)
        with pytest.raises(DataError, match=r'frames/1\.npy: unreadable') as error:
            scan(path, 'train', ['real'], {})
        assert 'frames/0.npy' not in str(error.value)
        source = open_source(data_path(path) / 'train/real/a', 'frames')
        with pytest.raises(DataError, match=r'frames/1\.npy: unreadable'):
            source.read([0, 1])
    assert not (tmp_path / 'sprung').exists()


def test_a_damaged_picture_within_is_named(tmp_path):
    make_video(tmp_path / 'data', 3)
    path = tmp_path / 'data/train/real/a/frames/00001.png'
    path.write_bytes(path.read_bytes()[:-300])
    pack(tmp_path / 'data', tmp_path / 'x.lmdb')
    with pytest.raises(DataError, match=r'x\.lmdb/train/real/a/frames/00001\.png: unreadable picture'):
        scan(tmp_path / 'x.lmdb', 'train', ['real'], {})
