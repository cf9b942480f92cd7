"""What lies at a URL comes into the cache whole, once, and is brought up to date by what has changed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import fsspec
import pytest
from mmengine import fileio

import photoreal.fileio  # noqa: F401  # registers the backend
from photoreal import storage
from photoreal.errors import ConfigError, StorageError
from photoreal.storage import fetch, is_url, open_storage, upload
from tests import buckets, tiny


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.CACHE, str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture(scope='module')
def server() -> Iterator[None]:
    with buckets.serve():
        yield


@pytest.fixture(params=['memory', 's3', 'file'])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty place, in memory, on a server and on a disk."""
    if request.param == 's3':
        request.getfixturevalue('server')
    url = {'memory': 'memory://place', 's3': f'{buckets.URL}/place', 'file': f'file://{tmp_path}/place'}[request.param]
    yield url
    files, root = open_storage(url)
    if files.exists(root):
        files.rm(root, recursive=True)


def put(url: str, **contents: bytes) -> None:
    """Write files; __ in a name stands for a slash, and its last _ for a dot."""
    files, root = open_storage(url)
    for name, data in contents.items():
        stem, _, suffix = name.replace('__', '/').rpartition('_')
        path = f'{root}/{stem}.{suffix}'
        if files.protocol[0] == 'file':
            files.makedirs(path.rpartition('/')[0], exist_ok=True)
        files.pipe_file(path, data)


@pytest.mark.parametrize(('text', 'expected'), [
    ('s3://bucket/drive', True), ('memory://x', True), ('gs://b', True), ('/data/drive', False), ('C:/data', False),
    ('C://data', False), ('drive', False), (Path('s3://bucket'), False)])
def test_what_is_a_url(text: str, expected: bool) -> None:
    assert is_url(text) is expected


def test_folder_is_copied_and_brought_up_to_date(place: str, cache: Path, capsys: pytest.CaptureFixture) -> None:
    put(place, train__a__1_png=b'one', train__a__2_png=b'two', train__b__1_png=b'three', meta_json=b'{}')
    copy = fetch(place)
    assert copy.name == 'place' and cache in copy.parents
    assert tiny.files(copy) == {'train/a/1.png': b'one', 'train/a/2.png': b'two', 'train/b/1.png': b'three',
                                'meta.json': b'{}'}
    before = {name: (copy / name).stat().st_mtime_ns for name in tiny.files(copy)}
    capsys.readouterr()
    assert fetch(place) == copy and capsys.readouterr().err == ''  # nothing is new
    put(place, train__a__2_png=b'TWO', train__c__1_png=b'four')
    files, root = open_storage(place)
    files.rm(f'{root}/train/b', recursive=True)
    fetch(place)
    assert f'fetching {place} to {copy}: 2 files, 0.0 MB' in capsys.readouterr().err
    assert tiny.files(copy) == {'train/a/1.png': b'one', 'train/a/2.png': b'TWO', 'train/c/1.png': b'four',
                                'meta.json': b'{}'}
    assert not (copy / 'train/b').exists()
    assert (copy / 'train/a/1.png').stat().st_mtime_ns == before['train/a/1.png']


def test_what_others_write_is_seen(server: None) -> None:
    """fsspec remembers listings; who else writes does so behind its back."""
    url, other = f'{buckets.URL}/shared', fsspec.filesystem('s3', skip_instance_cache=True)
    put(url, a_png=b'one')
    assert tiny.files(fetch(url)) == {'a.png': b'one'} and not storage.exists(f'{url}/b.png')
    other.pipe_file(f'{buckets.BUCKET}/shared/b.png', b'two')
    assert tiny.files(fetch(url)) == {'a.png': b'one', 'b.png': b'two'} and storage.exists(f'{url}/b.png')


def test_file_is_copied_and_copied_anew_when_it_has_changed(place: str) -> None:
    put(place, run__latest_pth=b'first')
    copy = fetch(f'{place}/run/latest.pth')
    assert copy.name == 'latest.pth' and copy.read_bytes() == b'first'
    put(place, run__latest_pth=b'other')  # of the same size
    with copy.open('rb') as reader:
        assert fetch(f'{place}/run/latest.pth').read_bytes() == b'other'
        assert reader.read() == b'first'  # whoever reads it keeps what he has opened


