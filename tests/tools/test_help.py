"""Help comes at once, with an example."""

from pathlib import Path

import pytest

from tests import tiny

TOOLS = sorted((tiny.ROOT / 'tools').glob('*.py'))

ASK = """
import runpy, sys
tool, *sys.argv = sys.argv[1], sys.argv[1], '--help'
try:
    runpy.run_path(tool, run_name='__main__')
except SystemExit as end:
    heavy = sorted({'torch', 'mmengine', 'cv2', 'av'} & set(sys.modules))
    sys.exit(f'{tool} --help imports {heavy}' if heavy else end.code)
"""


@pytest.mark.parametrize('tool', TOOLS, ids=lambda tool: tool.stem)
def test_help_has_an_example_and_imports_nothing_heavy(tool: Path) -> None:
    ended = tiny.run_process('-c', ASK, tool)
    assert ended.code == 0, ended.err
    assert f'example: python tools/{tool.name} ' in ended.out
