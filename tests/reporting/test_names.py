"""What metrics are called for people."""

import pytest

from photoreal.modalities.labels import class_names
from photoreal.reporting.names import title_of


@pytest.mark.parametrize(('name', 'count', 'title'), [
    ('flicker_class_13', 19, 'flicker: car'), ('flicker_class_3', 4, 'flicker: class 3'),
    ('flicker_class_30', 19, 'flicker: class 30'), ('flicker', 19, 'flicker')])
def test_classes_have_names_where_they_are_known(name: str, count: int, title: str) -> None:
    assert title_of(name, class_names(count)) == title
