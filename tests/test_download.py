"""A download that broke goes on, and only what has the right checksum gets its name."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photoreal.download import check_sum, download
from photoreal.errors import ConfigError, StorageError
from tests.prepare.server import Server, serve

BODY = np.random.default_rng(0).bytes(5000)  # the same in all workers of a test run, as they are parameters
SUM = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(BODY) as found:
        yield found


def visible(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.endswith('.lock')]


def break_off(server: Server, path: Path, sha256: str | None = SUM) -> None:
    server.breaks_after = 2000
    with pytest.raises(StorageError, match=r'broke off after 0\.0 of 0\.0 MB .* run the same command again'):
        download(f'{server.address}/a', path, sha256)
    server.breaks_after = None
    assert not path.exists() and (path.parent / f'.{path.name}.part').stat().st_size == 2000


def test_it_comes_whole(server: Server, tmp_path: Path) -> None:
    assert download(f'{server.address}/a', tmp_path / 'deep/a.onnx', SUM) == SUM
    assert (tmp_path / 'deep/a.onnx').read_bytes() == BODY and visible(tmp_path / 'deep') == ['a.onnx']


@pytest.mark.parametrize('sha256', [SUM, None])
def test_it_goes_on_after_a_break(server: Server, tmp_path: Path, sha256: str | None) -> None:
    break_off(server, tmp_path / 'a', sha256)
    assert download(f'{server.address}/a', tmp_path / 'a', sha256) == SUM
    assert server.asked[1:] == [('/a', 'bytes=2000-', '"1"')]
    assert (tmp_path / 'a').read_bytes() == BODY and visible(tmp_path) == ['a']


def test_it_begins_again_where_the_server_cannot_go_on(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / 'a')
    server.ranges = False
    assert download(f'{server.address}/a', tmp_path / 'a', SUM) == SUM


def test_it_begins_again_where_the_file_has_changed(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / 'a', None)
    server.body, server.tag = np.random.default_rng(1).bytes(5000), '"2"'
    download(f'{server.address}/a', tmp_path / 'a')
    assert (tmp_path / 'a').read_bytes() == server.body


def test_it_begins_again_where_nobody_says_which_file_it_is(server: Server, tmp_path: Path) -> None:
    server.tag = None
    break_off(server, tmp_path / 'a', None)
    download(f'{server.address}/a', tmp_path / 'a')
    assert server.asked[-1][1] is None


def test_parts_of_two_files_are_told_by_the_sum(server: Server, tmp_path: Path) -> None:
    server.tag, server.body = None, np.random.default_rng(1).bytes(5000)
    break_off(server, tmp_path / 'a')
    server.body = BODY
    assert download(f'{server.address}/a', tmp_path / 'a', SUM) == SUM
    assert [asked[1] for asked in server.asked] == [None, 'bytes=2000-', None]


def test_it_does_not_go_on_with_the_part_of_another_address(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / 'a')
    assert download(f'{server.address}/b', tmp_path / 'a', SUM) == SUM and server.asked[-1][1] is None


def test_a_part_that_is_whole_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / 'a')
    (tmp_path / '.a.part').write_bytes(BODY + b'more')
    assert download(f'{server.address}/a', tmp_path / 'a', SUM) == SUM


def test_a_wrong_sum_leaves_what_was_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / 'a').write_text('before')
    with pytest.raises(StorageError, match=f'SHA-256 {SUM}; expected {"0" * 64}'):
        download(f'{server.address}/a', tmp_path / 'a', '0' * 64)
    assert visible(tmp_path) == ['a'] and (tmp_path / 'a').read_text() == 'before'


def test_through_a_proxy(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', server.address)
    assert download('http://models.invalid/a', tmp_path / 'a', SUM) == SUM
    assert server.asked[0][0] == 'http://models.invalid/a'
    monkeypatch.setenv('no_proxy', 'models.invalid')
    with pytest.raises(StorageError, match='cannot be reached'):
        download('http://models.invalid/a', tmp_path / 'b', SUM)


def test_what_is_not_there_and_what_cannot_be_reached(server: Server, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r'/nothing: the server answers 404 \(Not Found\)'):
        download(f'{server.address}/nothing', tmp_path / 'a', SUM)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match='cannot be reached .*check the network and HTTPS_PROXY'):
        download(f'http://127.0.0.1:{port}/a', tmp_path / 'a', SUM)
    with pytest.raises(ConfigError, match='expected an address that begins with https'):
        download('file:///etc/passwd', tmp_path / 'a')
    assert visible(tmp_path) == []


def test_sums_as_people_paste_them() -> None:
    assert check_sum(f' sha256:{SUM.upper()}') == SUM
    with pytest.raises(ConfigError, match='expected 64 hexadecimal digits'):
        check_sum('abc')
