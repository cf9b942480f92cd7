"""The README in Russian has what the English one has."""

import re

from tests import tiny
from tests.documentation.pages import blocks

PAGES = [tiny.ROOT / name for name in ('README.md', 'README_ru.md')]


def test_code_is_the_same() -> None:
    english, russian = ([(block.language, block.text) for block in blocks(page)] for page in PAGES)
    assert english == russian and len(english) > 3


def test_sections_pictures_and_numbers_are_the_same() -> None:
    english, russian = (page.read_text('utf-8') for page in PAGES)
    for pattern in (r'^(#+) ', r'!\[[^]]*\]\((docs/[^)]+)\)', r'`([a-z_]+\.py)`', r'\| (\d[\d. ±]*) '):
        found = re.findall(pattern, english, re.MULTILINE)
        assert found and found == re.findall(pattern, russian, re.MULTILINE), pattern


def test_links_lead_to_the_same_pages_and_to_the_russian_one_where_there_is_one() -> None:
    english, russian = (set(re.findall(r'\]\((docs/[^)]+)\)', page.read_text('utf-8'))) for page in PAGES)
    assert russian == {twin if (tiny.ROOT / twin).is_file() else link
                       for link in english for twin in [link.replace('.md', '.ru.md')]}
