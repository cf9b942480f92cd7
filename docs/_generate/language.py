"""The languages of the config guide: the English of the code and of ``meanings.yml``, and its Russian twin."""

from functools import cache
from pathlib import Path

import yaml

TWIN = Path(__file__).with_name('meanings.ru.yml')
ENGLISH, RUSSIAN = 'en', 'ru'
WORDS = {  # over the columns of tables
    ENGLISH: dict(key='key', argument='argument', variable='variable', type='type', default='default',
                  meaning='meaning', example='example'),
    RUSSIAN: dict(key='ключ', argument='аргумент', variable='переменная', type='тип', default='по умолчанию',
                  meaning='значение', example='пример')}
REQUIRED = {ENGLISH: 'required', RUSSIAN: 'обязателен'}
TAKES = {ENGLISH: 'Takes', RUSSIAN: 'Классы'}


@cache
def russian() -> dict[str, str]:
    """What the guide says in English -> the same in Russian."""
    return {entry['en']: entry['ru'] for entry in yaml.safe_load(TWIN.read_text('utf-8'))}


def say(text: str, language: str) -> str:
    """A text of the guide in a language; in English where it has no twin, which a test finds."""
    return russian().get(text, text) if language == RUSSIAN else text


def head(kind: str, language: str) -> str:
    """The first two lines of a table: ``kind`` is 'key' or 'argument', or 'variable', of which less is known."""
    columns = (kind, 'meaning', 'example') if kind == 'variable' else (kind, 'type', 'default', 'meaning', 'example')
    cells = [WORDS[language][column] for column in columns]
    return f'| {" | ".join(cells)} |\n{"|---" * len(cells)}|\n'


def language_of(page: Path) -> str:
    """``config.ru.md`` is in Russian."""
    return RUSSIAN if page.name.endswith('.ru.md') else ENGLISH