def test_damage_in_the_cache_is_mended(place: str) -> None:
    put(place, a__1_png=b'one', a__2_png=b'two')
    copy = fetch(place)
    (copy / 'a/1.png').write_bytes(b'o')
    (copy / 'a/2.png').unlink()
    (copy / 'a/3.png').write_bytes(b'not of there')
    assert tiny.files(fetch(place)) == {'a/1.png': b'one', 'a/2.png': b'two'}


def test_transfer_that_was_killed_goes_on(monkeypatch: pytest.MonkeyPatch, place: str, cache: Path) -> None:
    """Chunk by chunk: what was in place is not asked for again, and no half file has a final name."""
    put(place, **{f'f{i}_png': b'x' * (i + 1) for i in range(6)})
    monkeypatch.setattr(storage, '_CHUNK', 2)
    files, asked = open_storage(place)[0], []
    real = files.get

    def get(remote: list[str], local: list[str]) -> None:
        asked.append(len(remote))
        if len(asked) == 2:
            Path(local[0]).write_bytes(b'h')
            raise KeyboardInterrupt
        real(remote, local)

    monkeypatch.setattr(files, 'get', get)
    with pytest.raises(KeyboardInterrupt):
        fetch(place)
    copy = next(cache.glob('*/place'))
    assert tiny.files(copy) == {'f0.png': b'x', 'f1.png': b'xx'}
    with next(cache.glob('*/fetched.jsonl')).open('a') as manifest:
        manifest.write('["f2.png", 3')  # torn
    asked.append(0)
    fetch(place)
    assert asked == [2, 2, 0, 2, 2]
    assert tiny.files(copy) == {f'f{i}.png': b'x' * (i + 1) for i in range(6)}


