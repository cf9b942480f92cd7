"""The notebook runs from its first to its last cell."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import tiny

NOTEBOOK = tiny.ROOT / 'examples/quickstart.ipynb'
SAMPLE = tiny.ROOT / 'data/sample'


def test_notebook_is_saved_without_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == 'code']
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_notebook_runs(tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the sample where it could be made whole, for two iterations."""
    data = SAMPLE if (SAMPLE / 'train/real/bikes_c').is_dir() else tiny_data
    monkeypatch.setenv('PYTHONPATH', str(tiny.ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    given = next(cell for cell in notebook.cells if 'parameters' in cell.metadata.get('tags', ()))
    given.source = f'data_root, work_dir, iterations = {str(data)!r}, {str(tmp_path / "run")!r}, 2'
    NotebookClient(notebook, timeout=240, kernel_name='python3',
                   resources={'metadata': {'path': str(NOTEBOOK.parent)}}).execute()
    pictures = [output for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs
                if 'image/png' in output.get('data', {})]
    assert len(pictures) >= 6  # frames, two modalities, the curve, two predictions
    assert (tmp_path / 'run/latest.pth').exists()
