import numpy as np
import pytest
import torch

from photoreal.config import check_config, load_config
from photoreal.errors import ConfigError
from photoreal.modalities import Blur, Edges, LabelMap, Precomputed, Segmentation, build_modalities
from photoreal.testing.modality import ModalityContract, street_frames


class TestContractOfEdges(ModalityContract):
    def make(self):
        return Precomputed('edges', of=dict(type='Edges'))

    def maps(self, rng, length, height, width):
        edges = Edges()
        return edges.compute(street_frames(rng, length, height, width), **edges.sample(None))


class TestContractOfBlur(ModalityContract):
    def make(self):
        return Precomputed('blur', of=Blur())


def test_encodes_shows_and_resizes_as_the_modality_does():
    segmentation = Segmentation(None, num_classes=3, palette=[(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    modality = Precomputed('labels', of=segmentation)
    maps = np.array([[[[0], [2]], [[1], [255]]]], np.uint8)
    x = torch.from_numpy(modality.compute(maps)).movedim(-1, -3)
    assert modality.channels == 3 and modality.is_label and modality.raw
    assert torch.equal(modality.encode(x), segmentation.encode(x))
    np.testing.assert_array_equal(modality.show(modality.encode(x))[0],
                                  [[(255, 0, 0), (0, 0, 255)], [(0, 255, 0), (0, 0, 0)]])
    assert not Precomputed('blur', of=Blur()).is_label


def test_maps_of_another_modality_are_told():
    with pytest.raises(ValueError, match='1 channels, which is not what Blur makes'):
        Precomputed('blur', of=Blur()).compute(np.zeros((1, 2, 2, 1), np.uint8))
    with pytest.raises(ValueError, match='3 channels, which is not what Edges makes'):
        Precomputed('edges', of=Edges()).compute(np.zeros((1, 2, 2, 3), np.uint8))


@pytest.mark.parametrize(('of', 'said'), [
    (3, 'expected the config of a modality'), (dict(sigma=1), 'expected the config of a modality'),
    (LabelMap(), "itself read from the folder 'segmentation'"), (dict(type='Blurr'), "did you mean 'Blur'"),
])
def test_of_must_be_computed_from_frames(of, said):
    with pytest.raises(ConfigError, match=said):
        build_modalities({'m': dict(type='Precomputed', folder='m', of=of)})


def test_faults_of_the_inner_modality_are_found_in_a_config():
    cfg = load_config('configs/tecogan_multimodal.py')
    for modalities in [cfg.model.modalities, *(cfg[f'{p}_dataloader'].dataset.modalities for p in ('train', 'val'))]:
        modalities['blur'] = dict(type='Precomputed', folder='blur', of=dict(type='Blur', sigmaa=2))
    with pytest.raises(ConfigError, match=r"model\.modalities\.blur\.of\.sigmaa.*did you mean 'sigma'"):
        check_config(cfg)
