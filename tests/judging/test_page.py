"""The page to vote on, in a browser: what is shown, keys and buttons, and what it saves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photoreal.datasets.writers import write_image
from photoreal.judging.ballot_page import write_page
from photoreal.judging.count import read_answers
from photoreal.judging.footage import open_footage
from photoreal.judging.pairs import Ballot, make_ballot
from tests.reporting.browser import Browser, headless_chromium, require_chromium

COLOURS = {'red': 0, 'green': 1}
SHOWN = """
const medium = document.getElementById('stage').firstChild;
return new Promise((resolve, reject) => {
  const end = performance.now() + 10000;
  (function look() {
    const ready = medium.complete && medium.naturalWidth || medium.readyState >= 3;
    if (ready) {
      const canvas = document.createElement('canvas');
      canvas.width = medium.naturalWidth || medium.videoWidth;
      canvas.height = medium.naturalHeight || medium.videoHeight;
      const context = canvas.getContext('2d', {willReadFrequently: true});
      context.drawImage(medium, 0, 0);
      const at = x => [...context.getImageData(x, 9, 1, 1).data].slice(0, 3);
      resolve({left: at(9), right: at(canvas.width - 9), width: canvas.width, kind: medium.tagName});
    } else if (performance.now() > end) reject(new Error('nothing is shown'));
    else setTimeout(look, 20);
  })();
});
"""
PRESS = """
for (const key of arguments) document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
"""
CLICK = 'document.querySelector(arguments[0]).click();'
WRITE = """
const [id, text] = arguments, input = document.getElementById(id);
input.value = text;
input.dispatchEvent(new Event('input'));
"""
VISIBLE = "return [...document.querySelectorAll('main')].filter(part => !part.hidden).map(part => part.id);"
TEXT = 'return document.querySelector(arguments[0]).textContent;'


@pytest.fixture(scope='module')
def methods(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = tmp_path_factory.mktemp('methods')
    for name, channel in COLOURS.items():
        for i in range(6):
            frame = np.zeros((32, 48, 3), np.uint8)
            frame[..., channel] = 150 + 20 * i
            write_image(root / name / f'{i}.png', frame)
    return {name: [open_footage(root / name)] for name in COLOURS}


@pytest.fixture
def ballot(methods: dict, request: pytest.FixtureRequest) -> Ballot:
    """Of each test its own, so that the browser has kept no answers to it."""
    return make_ballot(methods, number=4, question=f'Which <b>one</b>? {request.node.name}')


@pytest.fixture(scope='module')
def chromium() -> Iterator[Browser]:
    require_chromium()
    with headless_chromium() as browser:
        browser.resize(1200, 800)
        yield browser


@pytest.fixture
def browser(chromium: Browser, ballot: Ballot, tmp_path: Path) -> Iterator[Browser]:
    chromium.open(write_page(ballot, tmp_path / 'vote.html'))
    chromium.downloads_to(tmp_path)
    yield chromium
    assert chromium.console() == []


def press(browser: Browser, *keys: str) -> None:
    browser.run(PRESS, *keys)


def saved(folder: Path, name: str) -> Any:
    end = time.monotonic() + 10
    while not (folder / name).exists() and time.monotonic() < end:
        time.sleep(0.05)
    return json.loads((folder / name).read_text())


def test_every_pair_shows_what_the_key_says_and_nothing_tells_which(browser: Browser, ballot: Ballot) -> None:
    assert browser.run(TEXT, '#start .question') == ballot.question and browser.run(TEXT, '#count') == '4'
    press(browser, 'Enter')
    assert browser.run(VISIBLE) == ['start']
    browser.run(CLICK, '#begin')
    for pair in ballot.pairs:
        assert browser.run(TEXT, '#progress') == f'{pair.pair + 1} of 4'
        shown = browser.run(SHOWN)
        for side, name in (('left', pair.left), ('right', pair.right)):
            expected = [0, 0, 0]
            expected[COLOURS[name]] = 150 + 20 * pair.frame
            assert shown[side] == expected
        text = browser.run("return document.getElementById('vote').innerText")
        assert not any(name in text for name in COLOURS)
        press(browser, 'ArrowLeft', '2', 'Enter')
    assert browser.run(VISIBLE) == ['end']


def test_answers_by_keyboard_are_saved_and_can_be_counted(browser: Browser, ballot: Ballot, tmp_path: Path) -> None:
    browser.run(WRITE, 'viewer', 'Anna B.')
    browser.run(CLICK, '#begin')
    press(browser, 'Enter')
    press(browser, 'ArrowLeft', 'Enter')
    assert browser.run(TEXT, '#progress') == '1 of 4'  # without a confidence it does not go on
    press(browser, '3', 'l')
    assert browser.run('return document.activeElement.id') == 'left'
    browser.run(WRITE, 'left', 'pink car')
    press(browser, 'ArrowRight', '1', 'Escape')  # keys in a text choose nothing
    press(browser, 'Enter', 'ArrowDown', '1', 'Enter', 'ArrowLeft', 'ArrowRight', '2', 'Enter')
    press(browser, 'Backspace', '3', 'Enter', 'ArrowLeft', '1', 'Enter')
    browser.run(CLICK, '#save')
    results = saved(tmp_path, 'vote-Anna-B-.json')
    assert results['viewer'] == 'Anna B.' and all(answer['seconds'] >= 0 for answer in results['answers'])
    answers = read_answers([tmp_path / 'vote-Anna-B-.json'])
    assert [(a.choice, a.confidence) for a in answers] == [('left', 3), ('same', 1), ('right', 3), ('left', 1)]
    assert [(a.left, a.right) for a in answers] == [(pair.left, pair.right) for pair in ballot.pairs]
    assert [dict(a.faults) for a in answers] == [{'left': 'pink car'}, {}, {}, {}]


def test_buttons_do_what_keys_do(browser: Browser) -> None:
    browser.run(CLICK, '#begin')
    assert browser.run("return document.getElementById('next').disabled")
    browser.run(CLICK, '[data-choice=same]')
    browser.run(CLICK, '[data-confidence="2"]')
    pressed = browser.run("return [...document.querySelectorAll('[aria-pressed=true]')].map(b => b.textContent)")
    assert pressed == ['↓ No difference', '2 Fairly sure']
    browser.run(CLICK, '#next')
    assert browser.run(TEXT, '#progress') == '2 of 4'
    assert browser.run("return document.querySelectorAll('[aria-pressed=true]').length") == 0
    browser.run(CLICK, '#back')
    assert browser.run("return document.querySelectorAll('[aria-pressed=true]').length") == 2


def test_a_page_that_was_closed_goes_on_where_it_was(browser: Browser, tmp_path: Path) -> None:
    browser.run(CLICK, '#begin')
    press(browser, 'ArrowLeft', '2', 'Enter', 'ArrowRight')
    browser.open(tmp_path / 'vote.html')
    browser.run(CLICK, '#begin')
    assert browser.run(TEXT, '#progress') == '2 of 4'
    assert browser.run("return document.querySelector('[aria-pressed=true]').dataset.choice") == 'right'


def test_clips_play(chromium: Browser, methods: dict, tmp_path: Path) -> None:
    ballot = make_ballot(methods, number=1, seconds=0.2)
    chromium.open(write_page(ballot, tmp_path / 'vote.html'))
    chromium.run(CLICK, '#begin')
    shown = chromium.run(SHOWN)
    assert shown['kind'] == 'VIDEO' and shown['width'] == 2 * 48 + 16
    for side, name in (('left', ballot.pairs[0].left), ('right', ballot.pairs[0].right)):
        assert int(np.argmax(shown[side])) == COLOURS[name]
    assert chromium.run("return document.querySelector('video').loop")
    assert chromium.console() == []


def test_wide_frames_are_shrunk(chromium: Browser, tmp_path: Path) -> None:
    for name in COLOURS:
        write_image(tmp_path / name / '0.png', np.zeros((20, 1500, 3), np.uint8))
    ballot = make_ballot({name: [open_footage(tmp_path / name)] for name in COLOURS}, number=1)
    chromium.open(write_page(ballot, tmp_path / 'vote.html'))
    chromium.run(CLICK, '#begin')
    assert chromium.run(SHOWN)['width'] == 1920
    assert chromium.run('return document.documentElement.scrollWidth') <= 1200


def test_the_page_fits_a_phone(browser: Browser) -> None:
    browser.resize(390, 800)
    browser.run(CLICK, '#begin')
    browser.run(SHOWN)
    assert browser.run('return document.documentElement.scrollWidth') <= 390
    browser.resize(1200, 800)
