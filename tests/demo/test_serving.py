"""The page as a server: who may come in, and what it gives away."""

import json
import urllib.error
import urllib.request

import pytest

from photoreal.demo.serving import read_logins
from photoreal.errors import DataError
from tests import tiny
from tests.demo.conftest import LOGIN, Server


@pytest.mark.parametrize('text, message', [('', 'holds no line'), ('# all\nann\n', 'line 2: expected user:password')])
def test_faulty_logins(tmp_path, text, message):
    (tmp_path / 'logins').write_text(text)
    with pytest.raises(DataError, match=message):
        read_logins(tmp_path / 'logins')


def test_logins(tmp_path):
    (tmp_path / 'logins').write_text('# who may\nann:se:cret\n\nbob:x\n')
    assert read_logins(tmp_path / 'logins') == [('ann', 'se:cret'), ('bob', 'x')]


class Visitor:
    """Somebody who knows HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                   urllib.request.HTTPCookieProcessor())

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)

    def log_in(self, password: str) -> int:
        return self.ask('/login', f'username={LOGIN[0]}&password={password}'.encode(),
                        **{'Content-Type': 'application/x-www-form-urlencoded'})[0]

    def run(self, file: str) -> str:
        """Ask for a job on a file of the server; what comes of it."""
        page = json.loads(self.ask('/config')[1])
        [job] = [d for d in page['dependencies'] if any(kind == 'click' for _, kind in d['targets'])
                 and len(d['outputs']) > 5]
        data = [None, None, 'red', 'my own video', {'path': file, 'meta': {'_type': 'gradio.FileData'}}, 0.5, 0.5]
        order = {'data': data, 'fn_index': job['id'], 'session_hash': 'visitor'}
        self.ask('/gradio_api/queue/join', json.dumps(order).encode(), **{'Content-Type': 'application/json'})
        return self.ask('/gradio_api/queue/data?session_hash=visitor')[1].decode()


@pytest.mark.slow
def test_what_a_visitor_may_and_may_not(server: Server) -> None:
    url, folder = server.url, server.folder
    stranger, ann = Visitor(url), Visitor(url)
    assert stranger.ask('/config')[0] == 401 and stranger.log_in('guess') == 400
    assert ann.log_in(LOGIN[1]) == 200
    status, _, headers = ann.ask('/')
    assert status == 200 and headers['content-security-policy'].startswith("default-src 'self'")
    for path in ('/etc/passwd', tiny.ROOT / 'setup.py', folder.parent / 'logins', '../../../../etc/passwd'):
        assert ann.ask(f'/gradio_api/file={path}')[0] in (403, 404), path
    for path in ('/etc/passwd', str(folder.parent / 'short.mp4'), 'http://127.0.0.1:9/x.mp4'):
        told = ann.run(path)
        assert 'frames in' not in told and 'root:' not in told
        assert '"success":false' in told or 'no file that was uploaded here' in told, told
    with pytest.raises(OSError):  # other addresses of this machine are not listened on
        urllib.request.urlopen(url.replace('127.0.0.1', '127.0.0.2'), timeout=2)
