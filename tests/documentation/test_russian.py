"""A page in Russian, ``page.ru.md``, has what its English twin ``page.md`` has; so neither can be left behind."""

import re
from pathlib import Path

import pytest

from docs._generate import guide
from docs._generate.language import TWIN, russian
from docs._generate.pages import DOCS
from tests.documentation.pages import blocks

PAGES = {path.name.removesuffix('.ru.md'): path for path in sorted(DOCS.glob('*.ru.md')) if path.name != 'index.ru.md'}
GUIDED = ('config', 'data', 'inference', 'migration', 'quickstart', 'training')


def test_the_pages_that_a_newcomer_needs_are_there() -> None:
    assert set(GUIDED) <= PAGES.keys()


@pytest.mark.parametrize('name', PAGES)
def test_headings_are_of_the_same_levels(name: str) -> None:
    english, russian = (re.findall(r'^(#+) ', prose(page), re.MULTILINE) for page in twins(name))
    assert english == russian and len(english) > 2


@pytest.mark.parametrize('name', PAGES)
def test_code_is_the_same(name: str) -> None:
    english, russian = ([(block.language, block.text) for block in blocks(page)] for page in twins(name))
    assert english == russian and english


@pytest.mark.parametrize('name', PAGES)
def test_names_and_options_in_the_text_are_the_same(name: str) -> None:
    """What stands between backticks: keys, options, files. A sentence in another order is no fault."""
    english, russian = (sorted(re.findall(r'`([^`]+)`', prose(page).replace('\n', ' '))) for page in twins(name))
    assert english == russian


@pytest.mark.parametrize('name', PAGES)
def test_tables_have_the_same_shape(name: str) -> None:
    english, russian = ([line.count(' | ') for line in prose(page).splitlines() if line.startswith('|')]
                        for page in twins(name))
    assert english == russian


@pytest.mark.parametrize('name', PAGES)
def test_links_lead_to_russian_pages_where_there_are_any(name: str) -> None:
    english, russian = (sorted(re.findall(r'\]\(([^)]+)\)', prose(page))) for page in twins(name))
    assert russian == sorted(re.sub(r'^(\w+)\.md', lambda m: f'{m[1]}.ru.md' if m[1] in PAGES else m[0], link)
                             for link in english)


def test_every_sentence_of_the_config_guide_has_a_twin() -> None:
    said = guide.sentences()
    assert [text for text in said if text not in russian()] == [], f'add the Russian to {TWIN.name}'
    assert [text for text in russian() if text not in said] == [], f'{TWIN.name}: nothing says this any more'


def test_the_guide_has_the_same_keys_in_both_languages() -> None:
    english, russian = (re.findall(r'^\| `([^`]+)` \|', page.read_text('utf-8'), re.MULTILINE)
                        for page in twins('config'))
    assert english == russian and len(english) > 150


def test_names_in_the_sentences_of_the_guide_are_the_same() -> None:
    """Keys, values and paths are not translated."""
    faults = [english for english, text in russian().items()
              if sorted(re.findall(r'`([^`]+)`', guide.markdown(english))) != sorted(re.findall(r'`([^`]+)`', text))]
    assert not faults


def twins(name: str) -> tuple[Path, Path]:
    return DOCS / f'{name}.md', PAGES[name]


def prose(page: Path) -> str:
    """A page without code between fences, and without what is made."""
    text = re.sub(r'^<!-- generated: .*?^<!-- /generated -->$', '', page.read_text('utf-8'), flags=re.M | re.S)
    return re.sub(r'^( *)```.*?^\1```$', '', text, flags=re.M | re.S)
