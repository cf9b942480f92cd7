"""A tiny model in a bundle, for runs of the tool."""

from pathlib import Path

import pytest
import torch

from photoreal.bundle import load_untrained, save_bundle
from tests import tiny

CONFIG = f"""_base_ = {str(tiny.ROOT / 'configs/tecogan_multimodal.py')!r}
modalities = dict(_delete_=True, blur=dict(type='Blur'), edges=dict(type='Edges'))
model = dict(generator=dict(mid_channels=4, num_blocks=1, flow_channels=4))
"""


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('bundle')
    (folder / 'tiny.py').write_text(CONFIG)
    torch.manual_seed(0)
    save_bundle(load_untrained(folder / 'tiny.py'), folder / 'tiny.safetensors')
    return folder / 'tiny.safetensors'