def test_file_of_a_web_server(tmp_path: Path) -> None:
    path = tmp_path / 'www/model.bin'
    path.parent.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(path.parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for data, date in ((b'first', 1e9), (b'other', 2e9)):  # of the same size; it gives dates, and no ETag
            path.write_bytes(data)
            os.utime(path, (date, date))
            copy = fetch(f'http://127.0.0.1:{server.server_port}/model.bin?signature=1')
            assert copy.name == 'model.bin' and copy.read_bytes() == data
        server.shutdown()


@pytest.mark.parametrize('place', ['s3', 'file'], indirect=True)
def test_processes_fetch_once(place: str) -> None:
    put(place, **{f'f{i}_png': b'x' for i in range(20)})
    code = f'from photoreal.storage import fetch; print(fetch({place!r}))'
    processes = [subprocess.Popen([sys.executable, '-c', code], cwd=tiny.ROOT, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
                 for _ in range(2)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum('fetching' in err for _, err in said) == 1
    assert len(tiny.files(Path(said[0][0].strip()))) == 20


def test_upload_leaves_nothing_half(place: str, tmp_path: Path) -> None:
    (tmp_path / 'new.bin').write_bytes(b'new')
    for _ in range(2):  # there is none before, and there is one
        upload(tmp_path / 'new.bin', f'{place}/run/latest.pth')
        files, root = open_storage(place)
        assert files.cat_file(f'{root}/run/latest.pth') == b'new'
        assert len(files.find(root)) == 1


@pytest.mark.parametrize('url', [f'{buckets.URL}/nothing/here', 's3://no-such-bucket/drive', 'memory://nothing'])
def test_nothing_there(server: None, url: str) -> None:
    with pytest.raises(StorageError, match=f'^{url}: found nothing there .*; compare bucket and path'):
        fetch(url)


def test_server_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('FSSPEC_S3_ENDPOINT_URL', 'http://127.0.0.1:9')
    code = "from photoreal.storage import fetch; fetch('s3://photoreal/drive')"
    ended = tiny.run_process('-c', code, AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b', AWS_MAX_ATTEMPTS='1')
    assert 'StorageError: s3://photoreal/drive: it cannot be used (EndpointConnectionError: Could not' in ended.err


def test_denied() -> None:
    with buckets.serve_nobody(), pytest.raises(StorageError, match='^s3://photoreal/drive: access is denied .*; check '
                                               'the credentials'):
        fetch(f'{buckets.URL}/drive')


def test_no_room(monkeypatch: pytest.MonkeyPatch, place: str, cache: Path) -> None:
    put(place, a_png=b'x' * 1000)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: SimpleNamespace(free=500))
    with pytest.raises(StorageError, match=f'{place}: no room for a copy: it needs 0.0 MB more, and 0.0 MB are free in '
                                           f'{cache}. Free some space, or set PHOTOREAL_CACHE'):
        fetch(place)


def test_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    monkeypatch.setenv(storage.CACHE, str(tmp_path / 'file/cache'))
    with pytest.raises(StorageError, match=f'no place for a copy: {tmp_path}/file/cache: Not a directory; set PHOTO'):
        fetch('memory://place')


def test_names_that_lead_out_of_the_folder(tmp_path: Path) -> None:
    files = fsspec.filesystem('memory')
    files.store['/evil/../../out.png'] = files.open('/evil/a.png', 'wb')
    with pytest.raises(StorageError, match=r"found a file with '\.\.' in its name"):
        fetch('memory://evil')
    files.store.clear()


def test_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="s4://bucket: found the scheme 's4'; expected one that fsspec knows"):
        fetch('s4://bucket')


def test_missing_package_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match='gs://bucket/a: gs:// needs a package that is not installed: '
                                          'pip install gcsfs'):
        fetch('gs://bucket/a')


# As MMEngine's backend ------------------------------------------------------------------------------------------


def use_files(root: str, local: Path) -> list:
    """What MMEngine's file functions say in a place: on a disk the same as anywhere else."""
    answers = [fileio.put(b'one', f'{root}/a/1.bin'), fileio.put_text('zwölf', f'{root}/a/b/12.txt')]
    answers += [fileio.get(f'{root}/a/1.bin'), fileio.get_text(f'{root}/a/b/12.txt')]
    answers += [(function(f'{root}/{name}')) for function in (fileio.exists, fileio.isdir, fileio.isfile)
                for name in ('a', 'a/1.bin', 'a/none')]
    (local / 'tree/deep').mkdir(parents=True)
    (local / 'tree/deep/x.txt').write_text('x')
    answers.append(fileio.copyfile_from_local(local / 'tree/deep/x.txt', f'{root}/a').removeprefix(root))
    answers.append(fileio.copyfile_from_local(local / 'tree/deep/x.txt', f'{root}/y.txt').removeprefix(root))
    answers.append(fileio.copytree_from_local(local / 'tree', f'{root}/tree').removeprefix(root))
    answers.append(fileio.copyfile(f'{root}/y.txt', f'{root}/a/b/z.txt').removeprefix(root))
    answers.append(fileio.copytree(f'{root}/a', f'{root}/c').removeprefix(root))
    fileio.put(b'', f'{root}/a/.hidden')
    for options in ({}, {'recursive': True}, {'list_dir': False, 'recursive': True}, {'list_file': False},
                    {'list_dir': False, 'recursive': True, 'suffix': '.txt'}):
        answers.append(sorted(fileio.list_dir_or_file(root, **options)))
    backend = fileio.get_file_backend(root)  # MMEngine's own functions take that of the target for these two
    backend.copyfile_to_local(f'{root}/a/1.bin', local / 'got.bin')
    backend.copytree_to_local(f'{root}/c', local / 'got')
    with fileio.get_local_path(f'{root}/a/1.bin') as path:
        answers += [tiny.files(local), Path(path).read_bytes()]
    fileio.remove(f'{root}/a/1.bin')
    fileio.rmtree(f'{root}/c')
    answers += [fileio.exists(f'{root}/{name}') for name in ('a/1.bin', 'a/x.txt', 'c/1.bin')]
    for fails in (lambda: fileio.get(f'{root}/none'), lambda: fileio.remove(f'{root}/none'),
                  lambda: fileio.remove(f'{root}/a'), lambda: fileio.copytree_from_local(local / 'tree', f'{root}/a'),
                  lambda: fileio.list_dir_or_file(root, suffix='.txt')):
        try:
            fails()
        except (OSError, TypeError) as error:
            answers.append(type(error))
    return answers


@pytest.mark.parametrize('url', ['memory://place', f'{buckets.URL}/place'])
def test_file_functions_of_mmengine(server: None, tmp_path: Path, url: str) -> None:
    expected = use_files(str(tmp_path / 'disk'), tmp_path / 'one')
    assert use_files(url, tmp_path / 'two') == expected
    assert fileio.join_path(url, 'a', 'b.txt') == f'{url}/a/b.txt'
    files, root = open_storage(url)
    files.rm(root, recursive=True)
