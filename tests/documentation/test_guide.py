"""The documentation says something of everything that a config can name, and is built without a fault."""

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from docs._generate import commands, guide
from docs._generate.components import components, describe
from photoreal.commands import COMMANDS
from photoreal.registry import MODALITIES
from photoreal.validation import walk
from tests import tiny


def test_nothing_is_left_unsaid() -> None:
    assert guide.undocumented() == []


def test_an_argument_that_a_docstring_forgets_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful:
        """Something.

        Args:
            told: A number.
        """

        def __init__(self, told: int, forgotten: float = 2.0) -> None: ...

    Forgetful.__module__ = 'photoreal.modalities.forgetful'
    described = describe('Forgetful', MODALITIES, Forgetful)
    assert [tuple(a) for a in described.arguments] == [('told', 'int', None, 'A number.'),
                                                       ('forgotten', 'float', '2.0', '')]
    monkeypatch.setitem(components(), 'modality', [described])
    assert 'Forgetful.forgotten: its docstring has no line under Args for it' in guide.undocumented()


def test_every_key_of_every_config_has_a_row() -> None:
    """Counted in another way than the guide does: whatever has a value of its own is found by its last name."""
    page = guide.variables() + guide.keys()
    for name, cfg in guide.configs().items():
        for key, value in walk(cfg):
            last = key.rpartition('.')[2]
            if isinstance(value, (int, float, str)) and not last.isdigit() and last != 'type' and 'collate' not in key:
                assert re.search(rf'\b{last}\b', page), f'{key} of configs/{name}.py'


def test_the_guide_quotes_the_code() -> None:
    row = next(line for line in guide.reference('modalities').splitlines() if line.startswith('| `sigma_fixed` |'))
    assert row.count('|') == 6
    assert 'float or None' in row and 'The same outside training' in row and 'sigma_fixed=' in row
    assert 'train_cfg.max_iters` | <code>int</code> | required |' in guide.keys()


@pytest.mark.slow
def test_site_is_built_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    config = load_config(str(tiny.ROOT / 'mkdocs.yml'), strict=True, site_dir=str(tmp_path / 'site'))
    config.plugins.on_startup(command='build', dirty=False)
    build(config)  # a broken link, a missing anchor or a page without a place in the navigation would raise
    pages = {path.relative_to(tmp_path / 'site') for path in (tmp_path / 'site').rglob('*.html')}
    for path in sorted((tiny.ROOT / 'docs').rglob('*.md')):
        name = path.relative_to(tiny.ROOT / 'docs').with_suffix('').as_posix()
        place = f'ru/{name.removesuffix(".ru")}' if name.endswith('.ru') else name
        assert Path(place.removesuffix('index'), 'index.html') in pages
    english, russian, untranslated = ((tmp_path / 'site' / name / 'index.html').read_text('utf-8')
                                      for name in ('', 'ru', 'ru/look'))
    assert 'Make virtual video look as if a camera had filmed it' in english and 'href="training/"' in english
    assert 'Виртуальное видео, которое выглядит как снятое камерой' in russian and 'href="training/"' in russian
    assert 'Fit one' in untranslated and 'Быстрый старт' in untranslated
    for path in pages:
        text = (tmp_path / 'site' / path).read_text('utf-8')
        fetched = re.findall(r'<(?:script|img|iframe|link)[^>]*?(?:src|href)="(https?:[^"]+)"', text)
        assert not fetched, path


def test_reference_of_commands_has_their_help() -> None:
    page = commands.reference()
    assert all(f'usage: photoreal {command} ' in page for command in COMMANDS)
