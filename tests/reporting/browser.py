"""Headless Chromium by the W3C WebDriver protocol: plain JSON over HTTP to chromedriver."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


def require_chromium() -> tuple[str, str]:
    """Paths of the browser and its driver; skips the test where they are missing."""
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    driver = shutil.which('chromedriver')
    if not (browser and driver):
        pytest.skip('needs chromium and chromedriver (Debian: apt install chromium chromium-driver)')
    return browser, driver


class Browser:
    """One window.

    Args:
        url: Of the WebDriver session.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self, page: Path | str) -> None:
        """Show a file, or what lies at an address."""
        call(f'{self._url}/url', {'url': page if isinstance(page, str) else page.resolve().as_uri()})

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript, the body of a function of ``arguments``; a promise that it returns is waited for."""
        return call(f'{self._url}/execute/sync', {'script': script, 'args': list(args)})

    def resize(self, width: int, height: int) -> None:
        """Set the size of the page, phone sizes too."""
        self._devtools('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1,
                       mobile=False)

    def screenshot(self, whole_page: bool = False) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        picture = self._devtools('Page.captureScreenshot', format='png', captureBeyondViewport=whole_page)['data']
        data = np.frombuffer(base64.b64decode(picture), np.uint8)
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def downloads_to(self, folder: Path) -> None:
        """Where files go that are downloaded from here on."""
        self._devtools('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(folder))

    def dark(self) -> None:
        """Prefer dark colours from here on."""
        self._devtools('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark'}])

    def drag(self, from_x: int, to_x: int, y: int) -> None:
        """Press the mouse at a place of the window, move it and let go."""
        move = {'type': 'pointerMove', 'duration': 50, 'y': y}
        actions = [{**move, 'x': from_x}, {'type': 'pointerDown', 'button': 0}, {**move, 'x': to_x},
                   {'type': 'pointerUp', 'button': 0}]
        call(f'{self._url}/actions', {'actions': [{'type': 'pointer', 'id': 'mouse', 'actions': actions}]})

    def console(self) -> list[str]:
        """What the page has logged since the last call, network errors included."""
        return [f"{entry['level']}: {entry['message']}" for entry in call(f'{self._url}/se/log', {'type': 'browser'})]

    def _devtools(self, command: str, **params: Any) -> Any:
        return call(f'{self._url}/goog/cdp/execute', {'cmd': command, 'params': params})


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """A browser that ends with the block."""
    binary, driver = require_chromium()
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([driver, f'--port={port}'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        root = f'http://127.0.0.1:{port}'
        wait_for(port, server)
        flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars']
        options = {'binary': binary, 'args': flags}
        session = call(f'{root}/session', {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'}}}})
        url = f"{root}/session/{session['sessionId']}"
        try:
            yield Browser(url)
        finally:
            call(url, method='DELETE')
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int, server: subprocess.Popen, seconds: float = 20) -> None:
    """Until the driver listens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f'chromedriver did not start within {seconds} s (exit code {server.poll()})')


def call(url: str, body: dict[str, Any] | None = None, method: str = 'POST') -> Any:
    """One WebDriver command; an error of the driver is raised with its message."""
    data = None if method == 'DELETE' else json.dumps(body or {}).encode()
    request = urllib.request.Request(url, data, {'Content-Type': 'application/json'}, method=method)
    # Not through the proxy that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return json.load(response)['value']
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(json.load(error)['value']['message']) from error
