"""The demo in a browser: run, look, play, download, cancel, upload; and the page talks to its own server alone."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest

from photoreal.datasets.sources import VideoSource
from tests.demo.conftest import LOGIN, Server
from tests.demo.helpers import write_video
from tests.reporting.browser import Browser, headless_chromium

pytestmark = pytest.mark.slow

CLICK = 'document.querySelector(arguments[0]).click();'
TEXT = "return document.querySelector(arguments[0])?.textContent ?? '';"
SET = """
const input = document.querySelector(arguments[0] + ' input[type=range]');
input.value = arguments[1];
input.dispatchEvent(new Event('input', {bubbles: true}));
input.dispatchEvent(new Event('change', {bubbles: true}));
"""
FRAME = "return Number(document.querySelector('#frame input[type=range]').value);"
PICTURES = """
return [...document.querySelectorAll(arguments[0] + ' img')].filter(i => i.complete && i.naturalWidth).map(i => i.src);
"""
UPLOAD = """
const [name, data] = arguments, input = document.querySelector('#file input[type=file]');
const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), transfer = new DataTransfer();
transfer.items.add(new File([bytes], name));
input.files = transfer.files;
input.dispatchEvent(new Event('change', {bubbles: true}));
"""
LOG_IN = """
const form = new FormData();
form.append('username', arguments[0]);
form.append('password', arguments[1]);
return fetch('/login', {method: 'POST', body: form}).then(answer => answer.status);
"""
ELSEWHERE = """
return performance.getEntriesByType('resource').map(e => e.name).filter(
    name => !name.startsWith(location.origin) && !name.startsWith('data:') && !name.startsWith('blob:'));
"""


@pytest.fixture(scope='module')
def chromium(server: Server) -> Iterator[Browser]:
    with headless_chromium() as browser:
        browser.open(f'{server.url}/login')
        browser.run(LOG_IN, *LOGIN)
        yield browser


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Browser]:
    chromium.resize(1200, 1000)
    chromium.console()
    chromium.open(server.url)
    wait(lambda: chromium.run("return !!document.querySelector('#run')"))
    yield chromium
    assert chromium.run(ELSEWHERE) == []
    # What the page's policy refuses is told here, too.
    assert [line for line in chromium.console() if line.startswith('SEVERE')] == []


def wait(condition: Any, seconds: float = 20) -> Any:
    """Until something is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError('did not come')


def run(page: Browser, video: str) -> None:
    page.run(CLICK, f'#video input[value="{video}"]')
    page.run(CLICK, '#run')


def finish(page: Browser) -> None:
    wait(lambda: 'frames in' in page.run(TEXT, '#status'))
    wait(lambda: len(page.run(PICTURES, '#pair')) == 2)


def redness(page: Browser, x: int, y: int) -> int:
    red, green, _ = page.screenshot()[y, x].astype(int)
    return red - green


