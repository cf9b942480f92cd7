"""The page as a server: who may come in, and what it gives away."""

import json
import re
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from itertools import count
from pathlib import Path

import pytest

from photoreal.demo.serving import read_logins
from photoreal.errors import DataError
from tests import tiny
from tests.demo.conftest import LOGIN, Server
from tests.demo.helpers import write_video

_visitors = count()


@pytest.mark.parametrize('text, message', [('', 'holds no line'), ('# all\nann\n', 'line 2: expected user:password')])
def test_faulty_logins(tmp_path, text, message):
    (tmp_path / 'logins').write_text(text)
    with pytest.raises(DataError, match=message):
        read_logins(tmp_path / 'logins')


def test_logins(tmp_path):
    (tmp_path / 'logins').write_text('# who may\nann:se:cret\n\nbob:x\n')
    assert read_logins(tmp_path / 'logins') == [('ann', 'se:cret'), ('bob', 'x')]


class Visitor:
    """Somebody who knows HTTP.

    Args:
        url: The server's.
        address: What a server that stands before it says of where the visitor is.
    """

    def __init__(self, url: str, address: str = '10.0.0.1') -> None:
        self.url, self.address, self.session = url, address, f'visitor{next(_visitors)}'
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                   urllib.request.HTTPCookieProcessor())

    def open(self, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
        request = urllib.request.Request(self.url + path, body, {'X-Forwarded-For': self.address, **headers})
        return self._opener.open(request, timeout=60)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        try:
            with self.open(path, body, **headers) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)

    def log_in(self, password: str = LOGIN[1]) -> int:
        return self.ask('/login', f'username={LOGIN[0]}&password={password}'.encode(),
                        **{'Content-Type': 'application/x-www-form-urlencoded'})[0]

    def send(self, name: str, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Send a file."""
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        return self.ask('/gradio_api/upload', head + content + b'\r\n--x--\r\n',
                        **{'Content-Type': 'multipart/form-data; boundary=x'})

    def upload(self, name: str, content: bytes) -> str:
        """Send a file; where the server has put it."""
        status, told, _ = self.send(name, content)
        assert status == 200, told
        return json.loads(told)[0]

    def join(self, video: str, file: str | None = None) -> None:
        """Ask for a job on a sample, or on a file of the server."""
        page = json.loads(self.ask('/config')[1])
        [job] = [d for d in page['dependencies'] if any(kind == 'click' for _, kind in d['targets'])
                 and len(d['outputs']) > 5]
        upload = file and {'path': file, 'meta': {'_type': 'gradio.FileData'}}
        order = {'data': [None, None, 'red', video, upload, 1, 0, [], True, True, 0.5, 0.5],
                 'fn_index': job['id'],
                 'session_hash': self.session}
        self.ask('/gradio_api/queue/join', json.dumps(order).encode(), **{'Content-Type': 'application/json'})

    def listen(self) -> HTTPResponse:
        """What the server tells of the job, as it comes."""
        return self.open(f'/gradio_api/queue/data?session_hash={self.session}')

    def run(self, file: str) -> str:
        """What comes of a job on a file."""
        self.join('my own video', file)
        with self.listen() as told:
            return told.read().decode()


@pytest.mark.slow
def test_what_a_visitor_may_and_may_not(server: Server) -> None:
    url, folder = server.url, server.folder
    stranger, ann = Visitor(url), Visitor(url)
    assert stranger.ask('/config')[0] == 401 and stranger.log_in('guess') == 400
    assert ann.log_in() == 200
    status, _, headers = ann.ask('/')
    assert status == 200 and headers['content-security-policy'].startswith("default-src 'self'")
    for path in ('/etc/passwd', tiny.ROOT / 'setup.py', folder.parent / 'logins', '../../../../etc/passwd'):
        assert ann.ask(f'/gradio_api/file={path}')[0] in (403, 404), path
    for path in ('/etc/passwd', str(folder.parent / 'short.mp4'), 'http://127.0.0.1:9/x.mp4'):
        told = ann.run(path)
        assert 'frames in' not in told and 'root:' not in told
        assert '"success":false' in told or 'no file that was uploaded here' in told, told
    for path in ('/gradio_api/file=http://127.0.0.1:9/x.mp4', '/gradio_api/proxy=http://127.0.0.1:9/', '/monitoring',
                 '/gradio_api/deep_link?session_hash=a', '/gradio_api/runs'):
        assert ann.ask(path)[:2] == (404, b'not found'), path
    with pytest.raises(OSError):  # other addresses of this machine are not listened on
        urllib.request.urlopen(url.replace('127.0.0.1', '127.0.0.2'), timeout=2)


@pytest.mark.slow
def test_passwords_are_not_guessed_at_speed(server: Server) -> None:
    guesser = Visitor(server.url, '10.9.9.9')
    answers = [guesser.log_in(f'guess{i}') for i in range(20)]
    assert answers[:5] == [400] * 5 and answers.count(400) <= 6 and set(answers) == {400, 429}
    assert guesser.log_in() == 429  # the right one is not looked at
    assert Visitor(server.url, '10.9.9.8').log_in() == 200


@pytest.mark.slow
def test_two_visitors_at_once(server: Server, tmp_path: Path) -> None:
    """Each gets what is of the own video; what they upload has one name."""
    visitors = [Visitor(server.url), Visitor(server.url)]
    files = []
    for visitor, length in zip(visitors, (3, 5)):
        assert visitor.log_in() == 200
        film = write_video(tmp_path / f'{length}.mp4', length, width=16 * length)
        files.append(visitor.upload('film.mp4', film.read_bytes()))
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(Visitor.run, visitors, files))
    assert '3 frames in' in told[0] and '5 frames in' in told[1]
    shown = [set(re.findall(r'/gradio_api/file=([^"\\\\]+)', text)) for text in told]
    assert all(shown) and not shown[0] & shown[1]
    stranger = Visitor(server.url)
    for path in (next(iter(shown[0])), files[0]):
        assert visitors[0].ask(f'/gradio_api/file={path}')[0] == 200
        assert stranger.ask(f'/gradio_api/file={path}')[0] == 401


@pytest.mark.slow
def test_odd_uploads(server: Server, tmp_path: Path) -> None:
    ann = Visitor(server.url)
    assert ann.log_in() == 200
    film = write_video(tmp_path / 'film.mp4').read_bytes()
    for name, content, told in (
            ('cut.mp4', film[:len(film) // 2], 'damaged'), ('nothing.mp4', b'', 'no video that is known here'),
            ('picture.mov', b'\xff\xd8\xff\xe0' + bytes(500) + film, 'a JPEG picture'),
            ('IMG_1.MOV', film, '6 frames in'),
            ('long.mkv', write_video(tmp_path / 'long.mkv', 601, height=16, width=16).read_bytes(), 'cut it'),
            ('wide.webm', write_video(tmp_path / 'wide.mkv', 1, height=16, width=2000).read_bytes(), 'shrink them')):
        answer = ann.run(ann.upload(name, content))
        assert told in answer, (name, answer)
        assert not any(str(server.folder) in alert for alert in re.findall(r'role=.{,2}alert.*?</p>', answer))
    assert ann.send('huge.mp4', bytes(101 * 10**6))[0] == 413


@pytest.mark.slow
def test_closed_page_ends_its_work(server: Server) -> None:
    ann, jobs = Visitor(server.url), next(server.folder.glob('photoreal-demo-*')) / 'jobs'
    assert ann.log_in() == 200
    before = set(jobs.glob('*'))
    ann.join('long')
    with ann.listen() as told:
        while b's left' not in told.readline():
            pass
        assert set(jobs.glob('*')) > before
    end = time.monotonic() + 60
    while set(jobs.glob('*')) > before and time.monotonic() < end:
        time.sleep(0.1)
    assert set(jobs.glob('*')) <= before
