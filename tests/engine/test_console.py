"""The console shows what a person can use."""

import logging

import pytest

from photoreal.engine.console import ConsoleFilter


def record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord('mmengine', level, __file__, 1, message, None, None)


@pytest.mark.parametrize(('message', 'shown'), [
    ('Iter(train) [4/4] eta: 0:00:00', True), ('Config:\nmodel = dict()', False),
    ('Dataset X has no metainfo. ...', False), ('Dataset X is empty', True), ('Config changed', True),
    ('\n-----\nSystem environment:\n', False), ('"FileClient" will be deprecated in future.', False),
    ('resumed key: loop_stage is not defined in message_hub, just skip resuming this key.', False)])
def test_noise_is_kept_from_the_console(message: str, shown: bool) -> None:
    assert ConsoleFilter().filter(record(message)) is shown


def test_a_warning_is_shown_once_and_other_lines_each_time() -> None:
    console = ConsoleFilter()
    lines = [record('no video', logging.WARNING), record('no frame', logging.WARNING), record('no video')]
    assert [console.filter(line) for line in lines * 2] == [True, True, True, False, False, True]


def test_what_is_for_the_file_stays_there() -> None:
    line = record('a table in characters')
    line.file_only = True
    assert not ConsoleFilter().filter(line)
