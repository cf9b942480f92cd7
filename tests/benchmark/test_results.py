"""What benchmarks/results.py does beside training: which parts it takes away, and where its tables go."""

import runpy
from pathlib import Path

import pytest

from photoreal.config import load_config
from tests import tiny

SCRIPT = runpy.run_path(str(tiny.ROOT / 'benchmarks/results.py'), run_name='results')


def test_every_part_that_a_config_has_is_taken_away_by_itself() -> None:
    config = tiny.ROOT / 'configs/unpaired.py'
    whole = load_config(config).unpaired
    found = SCRIPT['settings'](config, 'each', Path('look.cube'))
    assert found.pop('ours') == ['look=look.cube'] and found.pop('without the look') == ['look=None']
    assert set(found) == {f'without {name}' for name in whole.losses if name != 'adversarial'} | (
        {'without the critic'} if whole.critic else set())
    for name, overrides in found.items():
        cfg = load_config(config, overrides)
        cut = cfg.unpaired
        assert cfg.train_dataloader.dataset.look == 'look.cube'
        gone = {key for key, loss in whole.losses.items() if loss and not cut.losses.get(key)}
        assert gone == {'adversarial'} if name == 'without the critic' else gone == {name.removeprefix('without ')}
    assert SCRIPT['settings'](config, 'none', Path('a.cube')) == {'ours': ['look=a.cube']}


def test_tables_go_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text('before\n<!-- results: begin -->\nold\n<!-- results: end -->\nafter\n')
    SCRIPT['insert']('| new |', page)
    assert page.read_text() == 'before\n<!-- results: begin -->\n| new |\n<!-- results: end -->\nafter\n'
    page.write_text('none')
    with pytest.raises(SystemExit, match='expected both'):
        SCRIPT['insert']('| new |', page)
