"""What MkDocs calls while it builds: pages made from the code are added, and fragments put into written pages."""

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # MkDocs knows the hook's file alone

from docs._generate import commands, guide, messages, zoo
from docs._generate.components import ROOT
from docs._generate.pictures import pictures

FRAGMENTS = guide.FRAGMENTS | {'messages': messages.table, 'zoo': zoo.table}
MARKER = re.compile(r'^<!-- generated: (\w+) -->$', re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List pages that the navigation does not name under More, so that a new page is never lost."""
    known = re.findall(r'[\w/]+\.md', str(config.nav))
    more = [page.name for page in sorted((ROOT / 'docs').glob('*.md')) if page.name not in known]
    if more:
        config.nav.append({'More': more})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the start pages, which are the READMEs, and the reference."""
    made = {'index.md': from_root('README.md'), 'README_ru.md': from_root('README_ru.md'),
            'changelog.md': from_root('CHANGELOG.md'),
            'reference/commands.md': commands.reference(),
            **{f'reference/{page}.md': guide.reference(page) for page in guide.PAGES}}
    made |= {f'images/modalities/{name}.png': picture for name, picture in pictures().items()}
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what a page wants made: ``<!-- generated: NAME -->`` on a line of its own."""
    return MARKER.sub(lambda found: FRAGMENTS[found[1]](), markdown)


def from_root(name: str) -> str:
    """A page of the repository's root with its links as they are from the documentation's folder."""
    text = (ROOT / name).read_text('utf-8')
    return text.replace('](docs/', '](').replace('](README.md)', '](index.md)')
