"""What MkDocs calls while it builds: the start page and the changelog come from the repository's root."""

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # MkDocs knows the hook's file alone

# Pages of the documentation that are files of the root; in docs/ they only say where to look.
FROM_ROOT = {'index.md': 'README.md', 'index.ru.md': 'README_ru.md', 'changelog.md': 'CHANGELOG.md'}
WIDE = ('zoo.md',)  # tables that need the width of the table of contents


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List pages that the navigation does not name under More, so that a new page is never lost."""
    known = re.findall(r'[\w/]+\.md', str(config.nav))
    more = [page.name for page in sorted((ROOT / 'docs').glob('*.md'))
            if page.name not in known and not page.name.endswith('.ru.md')]
    if more:
        config.nav.append({'More': more})
    return config


def on_page_read_source(page: Page, config: MkDocsConfig) -> str | None:
    """The text of a page; None: what its file holds."""
    name = FROM_ROOT.get(page.file.src_uri)
    return None if name is None else from_root(name)


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Give wide tables their room."""
    if page.file.src_uri in WIDE:
        page.meta['hide'] = ['toc']
    return markdown


def from_root(name: str) -> str:
    """A page of the repository's root with its links as they are from the documentation's folder.

    The line that links to the other language is left out: the site has a menu for that.
    """
    text = re.sub(r'^\[\w+\]\(README\w*\.md\)\n\n', '', (ROOT / name).read_text('utf-8'), flags=re.MULTILINE)
    return text.replace('](docs/', '](').replace('](README.md)', '](index.md)')
