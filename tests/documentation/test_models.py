"""The page of models and losses names every one of them, and its lines are what configs may say."""

import inspect
import re

import pytest

from photoreal.plugins import describe_plugins
from photoreal.registry import FAMILIES
from tests import tiny

PAGE = (tiny.ROOT / 'docs/models.md').read_text('utf-8')
LINES = re.findall(r"^\| `(dict\(type='.*?\))` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize('family', ['generator', 'discriminator', 'loss'])
def test_every_one_has_a_line(family: str) -> None:
    own = {name for name, *_, package in describe_plugins(family) if package == 'photoreal'}
    named = {re.search(r"type='(\w+)'", line)[1] for line in LINES}
    assert own and own <= named, f'docs/models.md lacks {sorted(own - named)}'


@pytest.mark.parametrize('line', LINES)
def test_lines_are_accepted(line: str) -> None:
    given = eval(line, {'dict': dict})
    [kind] = [family.module_dict[given['type']] for name, family in FAMILIES.items()
              if name in ('generator', 'discriminator', 'loss') and given['type'] in family.module_dict]
    inspect.signature(kind).bind_partial(**{name: value for name, value in given.items() if name != 'type'})
