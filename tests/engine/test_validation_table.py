"""What is shown of a validation."""

import pytest

from photoreal.engine.validation_table import ValidationTable
from photoreal.metrics import PSNR, Distribution, WarpError

VALUES = {'real/psnr': 25.0427, 'real/psnr_y': 30.6, 'real/psnr_input': 24.0, 'real/flicker': 0.81,
          'real/flicker_class_13': 1.1, 'virtual/flicker': 0.5, 'virtual/flicker_class_0': 0.7,
          'virtual/kid': 200.0, 'virtual/kid_ci95': 9.0, 'virtual/kid_untranslated': 300.0,
          'virtual/kid_reinhard': 250.0, 'mine/speed': 7.0}


def test_a_handful_of_metrics_with_the_inputs_value_beside_them() -> None:
    table = ValidationTable.of(VALUES, [PSNR('real'), WarpError('real'), Distribution()])
    assert table.columns == ('real', 'virtual', 'mine')
    assert [(row.name, row.better, row.cells) for row in table.rows] == [
        ('psnr', 'higher', ('25.04 (24)', '', '')), ('flicker', 'lower', ('0.81', '0.5', '')),
        ('kid', 'lower', ('', '200 (300)', '')), ('speed', 'lower', ('', '', '7'))]
    assert table.has_input


def test_in_characters() -> None:
    table = ValidationTable.of(VALUES, [PSNR('real'), WarpError('real'), Distribution()])
    assert table.plain().splitlines()[:2] == ['           real        virtual    mine  better',
                                              '  psnr     25.04 (24)                   higher']


def test_on_a_terminal(capsys: pytest.CaptureFixture) -> None:
    ValidationTable.of(VALUES, []).print_rich('validation after iteration 4')
    shown = capsys.readouterr().out
    assert 'validation after iteration 4' in shown and '25.04 (24)' in shown and 'virtual' in shown
