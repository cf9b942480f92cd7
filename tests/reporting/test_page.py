"""The report in a browser: it draws without a complaint, and the slider moves both sides."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photoreal.reporting import build_report
from tests.reporting.browser import Browser, headless_chromium, require_chromium
from tests.reporting.folders import LENGTH, level, make_test, make_work_dir

# Waits until the picture of the wanted frame is on the canvas, and gives the colours left and right of the middle.
SHOWN = """
const [wanted] = arguments, stage = document.querySelector('.stage'), canvas = stage.querySelector('canvas');
const output = document.querySelector('.player output');
return new Promise((resolve, reject) => {
  const end = performance.now() + 10000;
  (function look() {
    const at = x => [...canvas.getContext('2d').getImageData(x, canvas.height / 2, 1, 1).data].slice(0, 3);
    const colours = {left: at(6), right: at(canvas.width - 7), middle: at(canvas.width / 2 - 4)};
    const drawn = colours.left.concat(colours.right).some(value => value > 10);
    if (drawn && output.textContent.startsWith(`frame ${wanted} `)) resolve(colours);
    else if (performance.now() > end) reject(new Error(output.textContent + JSON.stringify(colours)));
    else setTimeout(look, 20);
  })();
});
"""
SET = """
const [label, value] = arguments, input = document.querySelector(`input[aria-label="${label}"]`);
input.value = value;
input.dispatchEvent(new Event('input'));
"""
CLICK = 'document.querySelector(arguments[0]).click();'


@pytest.fixture(scope='module')
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_chromium()
    folder = tmp_path_factory.mktemp('report')
    make_test(make_work_dir(folder / 'run') / 'test', {'a': 1.0, 'b': 2.0})
    return build_report([folder / 'run'], folder / 'report.html')


@pytest.fixture(scope='module')
def chromium() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, page: Path) -> Iterator[Browser]:
    chromium.resize(1400, 1000)
    chromium.open(page)
    yield chromium
    # Chromium's advice for pages that read their canvas often, which only these tests do.
    assert [line for line in chromium.console() if 'willReadFrequently' not in line] == []


def red(colour: list[int]) -> bool:
    return colour[0] > 10 and colour[1] < 10


def green(colour: list[int]) -> bool:
    return colour[1] > 10 and colour[0] < 10


def test_before_is_left_and_after_is_right(browser: Browser) -> None:
    shown = browser.run(SHOWN, 0)
    assert red(shown['left']) and green(shown['right'])


@pytest.mark.parametrize('index', [7, LENGTH - 1])
def test_the_slider_of_time_moves_both_sides(browser: Browser, index: int) -> None:
    browser.run(SHOWN, 0)
    browser.run(SET, 'Frame', index)
    shown = browser.run(SHOWN, index)
    np.testing.assert_allclose([shown['left'][0], shown['right'][1]], level(index), atol=6)


def test_the_slider_of_before_and_after(browser: Browser) -> None:
    assert red(browser.run(SHOWN, 0)['middle'])
    browser.run(SET, 'Before and after', 0)
    assert green(browser.run(SHOWN, 0)['left'])
    browser.run(SET, 'Before and after', 1000)
    assert red(browser.run(SHOWN, 0)['right'])


def test_the_border_can_be_dragged(browser: Browser) -> None:
    browser.run(SHOWN, 0)
    box = browser.run("const stage = document.querySelector('.stage'); stage.scrollIntoView({block: 'center', "
                      "behavior: 'instant'}); const box = stage.getBoundingClientRect(); "
                      'return [box.left, box.width, box.top + box.height / 2];')
    left, width, y = box
    browser.drag(round(left + width / 2), round(left + width / 4), round(y))
    shown = browser.run(SHOWN, 0)
    assert red(shown['left']) and green(shown['middle'])


def test_it_plays_to_the_end_and_over_again(browser: Browser) -> None:
    browser.run(SHOWN, 0)
    browser.run(SET, 'Frame', LENGTH - 2)
    browser.run(SHOWN, LENGTH - 2)
    browser.run(CLICK, 'button[aria-label=Play]')
    shown = browser.run(SHOWN, 1)
    assert abs(shown['left'][0] - shown['right'][1]) < 8  # both sides are of one frame
    browser.run(CLICK, 'button[aria-label=Pause]')


def test_a_worst_frame_and_a_chart_lead_to_the_player(browser: Browser) -> None:
    browser.run(SHOWN, 0)
    browser.run(CLICK, '.stills button')
    browser.run(SHOWN, LENGTH // 2)
    assert browser.run("return document.querySelector('.video .now').getAttribute('visibility')") == 'visible'
    browser.run("const svg = document.querySelector('.video svg'), box = svg.getBoundingClientRect(); "
                "svg.dispatchEvent(new MouseEvent('click', {clientX: box.right - 10, clientY: box.top + 50}));")
    browser.run(SHOWN, LENGTH - 1)


def test_a_table_is_sorted_by_a_click(browser: Browser) -> None:
    first = "return document.querySelector('tbody tr:not(.mean) td').textContent;"
    assert browser.run(first) == 'virtual/b'
    browser.run(CLICK, 'th button')
    browser.run(CLICK, 'th button')
    assert browser.run(first) == 'virtual/a'


def test_only_what_is_better_one_way_says_so(browser: Browser) -> None:
    notes = browser.run("return [...document.querySelectorAll('th .note')].map(note => note.textContent)")
    assert notes == ['less is better', 'input']


def test_a_comparison_says_what_it_leaves_out(chromium: Browser, tmp_path: Path) -> None:
    require_chromium()
    folders = [make_test(tmp_path / 'first', {'a': 1.0}), make_test(tmp_path / 'second', {'a': 2.0}, length=LENGTH - 2)]
    chromium.open(build_report(folders, tmp_path / 'report.html'))
    text = chromium.run("return document.getElementById('differences').textContent")
    assert 'different numbers of frames' in text and 'virtual/a' in text
    assert not chromium.run("return document.querySelectorAll('#differences table').length")
    assert chromium.console() == []


@pytest.mark.parametrize('width', [1400, 390])
def test_it_fits_the_window_and_shows_everything(browser: Browser, width: int) -> None:
    browser.resize(width, 900)
    browser.run(SHOWN, 0)
    assert browser.run('return document.documentElement.scrollWidth') <= width
    headings = browser.run("return [...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert headings == ['Overview', 'Metrics', 'Videos', 'Training', 'Validation', 'Config']
    drawn = browser.run("return [...document.querySelectorAll('.chart')].map("
                        "chart => chart.querySelectorAll('path, circle').length)")
    assert len(drawn) >= 10 and min(drawn) > 0


def test_the_screenshot_shows_both_sides_and_dark_colours(browser: Browser) -> None:
    browser.run(SHOWN, 0)
    browser.run(SET, 'Frame', 6)
    browser.run(SHOWN, 6)
    browser.run("document.querySelector('.stage').scrollIntoView({block: 'center', behavior: 'instant'});")
    box = browser.run("const box = document.querySelector('.stage').getBoundingClientRect(); "
                      'return [box.x, box.y, box.width, box.height]')
    left, top, width, height = map(round, box)
    picture = browser.screenshot().astype(int)
    assert picture[2, 2].min() > 200  # a bright page
    for x, channel in ((left + width // 5, 0), (left + 4 * width // 5, 1)):
        patch = picture[top + 3 * height // 4, x]
        assert abs(patch[channel] - level(6)) < 10 and patch[1 - channel] < 10
    browser.dark()
    assert browser.screenshot()[2, 2].max() < 60
