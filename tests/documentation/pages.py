"""What the pages hold between their fences."""

import re
from pathlib import Path
from typing import NamedTuple

from tests import tiny

# The pages in Russian have the code of the English ones, as another test sees to.
PAGES = [tiny.ROOT / 'README.md', *(page for page in sorted((tiny.ROOT / 'docs').glob('*.md'))
                                     if not page.name.endswith('.ru.md'))]
PROGRAMS = ('python', 'photoreal', 'make', 'pip', 'torchrun', 'srun', 'sbatch', 'mpirun', 'git', 'cd', 'source', 'eval',
            'apt', 'apt-get', 'docker', 'ffmpeg', 'tensorboard', 'uv', 'ray', 'export', 'jupyter', 'curl', 'ssh')

GENERATED = re.compile(r'^<!-- generated: \w+ -->$.*?^<!-- /generated -->$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: where it starts, what stands behind the fence, and its text."""

    page: Path
    line: int
    language: str
    text: str


class Command(NamedTuple):
    """A command as a page gives it, in one line."""

    where: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Fenced blocks of a page, those that lists indent included; not what is made from the code."""
    text = GENERATED.sub(lambda found: '\n' * found[0].count('\n'), page.read_text('utf-8'))
    found = re.finditer(r'^( *)```(\w*)[^\n]*\n(.*?)^\1```$', text, re.MULTILINE | re.DOTALL)
    return [Block(page, text[:m.start()].count('\n') + 1, m[2], re.sub(f'^{m[1]}', '', m[3], flags=re.MULTILINE))
            for m in found]


def commands(page: Path) -> list[Command]:
    """Commands of a page: all lines of blocks in bash, and of blocks without a language those that call a program."""
    found = []
    for block in blocks(page):
        if block.language not in ('', 'bash', 'sh', 'console'):
            continue
        lines = re.sub(r'\\\n\s*', ' ', block.text).splitlines()
        for line in lines:
            text = re.sub(r'\s+#.*$', '', line.removeprefix('$ ')).strip()
            first = next((word for word in text.split() if not re.match(r'[A-Z_]+=', word)), '')
            if text and not text.startswith('#') and (block.language or first in PROGRAMS):
                found.append(Command(f'{page.relative_to(tiny.ROOT)}:{block.line}', text))
    return found


def all_commands() -> list[Command]:
    """Every command of every page, each once."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for command in commands(page):
            found.setdefault(command.text, command)
    return list(found.values())
