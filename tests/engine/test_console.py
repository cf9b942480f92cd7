"""The console shows what a person can use."""

import logging

import pytest

from photoreal.engine.console import is_news


@pytest.mark.parametrize(('message', 'shown'), [
    ('Iter(train) [4/4] eta: 0:00:00', True), ('Config:\nmodel = dict()', False),
    ('Dataset X has no metainfo. ...', False), ('Dataset X is empty', True), ('Config changed', True),
    ('\n-----\nSystem environment:\n', False), ('"FileClient" will be deprecated in future.', False)])
def test_noise_is_kept_from_the_console(message: str, shown: bool) -> None:
    assert is_news(logging.LogRecord('mmengine', logging.INFO, __file__, 1, message, None, None)) is shown
