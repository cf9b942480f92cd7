"""The pages can be read in the repository as they are: what is made from the code is committed, and links lead on."""

import re
from functools import cache
from pathlib import Path

import pytest

from docs._generate.pages import DOCS, REFRESH, fill, looks_like, picture_paths, stale
from tests import tiny

PAGES = [*(tiny.ROOT / name for name in ('README.md', 'README_ru.md', 'CONTRIBUTING.md', 'CHANGELOG.md')),
         *sorted(DOCS.rglob('*.md'))]


def test_generated_pages_are_up_to_date() -> None:
    assert [path.name for path in stale()] == [], f'make them anew: {REFRESH}'


def test_generated_pictures_are_up_to_date() -> None:
    made = picture_paths()
    assert len(made) > 10
    assert [path.name for path, picture in made.items() if not looks_like(path, picture)] == [], \
        f'make them anew: {REFRESH}'
    assert {path for path in (DOCS / 'images/modalities').iterdir()} == made.keys()


def test_what_is_written_by_hand_stays_and_the_rest_is_made() -> None:
    page = 'By hand.\n\n<!-- generated: zoo -->\n\nout of date\n\n<!-- /generated -->\n\nBy hand.\n'
    filled = fill(page)
    assert filled.startswith('By hand.\n\n<!-- generated: zoo -->\n\n| config |') and filled.endswith('\n\nBy hand.\n')
    assert 'out of date' not in filled and fill(filled) == filled


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(tiny.ROOT).as_posix())
def test_links_lead_to_a_page_with_something_in_it(page: Path) -> None:
    """As they are followed in the repository: files, and headings by the anchors that repository browsers give them."""
    faults = []
    for link in links(page):
        name, _, anchor = link.partition('#')
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or target.is_file() and not target.stat().st_size:
            faults.append(f'{link}: there is no such file')
        elif anchor and anchor not in anchors(target):
            faults.append(f'{link}: {target.name} has no such heading')
    assert not faults


def links(page: Path) -> list[str]:
    text = re.sub(r'^( *)```.*?^\1```$|`[^`\n]+`', '', page.read_text('utf-8'), flags=re.MULTILINE | re.DOTALL)
    return [link for link in re.findall(r'\]\(([^)\s]+)\)', text) if not re.match(r'https?://|mailto:', link)]


@cache
def anchors(page: Path) -> set[str]:
    text = re.sub(r'^( *)```.*?^\1```$', '', page.read_text('utf-8'), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r'^#+ (.+?)$', text, re.MULTILINE)
    slugs = {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))
