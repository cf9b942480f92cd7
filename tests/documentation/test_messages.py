"""What the page on troubleshooting quotes is what the code says."""

import re

import pytest

from docs._generate import messages
from tests import tiny

OTHERS = {'ImportError: libGL.so.1: cannot open shared object file', 'd_lead'}  # not messages of photoreal
HEADINGS = re.findall(r'^### .*?`(.+?)`', (tiny.ROOT / 'docs/troubleshooting.md').read_text('utf-8'), re.MULTILINE)


@pytest.mark.parametrize('heading', [heading for heading in HEADINGS if heading not in OTHERS])
def test_messages_are_in_the_code(heading: str) -> None:
    pattern = '.*'.join(map(re.escape, heading.strip('…').split('…')))
    assert any(re.search(pattern, ' '.join(text.split())) for text in messages.texts())


def test_list_has_the_messages_that_errors_fill_in() -> None:
    assert len(messages.messages()) > 150
    assert any(m.text.startswith('no config file …') and m.module == 'photoreal.config' for m in messages.messages())
    assert '| `photoreal.config` |' in messages.table()
