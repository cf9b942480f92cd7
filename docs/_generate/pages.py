"""The pages that are made from the code, in whole or in part. They are committed, so that they can be read as they are.

``python -m docs._generate`` makes them anew; a test compares.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from docs._generate import commands, guide, messages, zoo
from docs._generate.components import ROOT
from docs._generate.language import ENGLISH, language_of
from docs._generate.pictures import pictures

DOCS = ROOT / 'docs'
REFRESH = 'python -m docs._generate'
FRAGMENTS: dict[str, Callable[[str], str]] = {  # of a language
    'variables': guide.variables, 'keys': guide.keys, 'classes': guide.other_classes,
    'messages': lambda _: messages.table(), 'zoo': lambda _: zoo.table()}
# What stands between the two comments is made; the rest of the page is written by hand.
REGION = re.compile(r'^(<!-- generated: (\w+) -->\n).*?^(<!-- /generated -->)$', re.MULTILINE | re.DOTALL)
NOTE = f'<!-- Made from the code by `{REFRESH}`: change the code, not this page. -->\n\n'


def pages() -> Iterator[tuple[Path, str]]:
    """Every page that has something made in it, with the text that it should have."""
    yield DOCS / 'reference/commands.md', NOTE + commands.reference()
    for name in guide.PAGES:
        yield DOCS / f'reference/{name}.md', NOTE + guide.reference(name)
    for path in sorted(DOCS.glob('*.md')):
        text = path.read_text('utf-8')
        if REGION.search(text):
            yield path, fill(text, language_of(path))


def fill(text: str, language: str = ENGLISH) -> str:
    """A written page with its regions made anew."""
    return REGION.sub(lambda found: f'{found[1]}\n{FRAGMENTS[found[2]](language)}\n\n{found[3]}', text)


def stale() -> list[Path]:
    """Pages whose committed text is not what the code says now, and pages of the reference that nothing makes."""
    made = dict(pages())
    return [path for path, text in made.items() if not path.is_file() or path.read_text('utf-8') != text] + [
        path for path in sorted((DOCS / 'reference').glob('*.md')) if path not in made]


def picture_paths() -> dict[Path, bytes]:
    """Where the reference shows the modalities -> the picture that belongs there, as WebP."""
    return {DOCS / f'images/modalities/{name}.webp': picture for name, picture in pictures().items()}


def looks_like(path: Path, made: bytes) -> bool:
    """Whether the committed picture shows the same; encoders differ by some levels from version to version."""
    if not path.is_file():
        return False
    committed, new = (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                      for data in (path.read_bytes(), made))
    if committed.shape != new.shape:
        return False
    difference = np.abs(cv2.blur(committed, (5, 5)).astype(float) - cv2.blur(new, (5, 5)))
    return bool(np.quantile(difference, 0.98) < 12)
