"""A disk that is full while a visitor's video is worked on."""

from pathlib import Path

import numpy as np
import pytest

from photoreal.datasets.writers import write_image
from tests import tiny
from tests.demo.helpers import make_bundle

CODE = """
import resource, sys
from photoreal.demo.app import Demo, _Visit
from photoreal.demo.library import Library
demo, visit = Demo(Library(sys.argv[1:2], sys.argv[2:]), device='cpu'), _Visit()
usual = resource.getrlimit(resource.RLIMIT_FSIZE)
for most in (10_000, usual[0]):  # less than a picture has, and what there is
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, usual[1]))
    visit.begin()
    updates = demo._run(None, visit, 'red', 'noise', None, 1.0, 0.0, [], True, True, 0.5, 0.5)
    print([update['status'] for update in updates if 'status' in update][-1])
    print(visit.running, len(list(demo.folder.glob('jobs/*'))))
demo.close()
"""


@pytest.mark.slow
def test_full_disk(tmp_path: Path, tiny_data: Path) -> None:
    """The visitor is told, what was written is removed, and the next one gets a video."""
    pytest.importorskip('gradio', reason='the demo needs Gradio: pip install photoreal[demo]')
    noise = np.random.default_rng(0).integers(0, 256, (2, 200, 200, 3), dtype=np.uint8)
    for i, frame in enumerate(noise):
        write_image(tmp_path / f'noise/{i}.png', frame)
    bundle = make_bundle(tmp_path / 'red.safetensors', tiny_data)
    ended = tiny.run_process('-c', CODE, bundle, tmp_path / 'noise', PYTHONPATH=str(tiny.ROOT))
    told = ended.out.splitlines()
    assert len(told) == 4, ended
    assert 'the server has no room left on its disk' in told[0] and told[1] == 'False 0'
    assert '2 frames in' in told[2] and told[3] == 'False 1'