def test_a_sample_is_run_and_compared(page):
    run(page, 'short')
    finish(page)
    assert '6 frames in' in page.run(TEXT, '#status')
    assert 'flicker' in page.run(TEXT, '#metrics') and 'warping error of the input' in page.run(TEXT, '#metrics')
    wait(lambda: len(page.run(PICTURES, '#maps')) == 2)
    assert {'blur', 'edges'} <= set(page.run(TEXT, '#maps').split())
    page.run("document.querySelector('#pair').scrollIntoView({block: 'center', behavior: 'instant'});")
    left, top, width, height = map(round, page.run(
        "const box = document.querySelector('#pair img').getBoundingClientRect(); "
        'return [box.x, box.y, box.width, box.height]'))
    at, level = left + width // 4, top + height // 3
    assert abs(redness(page, at, level)) < 10 < 40 < redness(page, left + 3 * width // 4, level)
    page.drag(left + width // 2, left + width // 8, top + height // 2)
    wait(lambda: redness(page, at, level) > 40, 5)


def test_frames_are_chosen_and_played(page):
    run(page, 'short')
    finish(page)
    first = page.run(PICTURES, '#pair')
    page.run(SET, '#frame', 4)
    wait(lambda: set(page.run(PICTURES, '#pair')).isdisjoint(first) and len(page.run(PICTURES, '#pair')) == 2)
    page.run(CLICK, '#play')
    wait(lambda: 'Pause' in page.run(TEXT, '#play'))
    wait(lambda: page.run(FRAME) not in (4, 5))
    page.run(CLICK, '#play')
    wait(lambda: 'Play' in page.run(TEXT, '#play'))
    time.sleep(0.5)  # what was on its way when it was stopped
    stopped = page.run(FRAME)
    time.sleep(0.5)
    assert page.run(FRAME) == stopped


def test_a_frame_that_stands_still_follows_the_sliders(page, tmp_path):
    page.downloads_to(tmp_path)
    run(page, 'short')
    finish(page)
    page.run(SET, '#frame', 2)
    page.run("document.querySelector('#pair').scrollIntoView({block: 'center', behavior: 'instant'});")
    left, top, width, height = map(round, page.run(
        "const box = document.querySelector('#pair img').getBoundingClientRect(); "
        'return [box.x, box.y, box.width, box.height]'))
    at = left + 3 * width // 4, top + height // 3
    whole = wait(lambda: max(redness(page, *at) - 40, 0)) + 40
    page.run(SET, '#strength', 0)
    wait(lambda: abs(redness(page, *at)) < 10)
    page.run(SET, '#strength', 0.5)
    wait(lambda: 0.3 * whole < redness(page, *at) < 0.7 * whole)
    page.run(CLICK, '#remake')
    wait(lambda: 'made anew' in page.run(TEXT, '#status'))
    page.run(CLICK, '#download')
    [path] = wait(lambda: list(tmp_path.glob('*.mp4')))
    frames = VideoSource(path).read(range(6)).astype(int)
    assert 0.3 * whole < (frames[..., 0] - frames[..., 1]).mean() < 0.7 * whole


def test_the_prediction_is_downloaded(page, tmp_path):
    page.downloads_to(tmp_path)
    run(page, 'short')
    finish(page)
    page.run(CLICK, '#download')
    [path] = wait(lambda: list(tmp_path.glob('*.mp4')))
    frames = VideoSource(path).read(range(6))
    assert frames[..., 0].mean() > frames[..., 1].mean() + 40


def test_a_long_job_is_cancelled(page, server):
    def folders():
        return list(server.folder.glob('photoreal-demo-*/jobs/*'))

    before = set(folders())
    run(page, 'long')
    wait(lambda: 's left' in page.run(TEXT, '#status'))
    assert page.run("return document.querySelector('#status progress').value") < 1
    page.run(CLICK, '#cancel')
    wait(lambda: 'Cancelled' in page.run(TEXT, '#status'))
    wait(lambda: set(folders()) <= before)
    run(page, 'long')  # the queue is free again
    wait(lambda: 's left' in page.run(TEXT, '#status'))
    page.open(f'{server.url}/config')  # the visitor leaves, and the work ends
    wait(lambda: set(folders()) <= before)
    page.console()  # the page has complained of what broke off


def test_an_upload_is_run_and_a_bad_one_refused(page, tmp_path):
    page.run(CLICK, '#video input[value="my own video"]')
    wait(lambda: page.run("return !!document.querySelector('#file input[type=file]')"))
    for name, content, told in (
            ('mine.mp4', write_video(tmp_path / 'mine.mp4', 4).read_bytes(), '4 frames in'),
            ('film.mp4', b'#EXTM3U\nfile:///etc/passwd\n', 'no video that is known here')):
        page.run(UPLOAD, name, base64.b64encode(content).decode())
        wait(lambda name=name: name[:4] in page.run(TEXT, '#file'))
        page.run(CLICK, '#run')
        wait(lambda told=told: told in page.run(TEXT, '#status'))
        page.run("document.querySelector('#file button[aria-label=\"Clear\"], #file button[aria-label=\"Remove\"]')"
                 '?.click();')
        wait(lambda: page.run("return !!document.querySelector('#file input[type=file]')"))
